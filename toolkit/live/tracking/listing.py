"""Lists of files in MLflow's shape, and what this server says of itself."""

from __future__ import annotations

import posixpath

from toolkit.live.tracking.artifacts import Entry
from toolkit.live.tracking.call import Answer, Call
from toolkit.live.tracking.places import listed
from toolkit.live.tracking.shapes import artifact_uri


def of_run(call: Call) -> Answer:
    """The files of a run, named from its root."""
    run = call.run()
    entries = call.artifacts(run.name).entries(call.optional("path") or "")
    return {"root_uri": artifact_uri(run.name), "files": [_json(entry) for entry in entries]}


def of_place(call: Call) -> Answer:
    """The files in a place, named from that place."""
    entries = listed(call, call.text("path").strip("/"))
    names = [{**_json(entry), "path": posixpath.basename(entry.path)} for entry in entries]
    return {"files": names}


def server(_call: Call) -> Answer:
    """What MLflow's client asks before it uses something newer than the protocol."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
    }


def _json(entry: Entry) -> dict[str, object]:
    found: dict[str, object] = {"path": entry.path, "is_dir": entry.is_folder}
    return found if entry.is_folder else {**found, "file_size": entry.size}

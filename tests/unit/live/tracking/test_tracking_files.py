from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.live.tracking.conftest import FILES, Client
from toolkit.live.tracking.routes import V1
from toolkit.live.tracking.server import Tracking
from toolkit.workspace.model import NewAsset, Run
from toolkit.workspace.workspace import Workspace

MEGABYTE = 1 << 20


class Zeros(io.RawIOBase):
    """Many bytes of which only a block is ever there."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._left)
        buffer[:count] = bytes(count)
        self._left -= count
        return count


def test_what_is_put_is_listed_and_read(client: Client, run: Run, workspace: Workspace) -> None:
    assert client.put(f"runs/{run.name}/plots/a%20b.txt", b"hello").status == 200
    assert client.read(f"runs/{run.name}/plots/a%20b.txt").body == b"hello"
    assert (workspace.folder_of(run.name) / "artifacts/plots/a b.txt").read_bytes() == b"hello"
    listed = client.ask("GET", f"{FILES}?path=runs/{run.name}/plots").json["files"]
    assert listed == [{"path": "a b.txt", "is_dir": False, "file_size": 5}]
    of_run = client.get(f"artifacts/list?run_id={run.name}").json["files"]
    assert of_run == [{"path": "plots", "is_dir": True}]
    assert client.ask("DELETE", f"{FILES}/runs/{run.name}/plots/a%20b.txt").status == 200
    assert client.read(f"runs/{run.name}/plots/a%20b.txt").error == (404, "RESOURCE_DOES_NOT_EXIST")


def test_logs_and_outputs_are_read_too(client: Client, run: Run, workspace: Workspace) -> None:
    (workspace.folder_of(run.name) / "user_logs/std_log.txt").write_text("log")
    assert client.read(f"runs/{run.name}/user_logs/std_log.txt").body == b"log"


@pytest.mark.parametrize(
    "path",
    [
        "../../workspace.db",
        "%2e%2e/%2e%2e/workspace.db",
        "/etc/passwd",
        "%2Fetc/passwd",
        "a%00b",
        "",
    ],
)
def test_no_path_leads_out_of_a_run(client: Client, run: Run, path: str) -> None:
    for answer in (
        client.read(f"runs/{run.name}/{path}"),
        client.put(f"runs/{run.name}/{path}", b"x"),
    ):
        assert answer.status in {400, 404}


@pytest.mark.parametrize(
    "place", ["runs/nobody/x", "models/none/1/x", "gadgets/a/b", "datastores/no/x"]
)
def test_places_that_are_not_there(client: Client, place: str) -> None:
    assert client.put(place, b"x").status in {403, 404}
    assert client.read(place).status == 404


def test_a_name_that_is_too_long(client: Client, run: Run) -> None:
    assert client.put(f"runs/{run.name}/{'x' * 300}", b"x").error == (
        400,
        "INVALID_PARAMETER_VALUE",
    )


def test_exclusive_means_only_once(client: Client, run: Run) -> None:
    assert client.put(f"runs/{run.name}/a?exclusive=1", b"1").status == 200
    assert client.put(f"runs/{run.name}/a?exclusive=1", b"2").error == (409, "RESOURCE_CONFLICT")
    assert client.put(f"runs/{run.name}/a", b"3").status == 200
    assert client.read(f"runs/{run.name}/a").body == b"3"


def test_an_upload_that_breaks_off_leaves_nothing(
    client: Client, run: Run, workspace: Workspace
) -> None:
    broken = Client(client.port, client.token, {"Content-Length": "100"})
    with pytest.raises(OSError, match=r".*"):
        broken.ask("PUT", f"{FILES}/runs/{run.name}/half", Interrupted())
    folder = workspace.folder_of(run.name)
    client.put(f"runs/{run.name}/whole", b"x")  # the one before is over when this is answered
    assert [path.name for path in (folder / "artifacts").iterdir()] == ["whole"]


class Interrupted(io.RawIOBase):
    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise OSError("gone")


def test_a_large_file_is_streamed(client: Client, run: Run) -> None:
    size = 64 * MEGABYTE
    sized = Client(client.port, client.token, {"Content-Length": str(size)})
    tracemalloc.start()
    try:
        sent = sized.ask("PUT", f"{FILES}/runs/{run.name}/big", io.BufferedReader(Zeros(size)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent.status == 200
    assert peak < 16 * MEGABYTE
    listed = client.get(f"artifacts/list?run_id={run.name}").json["files"]
    assert listed == [{"path": "big", "is_dir": False, "file_size": size}]


def test_datastores_are_folders(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    with Tracking(workspace, binds=[], datastores={"blob": tmp_path / "blob"}) as tracking:
        client = Client(tracking.port, tracking.token_for(run.name))
        assert client.put("datastores/blob/a/b.csv", b"1,2").status == 200
        assert client.put("datastores/workspaceblobstore/c", b"3").status == 200
        assert client.put("datastores/blob/../out", b"4").status in {400, 404}
    assert (tmp_path / "blob/a/b.csv").read_bytes() == b"1,2"
    assert (workspace.data_folder / "c").read_bytes() == b"3"


def test_another_runs_files_are_read_only(
    client: Client, new_run: Callable[..., Run], workspace: Workspace
) -> None:
    other = new_run()
    (workspace.folder_of(other.name) / "artifacts/a").write_text("a")
    assert client.read(f"runs/{other.name}/a").body == b"a"
    assert client.put(f"runs/{other.name}/a", b"b").error == (403, "PERMISSION_DENIED")
    assert client.ask("DELETE", f"{FILES}/runs/{other.name}/a").error == (403, "PERMISSION_DENIED")


def test_what_lies_beside_an_asset_is_not_part_of_it(
    client: Client, workspace: Workspace, tmp_path: Path
) -> None:
    for name in ("data.csv", "secret"):
        (tmp_path / name).write_text(name)
    workspace.assets.register(
        NewAsset(kind="data", name="d", version="1", type="uri_file", path=tmp_path / "data.csv")
    )
    assert client.read("data/d/1/data.csv").body == b"data.csv"
    assert client.read("data/d/1/secret").error == (404, "RESOURCE_DOES_NOT_EXIST")
    listed = client.ask("GET", f"{FILES}?path=data/d/1").json["files"]
    assert listed == [{"path": "data.csv", "is_dir": False, "file_size": 8}]


def test_staged_files_of_a_refused_model_are_gone(
    client: Client, run: Run, workspace: Workspace
) -> None:
    assert client.put("staged/abc/m.pkl", b"m").status == 200
    refused = client.ask("POST", f"{V1}/models", {"staged": "abc", "name": "no name"})
    assert refused.error == (400, "INVALID_PARAMETER_VALUE")
    assert not [*(workspace.folder_of(run.name) / ".incoming").iterdir()]

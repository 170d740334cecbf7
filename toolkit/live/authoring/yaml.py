"""YAML of a script's own files, read here: the drop-in has nothing but a standard library."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from toolkit.live.authoring.service import Authoring, Routes
from toolkit.live.tracking.call import Answer, Call
from toolkit.specs.runconfig import RunConfigurationFile
from toolkit.specs.yamlfile import load_yaml, parse, plain

_CONDA_FILE: Final = "condaDependenciesFile"
_CONDA: Final = "condaDependencies"


def read(_authoring: Authoring, call: Call) -> Answer:
    """The data of a YAML file."""
    what = call.optional("what") or "YAML file"
    file = load_yaml(Path(call.text("path")), what=what)
    data = plain(file.data)
    if not isinstance(data, dict):
        raise file.error((), f"a {what} must be a mapping of keys to values")
    return {"data": data}


def read_run_configuration(_authoring: Authoring, call: Call) -> Answer:
    """A .runconfig, its keys checked, with the conda file that it names inside."""
    path = Path(call.text("path"))
    file = load_yaml(path, what="run configuration")
    parse(RunConfigurationFile, file, what="a run configuration")
    data: dict[str, Any] = plain(file.data)
    python = (data.get("environment") or {}).get("python") or {}
    named = python.pop(_CONDA_FILE, None)
    if named and not python.get(_CONDA):
        conda = _beside(path, str(named))
        if conda is None:
            raise file.error(("environment", "python"), f"conda file not found: {named}")
        python[_CONDA] = plain(load_yaml(conda, what="conda file").data)
    return {"data": data}


def _beside(path: Path, named: str) -> Path | None:
    """From the project's root, or from the file's own folder."""
    for candidate in (path.parent.parent / named, path.parent / named):
        if candidate.is_file():
            return candidate
    return None


ROUTES: Routes = {("POST", "yaml"): read, ("POST", "runconfig"): read_run_configuration}

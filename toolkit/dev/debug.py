"""What an IDE needs to attach: where, and which local folder is which folder in the container."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from toolkit.dev.launchjson import merge_file
from toolkit.engines.base import Address
from toolkit.specs.includes import is_packed

_USERS: Final = ("justMyCode",)  # to step into libraries: said once, it holds


@dataclass(frozen=True, kw_only=True)
class PathMapping:
    """A folder on this machine and the same folder inside the container."""

    local: Path
    remote: PurePosixPath


@dataclass(frozen=True, kw_only=True)
class DebugSession:
    """One debugger to attach to."""

    name: str
    address: Address
    mappings: tuple[PathMapping, ...]

    @property
    def title(self) -> str:
        """The name of its launch configuration."""
        return f"aml-emu: {self.name}"

    def configuration(self, workspace: Path) -> Mapping[str, Any]:
        """The VS Code attach configuration; paths inside `workspace` are written relative to it."""
        return {
            "name": self.title,
            "type": "debugpy",
            "request": "attach",
            "connect": {"host": self.address.host, "port": self.address.port},
            "pathMappings": [
                {"localRoot": _local(m.local, workspace), "remoteRoot": str(m.remote)}
                for m in self.mappings
            ],
            "justMyCode": True,
        }


def code_mappings(
    code: Path | None, includes: Mapping[str, Path], remote: PurePosixPath
) -> tuple[PathMapping, ...]:
    """Where a job's files are. Of a folder that lies there as a zip file nothing can be mapped.

    debugpy tries folders before files, so a file from elsewhere would be taken for one of the code
    folder: beside such files, each entry of the code folder is mapped by itself.
    """
    beside = {name: path for name, path in includes.items() if not is_packed(name, path)}
    if code is None or all(path.is_dir() for path in beside.values()):
        end = [] if code is None else [PathMapping(local=code, remote=remote)]
        return (*_mapped(beside, remote), *end)
    own = {each.name: each for each in sorted(code.iterdir()) if _may_be_source(each)}
    return tuple(_mapped({**own, **beside}, remote))


def _mapped(places: Mapping[str, Path], remote: PurePosixPath) -> list[PathMapping]:
    """Files first: `lib` would be found to be the beginning of `lib_of_mine.py`."""
    found = [PathMapping(local=path, remote=remote / name) for name, path in places.items()]
    return sorted(found, key=lambda each: each.local.is_dir())


def _may_be_source(path: Path) -> bool:
    if path.name.startswith((".", "__pycache__")):
        return False
    return path.is_dir() or path.suffix == ".py"


def workspace_of(path: Path, *, project: Path) -> Path:
    """The folder the user most likely has open: one with .vscode or .git, else the project."""
    for folder in path.parents:
        if _is_opened(folder) or (folder / ".git").exists():
            return folder
    return project if path.is_relative_to(project) else path.parent


def _is_opened(folder: Path) -> bool:
    """Whether it has settings of its own; a home folder's .vscode holds the extensions instead."""
    vscode = folder / ".vscode"
    return vscode.is_dir() and not (vscode / "extensions").is_dir()


def write_launch_json(session: DebugSession, workspace: Path) -> Path:
    """Write or merge `.vscode/launch.json`; see launchjson.merge_file for what it raises."""
    path = workspace / ".vscode" / "launch.json"
    merge_file(
        path,
        session.configuration(workspace),
        section="configurations",
        key="name",
        version="0.2.0",
        users=_USERS,
    )
    return path


def _local(path: Path, workspace: Path) -> str:
    if path == workspace:
        return "${workspaceFolder}"
    if path.is_relative_to(workspace):
        return "${workspaceFolder}/" + path.relative_to(workspace).as_posix()
    return str(path)

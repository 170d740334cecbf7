"""The values that a workspace keeps. They read nothing, write nothing and know no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypedDict

from toolkit.workspace.kinds import AssetKind

__all__ = [
    "TERMINAL",
    "AssetChanges",
    "AssetKind",
    "AssetVersion",
    "Experiment",
    "Metric",
    "NewAsset",
    "NewRun",
    "Owner",
    "Record",
    "RecordKind",
    "Run",
    "RunChanges",
    "RunError",
    "RunKind",
    "RunNaming",
    "RunStatus",
    "RunSummary",
]

RunStatus = Literal[
    "NotStarted",
    "Starting",
    "Provisioning",
    "Preparing",
    "Queued",
    "Running",
    "Finalizing",
    "Completed",
    "Failed",
    "CancelRequested",
    "Canceled",
    "NotResponding",
]
RunKind = Literal["command", "pipeline", "step", "sweep", "trial", "parallel", "interactive"]
RunNaming = Literal["v1", "v2"]
RecordKind = Literal[
    "scalar",
    "list",
    "row",
    "table",
    "image",
    "confusion_matrix",
    "accuracy_table",
    "residuals",
    "predictions",
]

TERMINAL: Final[frozenset[RunStatus]] = frozenset({"Completed", "Failed", "Canceled"})


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The process that looks after a run. Pids are used again and every host has its own.

    `started` is psutil's create_time(); `Owner`s are made by `toolkit.workspace.owners`.
    """

    pid: int
    started: float
    host: str


@dataclass(frozen=True, kw_only=True)
class RunError:
    """Why a run failed.

    `code` is `UserError` if it was the user's code, `DiskFull` or `EngineUnavailable` if it was
    the machine, else `SystemError`.
    """

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class NewRun:
    """A run to be. Without a `name` one is made up, as the v2 or the v1 SDK would."""

    experiment: str
    kind: RunKind = "command"
    name: str | None = None
    naming: RunNaming = "v2"
    display_name: str | None = None
    parent: str | None = None
    owner: Owner | None = None
    engine: str = ""
    status: RunStatus = "NotStarted"
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run as it stood when it was read.

    `root` is the topmost run above it (itself, if none is); `number` counts within its
    experiment; `definition` is what was asked for, enough to run it again; `outputs` are its
    named outputs and where each lies; `archived` is what MLflow calls deleted.
    """

    name: str
    experiment: str
    kind: RunKind
    status: RunStatus
    display_name: str
    parent: str | None
    root: str
    number: int
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None
    exit_code: int | None = None
    error: RunError | None = None
    owner: Owner | None = None
    engine: str = ""
    debug_address: str | None = None
    archived: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Path] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_terminal(self) -> bool:
        return self.status in TERMINAL


class RunChanges(TypedDict, total=False):
    """What `Runs.update` and `Runs.advance` can set; a mapping replaces the one before."""

    display_name: str
    owner: Owner | None
    engine: str
    debug_address: str | None
    archived: bool
    exit_code: int | None
    error: RunError | None
    outputs: Mapping[str, Path]
    definition: Mapping[str, Any]


class RunSummary(NamedTuple):
    """One line of a list: cheap to make ten thousand of. Times are seconds since 1970."""

    name: str
    experiment: str
    kind: RunKind
    status: RunStatus
    display_name: str
    parent: str | None
    created: float
    started: float | None
    ended: float | None


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One value of a metric as MLflow logs it; `timestamp` is in milliseconds since 1970."""

    key: str
    value: float
    timestamp: int
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class Record:
    """One call of a v1 `log…` method. `value` is JSON; `order` counts over all runs."""

    key: str
    kind: RecordKind
    value: Any
    step: int | None = None
    description: str = ""
    order: int = 0


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Runs that belong together; `id` is a GUID, as in Azure. `archived` is MLflow's deleted."""

    id: str
    name: str
    created: datetime
    updated: datetime
    archived: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NewAsset:
    """An asset version to be. Without a `version` it gets the next free integer.

    `path` is a file or folder of this machine, `uri` is what cannot be a path (`https://…`);
    one of them for data and models. With `copied`, the workspace keeps a copy of `path`.
    Environments and components are their `definition`, which is written to a file as well.
    """

    kind: AssetKind
    name: str
    version: str | None = None
    type: str = ""
    path: Path | None = None
    uri: str = ""
    copied: bool = False
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    source_run: str | None = None
    definition: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AssetVersion:
    """A registered version. `path` is None only if `uri` says where it lies instead.

    `labels` holds `latest` for the version registered last.
    """

    kind: AssetKind
    name: str
    version: str
    type: str
    path: Path | None
    uri: str
    created: datetime
    labels: frozenset[str] = frozenset()
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    source_run: str | None = None
    archived: bool = False
    definition: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """How a job file names it."""
        return f"azureml:{self.name}:{self.version}"


class AssetChanges(TypedDict, total=False):
    """What can be changed of a registered version; its content cannot."""

    description: str
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    archived: bool

"""One request as its handler sees it: who asks, what for, and of which workspace. No HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.live.tracking.access import Caller
from toolkit.live.tracking.artifacts import Artifacts
from toolkit.live.tracking.failures import Refused, invalid
from toolkit.workspace.model import Run
from toolkit.workspace.workspace import Workspace

_VIEWS: Mapping[str, bool | None] = {
    **dict.fromkeys(("ACTIVE_ONLY", "1"), False),
    **dict.fromkeys(("DELETED_ONLY", "2"), True),
    **dict.fromkeys(("ALL", "3")),
}
_MOST = 1 << 63  # what a column of the database can hold
CREATED_IN = "aml-emu.created-in"
"""The property of a run without a parent that says whose code began it: the root of that run."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """`values` are the query, the path's parameters and the JSON body together."""

    workspace: Workspace
    caller: Caller
    values: Mapping[str, Any] = field(default_factory=dict)
    datastores: Mapping[str, Path] = field(default_factory=dict)

    def text(self, *keys: str) -> str:
        """The first of these keys that was given; Refused if none was."""
        found = self.optional(*keys)
        if not found:
            raise invalid(f"missing value for required parameter '{keys[0]}'")
        return found

    def optional(self, *keys: str) -> str | None:
        for key in keys:
            found = self.values.get(key)
            if found is None:
                continue
            if isinstance(found, dict | list):
                raise invalid(f"'{key}' must be text")
            return str(found)
        return None

    def number(self, key: str, default: int) -> int:
        found = self.values.get(key)
        return default if found is None else whole(found, key)

    def objects(self, key: str) -> list[Mapping[str, Any]]:
        """A list of JSON objects; empty if it was not given."""
        found = self.values.get(key) or []
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise invalid(f"'{key}' must be a list of objects")
        return found

    def texts(self, key: str) -> list[str]:
        """A list of texts; a single one is a list too, as in a query."""
        found = self.values.get(key) or []
        return [str(item) for item in (found if isinstance(found, list) else [found])]

    def object(self, key: str) -> dict[str, Any]:
        """A JSON object; Refused if none was given."""
        found = self.values.get(key)
        if not isinstance(found, dict):
            raise invalid(f"'{key}' must be an object")
        return found

    def mapping(self, key: str) -> dict[str, str]:
        """A JSON object of texts; empty if it was not given."""
        found = self.object(key) if self.values.get(key) else {}
        return {str(name): str(value) for name, value in found.items()}

    def run(self) -> Run:
        """The run that is asked about."""
        return self.workspace.runs.get(self.text("run_id", "run_uuid"))

    def own_run(self) -> Run:
        """The run that is to be changed; Refused if it is none of the caller's."""
        run = self.run()
        self.check_own(run)
        return run

    def check_own(self, run: Run) -> None:
        root = run.properties.get(CREATED_IN, run.root)
        if not self.caller.may_change(root):
            raise Refused(
                "PERMISSION_DENIED",
                f"run `{self.caller.run}` may not change run `{run.name}`",
            )

    def artifacts(self, run: str) -> Artifacts:
        return Artifacts(self.workspace.folder_of(run))


Answer = Mapping[str, Any]
Handler = Callable[[Call], Answer]


def archived_in(call: Call, key: str) -> bool | None:
    """What a view leaves of archived ones: none of them, only them, or (None) all there is."""
    view = str(call.values.get(key) or "ACTIVE_ONLY")
    if view not in _VIEWS:
        raise invalid(f"unknown {key}: {view}")
    return _VIEWS[view]


def whole(value: Any, name: str) -> int:
    try:
        found = int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid(f"'{name}' must be a whole number: {value}") from error
    if not -_MOST <= found < _MOST:
        raise invalid(f"'{name}' must be a number of 64 bits: {value}")
    return found


def real(value: Any, name: str) -> float:
    """A number; JSON cannot say NaN and infinity, so they come as text."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid(f"'{name}' must be a number: {value}") from error


def key_of(item: Mapping[str, Any], name: str = "key") -> str:
    found = item.get(name)
    if not isinstance(found, str) or not found:
        raise invalid(f"missing value for required parameter '{name}'")
    return found


def pairs(items: list[Mapping[str, Any]]) -> dict[str, str]:
    """`[{"key": …, "value": …}]` as a mapping."""
    return {key_of(item): str(item.get("value", "")) for item in items}

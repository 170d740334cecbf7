"""An experiment as a job sees it: its name, its workspace, the runs in it."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Optional

from .._aml_emu.missing import missing_member


class Experiment:
    """`Experiment(workspace, name)`; nothing is asked until something is."""

    def __init__(self, workspace: Any, name: str, **_kwargs: Any) -> None:
        self.workspace = workspace
        self.name = name

    @property
    def id(self) -> Optional[str]:
        for run in self.get_runs():
            return str(run._details["experiment_id"])  # noqa: SLF001
        return None

    def get_runs(
        self,
        type: Optional[str] = None,
        tags: Any = None,
        **_kwargs: Any,
    ) -> Iterator[Any]:
        """Newest first. `tags` is a key or a mapping, as in the SDK."""
        from .run import Run  # run.py names its experiment in turn

        wanted: Mapping[str, str] = tags if isinstance(tags, dict) else {}
        answer = self.workspace._link.call("GET", "runs", query={"experiment": self.name})  # noqa: SLF001
        for found in answer["runs"]:
            if isinstance(tags, str) and tags not in found["tags"]:
                continue
            if all(found["tags"].get(key) == value for key, value in wanted.items()):
                yield Run(self, found["id"], _details=found)

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def __repr__(self) -> str:
        return f"Experiment(Name: {self.name}, Workspace: {self.workspace.name})"

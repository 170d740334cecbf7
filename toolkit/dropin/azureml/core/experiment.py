"""An experiment: its name, its workspace, the runs in it; and how a run is submitted to it."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

from typing import Any, Iterator, List, Mapping, Optional

from .._aml_emu.authoring import ask, place
from .._aml_emu.chosen import has
from .._aml_emu.missing import missing_member
from .._aml_emu.operation import follow
from ..exceptions import ExperimentExecutionException, UserErrorException


class Experiment:
    """`Experiment(workspace, name)`; nothing is asked until something is."""

    def __init__(self, workspace: Any, name: str, **_kwargs: Any) -> None:
        self.workspace = workspace
        self.name = name

    @property
    def id(self) -> Optional[str]:
        for run in self.get_runs(include_children=True):
            return str(run._details["experiment_id"])
        return None

    @staticmethod
    def list(workspace: Any, **_kwargs: Any) -> List[Experiment]:
        found = ask(workspace._link, "GET", "experiments")["names"]
        return [Experiment(workspace, name) for name in found]

    def submit(self, config: Any, tags: Optional[Mapping[str, Any]] = None, **kwargs: Any) -> Any:
        """Start what `config` describes: a ScriptRunConfig or a Pipeline. Returns while it runs."""
        if hasattr(config, "_submit"):
            return config._submit(self, tags=tags, **kwargs)
        if not hasattr(config, "run_config"):
            kind = type(config).__name__
            raise UserErrorException(
                f"a {kind} cannot be submitted here: "
                "give a `ScriptRunConfig` or a `Pipeline`, or a v2 sweep to `aml-emu run`"
            )
        from .script_run import ScriptRun  # run.py names its experiment in turn

        file, line = place()
        body = {
            "experiment": self.name,
            "job": config._wire(),
            "tags": {str(key): str(value) for key, value in (tags or {}).items()},
            "file": file,
            "line": line,
        }
        link = self.workspace._link
        started = ask(link, "POST", "runs", body)["operation"]
        found = follow(link, started, True, ExperimentExecutionException)
        return ScriptRun(self, found["run"])

    def start_logging(self, *_args: Any, **kwargs: Any) -> Any:
        """A run of the script that is running: it logs, and ends it with `complete()`."""
        from .run import Run

        body = {"experiment": self.name, "display_name": kwargs.get("display_name")}
        found = self.workspace._link.call("POST", "runs", body)
        return Run(self, found["id"], _details=found)

    def get_runs(
        self,
        type: Optional[str] = None,
        tags: Any = None,
        properties: Any = None,
        include_children: bool = False,
        **_kwargs: Any,
    ) -> Iterator[Any]:
        """Newest first. `tags` and `properties` are a key or a mapping, as in the SDK."""
        from .run import Run  # run.py names its experiment in turn

        answer = self.workspace._link.call("GET", "runs", query={"experiment": self.name})
        for found in answer["runs"]:
            run = Run(self, found["id"], _details=found)
            is_asked_for = include_children or found["parent"] is None
            fits = has(found["tags"], tags) and has(found["properties"], properties)
            if is_asked_for and fits and type in {None, run.type}:
                yield run

    def get_portal_url(self) -> str:
        """There is no portal; the command that shows the runs instead."""
        return "aml-emu runs list --experiment " + self.name

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def __repr__(self) -> str:
        return f"Experiment(Name: {self.name}, Workspace: {self.workspace.name})"

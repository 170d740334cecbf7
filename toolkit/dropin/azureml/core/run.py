"""`Run`: what a script logs, keeps and asks of the run it is in, or of another one."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import os
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence

from .._aml_emu.authoring import ask, is_authoring
from .._aml_emu.awaited import Awaited
from .._aml_emu.chosen import has
from .._aml_emu.link import Link, link_of_environment
from .._aml_emu.missing import missing_member
from .._aml_emu.offline import OfflineRun
from .._aml_emu.records import RecordLog
from .._aml_emu.runfiles import RunFiles
from ..exceptions import RunEnvironmentException, UserErrorException
from .experiment import Experiment
from .workspace import Workspace

_OfflineRun = OfflineRun  # scripts import it from here to ask what they were given
_NEEDED = ("AZUREML_RUN_ID", "AZUREML_RUN_TOKEN", "AML_EMU_TRACKING")


class Run(Awaited, RecordLog, RunFiles):
    """A run of the workspace; `Run.get_context()` is the one that this script is part of."""

    def __init__(
        self,
        experiment: Any,
        run_id: str,
        outputs: Any = None,
        *,
        _details: Optional[Mapping[str, Any]] = None,
        **_kwargs: Any,
    ) -> None:
        self.experiment = experiment
        self.id = run_id
        self._link: Link = experiment.workspace._link
        self._known = _details

    @classmethod
    def get_context(cls, allow_offline: bool = True, **_kwargs: Any) -> Any:
        """The run that this process is in. Outside of one, an offline run that prints."""
        link = link_of_environment()
        if link is not None and "AZUREML_RUN_ID" in os.environ:
            name = os.environ.get("AZUREML_ARM_PROJECT_NAME", "")
            return cls(Experiment(Workspace(_link=link), name), os.environ["AZUREML_RUN_ID"])
        if allow_offline:
            return OfflineRun()
        missing = ", ".join(name for name in _NEEDED if name not in os.environ)
        raise RunEnvironmentException(
            f"this script is in no run ({missing} not set): start it with `aml-emu run`"
        )

    @staticmethod
    def get(workspace: Any, run_id: str) -> Run:
        """Any run of the workspace."""
        found = workspace._link.call("GET", "runs/" + run_id)
        return Run(Experiment(workspace, found["experiment"]), run_id, _details=found)

    @staticmethod
    def list(experiment: Any, **filters: Any) -> Iterator[Run]:
        return iter(experiment.get_runs(**filters))

    @property
    def name(self) -> str:
        return str(self._details["display_name"])

    @property
    def display_name(self) -> str:
        return str(self._details["display_name"])

    @display_name.setter
    def display_name(self, value: str) -> None:
        self._known = self._link.call("PATCH", self._at(), {"display_name": value})

    @property
    def description(self) -> Optional[str]:
        return self._details["description"]  # type: ignore[no-any-return]  # it is JSON

    @description.setter
    def description(self, value: str) -> None:
        self._known = self._link.call("PATCH", self._at(), {"description": value})

    @property
    def number(self) -> int:
        return int(self._details["number"])

    @property
    def type(self) -> str:
        return str(self._details["properties"].get("runType", "azureml.scriptrun"))

    @property
    def status(self) -> str:
        return self.get_status()

    @property
    def tags(self) -> Dict[str, str]:
        return self.get_tags()

    @property
    def properties(self) -> Dict[str, str]:
        return self.get_properties()

    @property
    def parent(self) -> Optional[Run]:
        """The run above this one; a pipeline's, for a step."""
        above = self._details["parent"]
        return None if above is None else Run(self.experiment, above)

    @property
    def input_datasets(self) -> Any:
        from .._aml_emu.inputs import InputDatasets  # most scripts ask for none

        return InputDatasets(self.experiment.workspace)

    def get_status(self) -> str:
        return str(self._fresh()["status"])

    def get_tags(self) -> Dict[str, str]:
        return dict(self._fresh()["tags"])

    def get_properties(self) -> Dict[str, str]:
        return dict(self._fresh()["properties"])

    def get_details(self) -> Dict[str, Any]:
        found = self._fresh()
        details = {
            "runId": self.id,
            "target": "local",
            "status": found["status"],
            "startTimeUtc": _utc(found["started"]),
            "endTimeUtc": _utc(found["ended"]),
            "properties": found["properties"],
            "inputDatasets": [],
            "outputDatasets": [],
            "logFiles": {name: name for name in self.get_file_names() if "logs/" in name},
        }
        return dict(details, error=found["error"]) if found["error"] else details

    def get_portal_url(self) -> str:
        """There is no portal; the command that shows the run instead."""
        return "aml-emu runs show " + self.id

    def tag(self, key: str, value: Any = None) -> None:
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        self._tag({str(key): "" if value is None else str(value) for key, value in tags.items()})

    def remove_tags(self, tags: Any) -> Dict[str, str]:
        keys = [tags] if isinstance(tags, str) else list(tags)
        return dict(self._tag(dict.fromkeys(keys))["tags"])

    def add_properties(self, properties: Mapping[str, Any]) -> None:
        """Add them; the service lets nobody change one."""
        texts = {str(key): str(value) for key, value in properties.items()}
        self._known = self._link.call("POST", self._at("properties"), {"properties": texts})

    def get_secret(self, name: str) -> str:
        return str(self.experiment.workspace.get_default_keyvault().get_secret(name))

    def get_secrets(self, secrets: Sequence[str]) -> Dict[str, str]:
        return dict(self.experiment.workspace.get_default_keyvault().get_secrets(secrets))

    def child_run(
        self, name: Optional[str] = None, run_id: Optional[str] = None, outputs: Any = None
    ) -> Run:
        """A run below this one, running already; as a context manager it ends with the block."""
        return self._begin([{"id": run_id, "name": self._chained(name)}], "Running")[0]

    def create_children(
        self,
        count: Optional[int] = None,
        tag_key: Optional[str] = None,
        tag_values: Optional[Sequence[str]] = None,
    ) -> List[Run]:
        """Several runs below this one: `count` of them, or one for each value of a tag."""
        if (count is None) == (tag_key is None or tag_values is None):
            raise UserErrorException("give either `count`, or `tag_key` and `tag_values`")
        if count is not None:
            return self._begin([{} for _ in range(count)], "NotStarted")
        return self._begin([{"tags": {tag_key: value}} for value in tag_values or ()], "NotStarted")

    def get_children(
        self,
        recursive: bool = False,
        tags: Any = None,
        properties: Any = None,
        type: Optional[str] = None,
        status: Optional[str] = None,
        **_kwargs: Any,
    ) -> Iterator[Run]:
        """The runs below this one that have these tags, properties, type and status."""
        query = {"recursive": "1"} if recursive else None
        answer = self._link.call("GET", self._at("children"), query=query)
        for found in answer["runs"]:
            run = Run(self.experiment, found["id"], _details=found)
            fits = has(found["tags"], tags) and has(found["properties"], properties)
            if fits and status in {None, found["status"]} and type in {None, run.type}:
                yield run

    def get_metrics(
        self, name: Optional[str] = None, recursive: bool = False, **_kwargs: Any
    ) -> Dict[str, Any]:
        """Everything that was logged; with `recursive`, by run, those below included."""
        own = self._metrics(self.id, name)
        if not recursive:
            return own
        below = {child.id: self._metrics(child.id, name) for child in self.get_children(True)}
        return dict({self.id: own}, **below)

    def start(self) -> None:
        self._advance("Running")

    def complete(self, _set_status: bool = True) -> None:
        """Of a child run: it is over. The script's own run ends with the script."""
        self._advance("Completed")

    def fail(
        self, error_details: Any = None, error_code: Optional[str] = None, _set_status: bool = True
    ) -> None:
        """Of a child run: it failed. The script's own run fails if the script does."""
        told = "" if error_details is None else str(error_details)
        self._advance("Failed", error_code=error_code, error_details=told)

    def cancel(self) -> None:
        if self.id == os.environ.get("AZUREML_RUN_ID"):
            print("Warning: a run cannot cancel itself, it ends with its script")
            return
        if is_authoring() and self._details["kind"] != "interactive":
            ask(self._link, "POST", f"runs/{self.id}/cancel")
            return
        self._advance("Canceled")

    def flush(self, timeout_seconds: float = 300) -> None:
        """Nothing waits to be sent: every call was complete when it returned."""

    def register_model(
        self,
        model_name: str,
        model_path: Optional[str] = None,
        tags: Optional[Mapping[str, Any]] = None,
        properties: Optional[Mapping[str, Any]] = None,
        model_framework: Optional[str] = None,
        model_framework_version: Optional[str] = None,
        description: Optional[str] = None,
        **_kwargs: Any,
    ) -> Any:
        """Register a file or folder among this run's artifacts, by default that of its name."""
        from .model import Model  # model.py is only for those who ask

        return Model._of_run(
            self,
            model_name,
            model_path or model_name,
            tags=tags,
            properties=properties,
            description=description,
            framework=model_framework,
            framework_version=model_framework_version,
        )

    def __enter__(self) -> Run:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is None:
            self.complete()
        else:
            self.fail(error_details=error)

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def __repr__(self) -> str:
        return (
            f"Run(Experiment: {self.experiment.name},\nId: {self.id},\nStatus: {self.get_status()})"
        )

    @property
    def _details(self) -> Mapping[str, Any]:
        """What does not change, as it was when it was asked first."""
        return self._fresh() if self._known is None else self._known

    def _fresh(self) -> Mapping[str, Any]:
        self._known = self._link.call("GET", self._at())
        return self._known

    def _at(self, what: str = "") -> str:
        return f"runs/{self.id}/{what}".rstrip("/")

    def _tag(self, tags: Mapping[str, Optional[str]]) -> Mapping[str, Any]:
        self._known = self._link.call("POST", self._at("tags"), {"tags": tags})
        return self._known

    def _advance(self, status: str, **more: Any) -> None:
        self._known = self._link.call("POST", self._at("status"), dict(more, status=status))

    def _metrics(self, run: str, name: Optional[str]) -> Dict[str, Any]:
        found: Dict[str, Any] = self._link.call("GET", f"runs/{run}/metrics")["metrics"]
        if name is None:
            return found
        return {name: found[name]} if name in found else {}

    def _begin(self, runs: List[Dict[str, Any]], status: str) -> List[Run]:
        body = {"runs": runs, "status": status}
        answer = self._link.call("POST", self._at("children"), body)
        return [Run(self.experiment, found["id"], _details=found) for found in answer["runs"]]

    def _chained(self, name: Optional[str]) -> Optional[str]:
        return None if name is None else f"{self.display_name}_{name}"


def _utc(milliseconds: Optional[int]) -> Optional[str]:
    from datetime import datetime, timezone  # only `get_details` needs it

    if milliseconds is None:
        return None
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

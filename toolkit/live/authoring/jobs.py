"""From a job as a v1 script describes it to a CommandJob; its data is found, nothing is run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from toolkit.errors import NotFound, SpecError
from toolkit.live.authoring.computes import check_compute
from toolkit.plans.run_debug import RunDebug
from toolkit.specs.distribution import Distribution
from toolkit.specs.environment import Environment
from toolkit.specs.inputs import Input, Output
from toolkit.specs.job import CommandJob
from toolkit.specs.yamlfile import at_line, nearest_file
from toolkit.workspace.data import DataLocator
from toolkit.workspace.workspace import Workspace

Told = Mapping[str, Any]
EnvironmentOf = Callable[[Told], Environment | str]

DATASETS: Final = "AZUREML_DATASET_ENVIRONMENT_VARS"
_LISTENS: Final = re.compile(r"\bdebugpy\s*\.\s*listen\s*\(")
_LONGEST: Final = 2_592_000  # what the SDK says where nobody set a limit: 30 days
_DATASTORE: Final = "azureml://datastores/"


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The line of the user's script that described it."""

    file: Path
    line: int

    @classmethod
    def of(cls, told: Told) -> Origin:
        return cls(file=Path(str(told.get("file") or "script")), line=int(told.get("line") or 1))

    def error(self, problem: str, *, hint: str = "") -> SpecError:
        return at_line(self.file, self.line, problem, hint=hint)


@dataclass(frozen=True, kw_only=True)
class Shop:
    """What jobs are made with."""

    workspace: Workspace
    locator: DataLocator
    environment_of: EnvironmentOf


def job_of(told: Told, origin: Origin, shop: Shop) -> CommandJob:
    """Raises SpecError that begins with the script's own line."""
    folder = Path(told["source_directory"])
    if not folder.is_dir():
        raise origin.error(f"the source directory is not there: {folder}")
    script, command = told.get("script"), told.get("command")
    if not script and not command and not told.get("parallel"):
        raise origin.error("nothing to run: neither a script nor a command")
    if script:
        _check_script(folder, script, origin)
    told_config = told["run_configuration"]
    check_compute(shop.workspace, told_config.get("target"), origin.error)
    inputs = inputs_of(told, origin, shop.locator)
    return CommandJob(
        script=script or None,
        command=command or None,
        is_v1=True,
        arguments=tuple(map(str, told.get("arguments") or ())),
        code=folder.resolve(),
        environment=shop.environment_of(told["environment"]),
        inputs=inputs,
        outputs=outputs_of(told),
        environment_variables={**_dataset_variables(told), **told["environment_variables"]},
        distribution=distribution_of(told_config),
        instance_count=int(told_config.get("nodeCount") or 1),
        shm_size=told.get("shm_size"),
        timeout=None if told.get("timeout") in {None, _LONGEST} else float(told["timeout"]),
    )


def inputs_of(told: Told, origin: Origin, locator: DataLocator) -> dict[str, Input]:
    """Data by its path; a dataset that is passed directly is its own name."""
    found: dict[str, Input] = {}
    for name, each in (told.get("inputs") or {}).items():
        if "from" in each:
            found[name] = Input(type="uri_folder", mode=_mode(each))
        elif each.get("mode") == "direct":
            found[name] = Input(type="string", value=direct_value(each))
        else:
            path = located(each["reference"], name, origin, locator)
            kind: Any = "uri_file" if path.is_file() else "uri_folder"
            found[name] = Input(type=kind, path=str(path), mode=_mode(each))
    for name, each in (told.get("data_references") or {}).items():
        if each["mode"] != "upload":
            path = located(_on_datastore(each), name, origin, locator)
            found[name] = Input(type="uri_folder", path=str(path), mode="rw_mount")
    return found


def outputs_of(told: Told) -> dict[str, Output]:
    """`is_open`: the script makes the folder, or writes a file of that name."""
    found = {
        name: Output(
            type="uri_file" if each.get("is_open") else "uri_folder",
            path=each.get("path"),
            name=each.get("register"),
        )
        for name, each in (told.get("outputs") or {}).items()
    }
    for name, each in (told.get("data_references") or {}).items():
        if each["mode"] == "upload":
            found[name] = Output(path=_on_datastore(each))
    return found


def direct_value(each: Told) -> str:
    """What `Dataset.get_by_id` finds it by."""
    return str(each["reference"]).removeprefix("azureml:")


def located(reference: str, name: str, origin: Origin, locator: DataLocator) -> Path:
    """Where data lies; raises SpecError with the script's line if it is not there."""
    try:
        return locator.locate(reference, folder=origin.file.parent).resolve()
    except (NotFound, SpecError) as error:
        raise origin.error(f"input `{name}`: {error.message}", hint=error.hint) from error


def distribution_of(config: Told) -> Distribution | None:
    """How many processes it is, by the keys of a .runconfig."""
    communicator = str(config.get("communicator") or "None").lower()
    framework = str(config.get("framework") or "").lower()
    nodes = int(config.get("nodeCount") or 1)
    if communicator in {"openmpi", "intelmpi", "mpi"}:
        return Distribution(type="mpi", processes=int(config["mpi"]["processCountPerNode"]))
    if communicator == "parameterserver":
        counts = config["tensorflow"]
        return Distribution(
            type="tensorflow",
            workers=int(counts["workerCount"]),
            parameter_servers=int(counts["parameterServerCount"]),
        )
    if framework == "pytorch":
        count = int(config["pytorch"]["processCount"] or nodes)
        return Distribution(type="pytorch", processes=max(1, count // nodes)) if count > 1 else None
    return None


def debug_of(job: CommandJob) -> RunDebug | None:
    """A job that listens for a debugger by itself gets a port that is reached from here."""
    if "--remote_debug" in job.arguments or "-m debugpy" in (job.command or ""):
        return RunDebug(mode="script")
    if job.script is None or job.code is None:
        return None
    text = (job.code / job.script).read_text("utf-8", errors="replace")
    is_switched = "--remote_debug" in text  # and this job does not ask for it
    return RunDebug(mode="script") if _LISTENS.search(text) and not is_switched else None


def _check_script(folder: Path, script: str, origin: Origin) -> None:
    path = folder / script
    if not path.is_file():
        raise origin.error(f"script not found: {path}", hint=nearest_file(path))
    if not path.resolve().is_relative_to(folder.resolve()):
        raise origin.error(f"the script lies outside the source directory: {path}")


def _dataset_variables(told: Told) -> dict[str, str]:
    inputs = told.get("inputs") or {}
    if not inputs:
        return {}
    return {DATASETS: ",".join(f"{name}:{each['mode']}" for name, each in inputs.items())}


def _mode(each: Told) -> Any:
    if each.get("mode") == "download":
        return "download"
    return "rw_mount" if str(each.get("reference", "")).startswith(_DATASTORE) else "ro_mount"


def _on_datastore(each: Told) -> str:
    return f"{_DATASTORE}{each['dataStoreName']}/paths/{each.get('pathOnDataStore') or ''}"

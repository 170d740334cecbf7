"""A v1 run configuration, as the v1 SDK (YAML) or the VS Code extension (JSON) writes it.

The keys are those of azureml-core's RunConfiguration.
"""

# ruff: noqa: N815  # the keys of a .runconfig

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from toolkit.specs.distribution import Distribution
from toolkit.specs.environment import load_environment
from toolkit.specs.environment.definition import CONFIGURATION_FOLDERS
from toolkit.specs.inputs import Input, Output
from toolkit.specs.job import CommandJob, is_size
from toolkit.specs.yamlfile import YamlFile, nearest_file, parse

_KEYS: Final = {"script", "framework", "communicator", "target", "history"}
_LONGEST: Final = 2_592_000  # what the SDK writes where nobody set a limit: 30 days
_SPECIAL: Final = re.compile(
    r"\$(?:\{(?P<braced>[A-Za-z_]\w*)\}|(?P<bare>[A-Za-z_]\w*))|[$`\"\\]", re.ASCII
)
_MODES: Final = {"mount": "rw_mount", "download": "download"}


class _Section(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="ignore", coerce_numbers_to_str=True)


class _Mpi(_Section):
    processCountPerNode: int = Field(default=1, ge=1)  # these are the file's names


class _PyTorch(_Section):
    processCount: int | None = None


class _TensorFlow(_Section):
    workerCount: int = Field(default=1, ge=1)
    parameterServerCount: int = Field(default=0, ge=0)


class _DataReference(_Section):
    dataStoreName: str
    pathOnDataStore: str | None = None
    mode: str = "mount"


class RunConfigurationFile(BaseModel):
    """The keys that the SDK and the extension write."""

    model_config = ConfigDict(defer_build=True, extra="forbid", coerce_numbers_to_str=True)

    id: str | None = None
    script: str | None = None
    arguments: list[Any] = []
    command: str | list[Any] | None = None
    target: str | None = None
    framework: str | None = None
    communicator: str | None = None
    autoPrepareEnvironment: bool | None = None  # in the files of 2019
    maxRunDurationSeconds: float | None = Field(default=None, gt=0)
    nodeCount: int = Field(default=1, ge=1)
    instanceTypes: list[str] | None = None
    priority: int | None = None
    credentialPassthrough: bool | None = None
    identity: Any = None
    environment: Any
    environmentVariables: dict[str, str] | None = None
    history: Any = None
    spark: Any = None
    docker: dict[str, Any] | None = None
    hdi: Any = None
    tensorflow: dict[str, Any] | None = None
    mpi: dict[str, Any] | None = None
    pytorch: dict[str, Any] | None = None
    paralleltask: Any = None
    containerInstance: Any = None
    exposedPorts: Any = None
    dataReferences: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    outputData: dict[str, Any] | None = None
    datacaches: Any = None
    sourceDirectoryDataStore: str | None = None
    applicationEndpoints: Any = None
    amlcompute: Any = None
    kubernetescompute: Any = None
    databricks: Any = None
    aisupercomputer: Any = None
    parallel: Any = None
    services: Any = None


def is_run_configuration(file: YamlFile) -> bool:
    """By its name, by the folder the SDK saves it in, or by keys that no v2 file has."""
    if file.path.suffix == ".runconfig":
        return True
    keys = set(file.data) if isinstance(file.data, Mapping) else set()
    return "script" in keys and len(_KEYS & keys) > 1


def run_configuration(file: YamlFile) -> CommandJob:
    """Raises SpecError with `path:line` for what the file does not say properly."""
    spec = parse(RunConfigurationFile, file, what="a run configuration")
    folder = _root(file)
    command = _command(spec)
    if command is None and not spec.script:
        raise file.error(("script",), "nothing to run: neither `script` nor `command`")
    if command is None:
        _check_script(file, folder / str(spec.script), folder)
    inputs, outputs = _data(file, spec)
    return CommandJob(
        script=None if command is not None else spec.script,
        command=command,
        is_v1=True,
        arguments=tuple(map(str, spec.arguments)),
        code=folder.resolve(),
        environment=load_environment(_environment_file(file)),
        inputs=inputs,
        outputs=outputs,
        environment_variables=spec.environmentVariables or {},
        distribution=_distribution(file, spec),
        instance_count=spec.nodeCount,
        shm_size=_shared_memory(file),
        timeout=None if spec.maxRunDurationSeconds == _LONGEST else spec.maxRunDurationSeconds,
        file=file,
        notes=tuple(_notes(spec)),
    )


def _check_script(file: YamlFile, path: Path, folder: Path) -> None:
    if not path.is_file():
        raise file.error(("script",), f"script not found: {path}", hint=nearest_file(path))
    # as written: a link in the project may lead anywhere
    if Path(os.path.relpath(path, folder)).parts[0] == os.pardir:
        raise file.error(
            ("script",),
            f"the script lies outside the project {folder.resolve()}: {path}",
            hint="only the project travels into the container: name a file in it",
        )


def _notes(spec: RunConfigurationFile) -> Iterator[str]:
    """What such a file may hold that this machine has no use for."""
    if spec.target not in {None, "", "local"}:
        yield f"the job runs here, not on its target: {spec.target}"
    if (spec.framework or "").lower() == "pyspark":
        yield "`framework` is left out, the script runs as ordinary Python: PySpark"
    if (spec.docker or {}).get("arguments"):
        yield "`docker.arguments` is left out"
    for key, named in (("dataReferences", spec.dataReferences), ("data", spec.data)):
        for name, data in (named or {}).items():
            if isinstance(data, Mapping) and data.get("pathOnCompute"):
                yield f"`{key}.{name}.pathOnCompute` is left out: the script is told the path"


def _shared_memory(file: YamlFile) -> str | None:
    """As older SDKs wrote it, too: in the environment."""
    is_inline = isinstance(file.data.get("environment"), Mapping)
    for where in (("docker",), *([("environment", "docker")] if is_inline else [])):
        size = _mapping(file, where).get("shmSize")
        if size and not is_size(str(size)):
            raise file.error(
                (*where, "shmSize"), f"not a size: {size}", hint="write for example `2g`"
            )
        if size:
            return str(size)
    return None


def _environment_file(file: YamlFile) -> Path:
    if file.data.get("environment") is None:
        raise file.error(("environment",), "no `environment` in this run configuration")
    return file.path


def _command(spec: RunConfigurationFile) -> str | None:
    if not spec.command:
        return None
    if isinstance(spec.command, str):
        return spec.command
    return " ".join(_word(str(word)) for word in spec.command)


def _word(text: str) -> str:
    """One word for a shell, with the variables that the service puts in: `$NODE_RANK`.

    What is no variable stays as it is, as in a word that is a script for another shell.
    """
    if "$" not in text:
        return shlex.quote(text)
    return f'"{_SPECIAL.sub(_known_or_itself, text)}"'


def _known_or_itself(found: re.Match[str]) -> str:
    name = found["braced"] or found["bare"]
    itself = found[0].replace("}", "\\}")
    return f"${{{name}-\\{itself}}}" if name else f"\\{itself}"


def _distribution(file: YamlFile, spec: RunConfigurationFile) -> Distribution | None:
    communicator, framework = (spec.communicator or "None").lower(), (spec.framework or "").lower()
    if communicator in {"openmpi", "intelmpi", "mpi"}:
        mpi = _part(file, "mpi", _Mpi)
        return Distribution(type="mpi", processes=mpi.processCountPerNode)
    if communicator == "parameterserver":  # every file has `tensorflow`, whatever it runs
        counts = _part(file, "tensorflow", _TensorFlow)
        if counts.workerCount + counts.parameterServerCount == 1:
            return None
        return Distribution(
            type="tensorflow",
            workers=counts.workerCount,
            parameter_servers=counts.parameterServerCount,
        )
    if framework == "pytorch" and spec.pytorch:
        count = _part(file, "pytorch", _PyTorch).processCount or spec.nodeCount
        if count > 1:
            return Distribution(type="pytorch", processes=max(1, count // spec.nodeCount))
    return None


def _part(file: YamlFile, key: str, model: type[Any]) -> Any:
    return parse(model, file.section(key), what=f"`{key}`") if file.data.get(key) else model()


def _data(file: YamlFile, spec: RunConfigurationFile) -> tuple[dict[str, Input], dict[str, Output]]:
    inputs: dict[str, Input] = {}
    outputs: dict[str, Output] = {}
    for name in spec.dataReferences or {}:
        where = ("dataReferences", name)
        reference = parse(_DataReference, file.section(*where), what=f"data reference `{name}`")
        path = _datastore_path(reference.dataStoreName, reference.pathOnDataStore)
        if reference.mode == "upload":
            outputs[name] = Output(path=path)
        elif reference.mode in _MODES:
            mode: Any = _MODES[reference.mode]
            inputs[name] = Input(type="uri_folder", path=path, mode=mode)
        else:
            raise file.error((*where, "mode"), f"unknown mode: {reference.mode}")
    for name in spec.data or {}:
        inputs[name] = Input(path=_location(file, ("data", name, "dataLocation")))
    for name in spec.outputData or {}:
        place = ("outputData", name, "outputLocation")
        outputs[name] = Output(path=_location(file, place) if _mapping(file, place) else None)
    return inputs, outputs


def _mapping(file: YamlFile, where: tuple[str, ...]) -> Mapping[str, Any]:
    """What stands at that place; empty if nothing does."""
    node: Mapping[str, Any] = file.data
    for depth, key in enumerate(where, start=1):
        found = node.get(key)
        if found is None:
            return {}
        if not isinstance(found, Mapping):
            raise file.error(where[:depth], f"`{key}` must be a mapping of keys to values")
        node = found
    return node


def _location(file: YamlFile, where: tuple[str, ...]) -> str:
    path, dataset = _mapping(file, (*where, "dataPath")), _mapping(file, (*where, "dataset"))
    if path.get("datastoreName"):
        return _datastore_path(str(path["datastoreName"]), path.get("relativePath"))
    if dataset.get("name"):
        version = dataset.get("version")
        return f"azureml:{dataset['name']}" + (f":{version}" if version else "@latest")
    raise file.error(
        where,
        f"`{where[1]}` names its data by an id that only a workspace in Azure knows",
        hint="name the dataset, or its path on a datastore",
    )


def _datastore_path(store: str, path: str | None) -> str:
    return f"azureml://datastores/{store}/paths/{(path or '').strip('/')}"


def _root(file: YamlFile) -> Path:
    """The project's folder: that around `.azureml`, else the file's own."""
    folder = file.path.parent
    return folder.parent if folder.resolve().name in CONFIGURATION_FOLDERS else folder

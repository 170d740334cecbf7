"""From a command job to the container that runs it as Azure ML would. Runs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from toolkit.plans import emulation
from toolkit.plans.job_layout import (
    DEFAULT_SHM_SIZE,
    HOME,
    LOGS,
    OUTPUTS,
    USER,
    JobLayout,
    job_layout,
    run_variables,
)
from toolkit.plans.model import Cache, LaunchPlan, Mount
from toolkit.plans.ranks import Rank, ranks
from toolkit.resources import dropin
from toolkit.specs.expressions import ExpressionError, Reference, parse_expression
from toolkit.specs.inputs import FILE_TYPES, Output, Value, text_of
from toolkit.specs.job import CommandJob

LABEL_RUN: Final = f"{emulation.LABEL}.run"
JOB_VARIABLE: Final = "AML_EMU_JOB"
CODE: Final = "code"  # the folder of a run that becomes the working directory
_DROPIN: Final = emulation.HOME / "dropin"  # our own `azureml`, for images without the real one
_WRITABLE: Final = frozenset({"rw_mount", "mount"})
# The Python of the image, found as a shell finds it; ours needs nothing but a standard library.
_START: Final = (
    'for python in "${AZUREML_CONDA_ENVIRONMENT_PATH:-/none}/bin/python" '
    '"${CONDA_PREFIX:-/none}/bin/python" python3 python /opt/miniconda/bin/python; do '
    'command -v "$python" >/dev/null && exec "$python" -I -S -X pycache_prefix="$1" "$0"; '
    'done; echo "the image has no Python" >&2; exit 127'
)


@dataclass(frozen=True, kw_only=True)
class ResolvedInput:
    """An input that is ready to be used: a literal `value`, or a `path` of this machine.

    An input without either was optional and not given.
    """

    name: str
    type: str
    value: Value | None = None
    path: Path | None = None
    mode: str = "ro_mount"


@dataclass(frozen=True, kw_only=True)
class JobLaunch:
    """All that decides a job's container. `folder` is the run's; its `code` is the snapshot.

    `outputs` are where each named output must land: a file for `uri_file`, else a folder. They
    (or the folder of the file) exist. `variables` come from the tracking and are set last.
    """

    run: str
    root: str
    experiment: str
    job: CommandJob
    image: str
    folder: Path
    project: Path
    inputs: Mapping[str, ResolvedInput] = field(default_factory=dict)
    outputs: Mapping[str, Path] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    ca_bundle: Path | None = None


def plan_run(launch: JobLaunch) -> LaunchPlan:
    """The container of a job.

    Raises SpecError (with `path:line`) for a reference in the command that has no value.
    """
    job, layout = launch.job, job_layout(launch.job.era, launch.run)
    processes = ranks(job.distribution, instances=job.instance_count)
    return LaunchPlan(
        kind="run",
        name=launch.run,
        image=launch.image,
        command=("sh", "-c", _START, str(_runner()), str(emulation.BYTECODE_CACHE)),
        env={
            "HOME": str(HOME),
            "USER": USER,  # the host's ids have no name in the container
            "AML_EMU_HOME": str(emulation.HOME),
            "AML_EMU_STATE": str(emulation.STATE),
            "AML_EMU_DROPIN": str(_DROPIN),
            "PYTHONUNBUFFERED": "1",
            **(_trust() if launch.ca_bundle else {}),
            **run_variables(
                layout,
                run=launch.run,
                root=launch.root,
                experiment=launch.experiment,
                nodes=job.instance_count,
            ),
            **_input_variables(launch, layout),
            **_output_variables(launch, layout),
            **launch.variables,
            **job.environment_variables,
            JOB_VARIABLE: json.dumps(_told(launch, layout, processes)),
        },
        mounts=(*_mounts(launch, layout), *launch.mounts),
        caches=(Cache(name=f"pyc-{_cache_key(launch.image)}", target=emulation.BYTECODE_CACHE),),
        folders=(HOME,),
        working_dir=layout.working_dir,
        labels={
            emulation.LABEL_KIND: "run",
            emulation.LABEL_NAME: launch.run,
            emulation.LABEL_PROJECT: str(launch.project),
            LABEL_RUN: launch.run,
        },
        leashed=True,
        shm_size=job.shm_size or DEFAULT_SHM_SIZE,
        memory=job.memory,
    )


def log_files(job: CommandJob, run: str) -> list[str]:
    """The logs of a job's processes, relative to the run's folder; the first is streamed."""
    layout = job_layout(job.era, run)
    count = len(ranks(job.distribution, instances=job.instance_count))
    return [layout.log()] if count == 1 else [layout.log(rank) for rank in range(count)]


def in_container(name: str, path: Path, kind: str, layout: JobLayout) -> PurePosixPath:
    """Where an input is seen: a file within a folder of its own, as the service mounts it."""
    place = layout.input(name)
    return place / path.name if kind in FILE_TYPES or path.is_file() else place


def output_path(name: str, path: Path, output: Output, layout: JobLayout) -> PurePosixPath:
    """Where an output is to be written to."""
    return layout.output(name) / path.name if output.is_file else layout.output(name)


def _runner() -> PurePosixPath:
    return emulation.RUNTIME_PACKAGE / "job_main.py"


def _trust() -> dict[str, str]:
    return dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(emulation.CA_BUNDLE))


def _mounts(launch: JobLaunch, layout: JobLayout) -> list[Mount]:
    mounts = [
        Mount(source=dropin(), target=_DROPIN, read_only=True),
        Mount(source=launch.folder / CODE, target=layout.working_dir),
        Mount(
            source=launch.folder / layout.log_folder,
            target=layout.working_dir / layout.log_folder,
        ),
    ]
    for name, given in launch.inputs.items():
        if given.path is not None:
            mounts.append(
                Mount(
                    source=given.path,
                    target=in_container(name, given.path, given.type, layout),
                    read_only=given.mode not in _WRITABLE,
                )
            )
    for name, path in launch.outputs.items():
        folder = path.parent if launch.job.outputs[name].is_file else path
        mounts.append(Mount(source=folder, target=layout.output(name)))
    if launch.ca_bundle:
        mounts.append(Mount(source=launch.ca_bundle, target=emulation.CA_BUNDLE, read_only=True))
    return mounts


def _texts(launch: JobLaunch, layout: JobLayout) -> tuple[dict[str, str], dict[str, str]]:
    """What stands for each input and output in a command."""
    inputs = {}
    for name, given in launch.inputs.items():
        if given.path is not None:
            inputs[name] = str(in_container(name, given.path, given.type, layout))
        elif given.value is not None:
            inputs[name] = text_of(given.value)
    outputs = {
        name: str(output_path(name, path, launch.job.outputs[name], layout))
        for name, path in launch.outputs.items()
    }
    return inputs, outputs


def _input_variables(launch: JobLaunch, layout: JobLayout) -> dict[str, str]:
    inputs, _ = _texts(launch, layout)
    prefixes = ("AZURE_ML_INPUT_",) if layout.era == "v2" else ("AZUREML_DATAREFERENCE_", "")
    parameters = {
        f"AZUREML_PARAMETER_{name}": text
        for name, text in inputs.items()
        if layout.era == "v2" and launch.root != launch.run and launch.inputs[name].path is None
    }  # of a pipeline's steps
    return parameters | {
        f"{prefix}{name}": text for name, text in inputs.items() for prefix in prefixes
    }


def _output_variables(launch: JobLaunch, layout: JobLayout) -> dict[str, str]:
    _, outputs = _texts(launch, layout)
    prefixes = ("AZURE_ML_OUTPUT_",) if layout.era == "v2" else ("AZUREML_DATAREFERENCE_",)
    return {f"{prefix}{name}": text for name, text in outputs.items() for prefix in prefixes}


def _told(launch: JobLaunch, layout: JobLayout, processes: tuple[Rank, ...]) -> dict[str, Any]:
    """What the program in the container is told."""
    job = launch.job
    alone = len(processes) == 1
    is_mpi = job.distribution is not None and job.distribution.type == "mpi"
    return {
        **({"mpi_log": str(layout.working_dir / layout.mpi_log)} if is_mpi else {}),
        "working_dir": str(layout.working_dir),
        "folders": [OUTPUTS, LOGS],
        "project_on_path": layout.era == "v1",
        **_work(launch, layout),
        "timeout": job.timeout,
        "ranks": [
            {
                # whole, because where nothing can be mounted it lies elsewhere
                "log": str(layout.working_dir / layout.log(None if alone else rank.number)),
                "env": {**rank.env, "AZUREML_PROCESS_NAME": rank.name},
            }
            for rank in processes
        ],
    }


def _work(launch: JobLaunch, layout: JobLayout) -> dict[str, Any]:
    job = launch.job
    if job.script is not None:
        return {"script": job.script, "arguments": list(job.arguments)}
    return {"command": command_text(launch, layout)}


def command_text(launch: JobLaunch, layout: JobLayout) -> str:
    """The command with values and paths in place of its references."""
    inputs, outputs = _texts(launch, layout)
    values = {"inputs": inputs, "outputs": outputs}

    def lookup(reference: Reference) -> str | None:
        space, _, name = ".".join(reference.path).partition(".")
        return values.get(space, {}).get(name)

    try:
        return parse_expression(launch.job.command or "").resolve(lookup)
    except ExpressionError as error:
        raise launch.job.error(
            ("command",), f"`command`: {error.message}", hint=error.hint
        ) from error


def _cache_key(image: str) -> str:
    return image.rpartition("/")[2].replace(":", "-")


def with_color(plan: LaunchPlan) -> LaunchPlan:
    """The same for a terminal: programs that ask whether theirs has colours are told so."""
    return replace(plan, env={"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", **plan.env})

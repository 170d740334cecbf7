"""From a scoring script to the container that serves it in the inference layout. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.errors import SpecError
from toolkit.plans import azureml, emulation
from toolkit.plans.image import runit_service
from toolkit.plans.model import Cache, LaunchPlan, Mount, Port, Probe, Reload, ReloadMode

MODEL_VERSION: Final = "1"  # what `az ml` gives a model named by its path only
_MODEL_NAME_LENGTH: Final = 30


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What to serve. `script` is an existing file; its folder is mounted as the app root.

    A deployment's `code` is mounted at a `root` of its own, and the script may stand deeper in
    it; its model is `placed` already.
    """

    name: str
    script: Path
    models: tuple[Path, ...] = ()
    placed: tuple[Mount, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    port: int | None = 8000
    ready_timeout: float = 120.0
    folder: Path | None = None
    root: PurePosixPath = azureml.APP_ROOT

    @property
    def code(self) -> Path:
        return self.folder or self.script.parent

    @property
    def entry(self) -> PurePosixPath:
        """The script, from the code folder."""
        return PurePosixPath(self.script.relative_to(self.code).as_posix())


def plan_service(
    scoring: Scoring, *, image: str, project: Path, ca_bundle: Path | None = None
) -> LaunchPlan:
    """The container for a scoring script: code and models mounted, the server on `port`."""
    models = tuple(model_mounts(scoring.models))
    trust = (
        (Mount(source=ca_bundle, target=emulation.CA_BUNDLE, read_only=True),) if ca_bundle else ()
    )
    return LaunchPlan(
        kind="service",
        name=scoring.name,
        image=image,
        env={
            "AML_APP_ROOT": str(scoring.root / scoring.entry.parent),
            "AZUREML_ENTRY_SCRIPT": scoring.script.name,
            "HOME": f"/home/{azureml.IMAGE_USER}",
            "USER": azureml.IMAGE_USER,  # the host's ids have no name in the container
            # the runtime's own defaults; said here for engines that must exchange paths
            "AML_EMU_HOME": str(emulation.HOME),
            "AML_EMU_STATE": str(emulation.STATE),
            **model_dir(models),
            **(_trust_variables() if ca_bundle else {}),
            **scoring.env,
            "GUNICORN_CMD_ARGS": _gunicorn_arguments(scoring.env.get("GUNICORN_CMD_ARGS")),
        },
        mounts=(
            Mount(source=scoring.code, target=scoring.root),
            *models,
            *scoring.placed,
            *trust,
        ),
        caches=(Cache(name=f"pyc-{_cache_key(image)}", target=emulation.BYTECODE_CACHE),),
        ports=(Port(container=azureml.SCORING_PORT, host=scoring.port),),
        probe=Probe(port=azureml.SCORING_PORT, timeout=scoring.ready_timeout),
        port_variables={azureml.SCORING_PORT: "AML_EMU_SERVER_PORT"},
        interface_variable="AML_EMU_HOST",
        labels={
            emulation.LABEL_KIND: "service",
            emulation.LABEL_NAME: scoring.name,
            emulation.LABEL_PROJECT: str(project),
            emulation.LABEL_CODE: str(scoring.code),
            emulation.LABEL_SCRIPT: str(scoring.entry),
            **(
                {}
                if scoring.root == azureml.APP_ROOT
                else {emulation.LABEL_ROOT: str(scoring.root)}
            ),
        },
    )


def under_reload(plan: LaunchPlan, *, mode: ReloadMode, token: str) -> LaunchPlan:
    """The same service with the agent that takes new code in on request."""
    plan = with_agent(plan, token=token)
    return replace(
        plan,
        # the agent listens to one token: the first, if something else brought it along
        reload=Reload(
            mode=mode,
            control_port=emulation.CONTROL_PORT,
            token=plan.env["AML_EMU_CONTROL_TOKEN"],
        ),
        env={**plan.env, "AML_EMU_RELOAD": mode},
        labels={**plan.labels, emulation.LABEL_RELOAD: mode},
    )


def with_agent(plan: LaunchPlan, *, token: str) -> LaunchPlan:
    """Add the emulator's own runit service and its control port, once."""
    if any(port.container == emulation.CONTROL_PORT for port in plan.ports):
        return plan
    return replace(
        plan,
        files=(*plan.files, *runit_service(emulation.AGENT_SERVICE, azureml.RUNIT_TREE)),
        # runsv keeps its own state in the service's folder, whoever it runs as. The tree is named
        # too, so that it does not look changed: runsvdir waits a second before it looks at that.
        folders=(
            *plan.folders,
            azureml.RUNIT_TREE,
            azureml.RUNIT_TREE / emulation.AGENT_SERVICE,
        ),
        ports=(*plan.ports, Port(container=emulation.CONTROL_PORT)),
        env={
            **plan.env,
            "AML_EMU_CONTROL_PORT": str(emulation.CONTROL_PORT),
            "AML_EMU_CONTROL_TOKEN": token,
        },
        port_variables={**plan.port_variables, emulation.CONTROL_PORT: "AML_EMU_CONTROL_PORT"},
    )


def mountpoints(plan: LaunchPlan) -> Sequence[PurePosixPath]:
    """Paths, relative to the code folder, where Docker mounts something into the user's folder."""
    root = code_root(plan.labels)
    if all(mount.target != root for mount in plan.mounts):
        return []  # a container that brings its code
    return [
        mount.target.relative_to(root)
        for mount in plan.mounts
        if mount.target != root and mount.target.is_relative_to(root)
    ]


def code_root(labels: Mapping[str, str]) -> PurePosixPath:
    """Where the code folder is mounted."""
    return PurePosixPath(labels.get(emulation.LABEL_ROOT, azureml.APP_ROOT))


def model_mounts(models: Iterable[Path]) -> Iterable[Mount]:
    """Each model as the cloud lays it out: `azureml-models/<name>/<version>/<its own name>`."""
    taken: dict[PurePosixPath, Path] = {}
    for path in models:
        name = path.stem[:_MODEL_NAME_LENGTH]
        target = azureml.APP_ROOT / azureml.MODELS_FOLDER / name / MODEL_VERSION / path.name
        if target in taken:
            raise SpecError(
                f"two models would both be {target}: {taken[target]} and {path}",
                hint="rename one of them",
            )
        taken[target] = path
        yield Mount(source=path, target=target, read_only=True)


def model_dir(models: Sequence[Mount]) -> dict[str, str]:
    """AZUREML_MODEL_DIR: the one model's folder, or the root of several."""
    if not models:
        return {}
    one = models[0].target.parent if len(models) == 1 else None
    return {"AZUREML_MODEL_DIR": str(one or azureml.APP_ROOT / azureml.MODELS_FOLDER)}


def _gunicorn_arguments(users: str | None) -> str:
    """The runtime's configuration file, whose hooks do nothing unless asked to; then the user's."""
    hooks = f"--config {emulation.RUNTIME_PACKAGE / 'gunicorn_conf.py'}"
    return f"{hooks} {users}" if users else hooks


def _trust_variables() -> dict[str, str]:
    return dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), str(emulation.CA_BUNDLE))


def _cache_key(image: str) -> str:
    return image.rpartition("/")[2].replace(":", "-")

"""From a deployment to the container of one of its replicas. Runs nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from toolkit.plans import azureml, emulation
from toolkit.plans.model import LaunchPlan, Mount, Port, Probe
from toolkit.plans.service import MODEL_VERSION, Scoring, plan_service
from toolkit.specs.deployment import Code, Deployment, InlineModel, Routes
from toolkit.specs.deployment.amounts import size_memory

_MODEL_NAME_LENGTH: Final = 30
_MIB: Final = 1 << 20


@dataclass(frozen=True, kw_only=True)
class PlacedModel:
    """A model's files on this machine, and what it is called in the container."""

    source: Path
    name: str
    version: str

    def folder(self, root: PurePosixPath) -> PurePosixPath:
        """What AZUREML_MODEL_DIR says."""
        return root / azureml.MODELS_FOLDER / self.name / self.version

    def mount(self, root: PurePosixPath) -> Mount:
        """The file or folder, under its own name."""
        return Mount(
            source=self.source, target=self.folder(root) / self.source.name, read_only=True
        )


@dataclass(frozen=True, kw_only=True)
class ReplicaRequest:
    """A deployment that has been looked up: its image is built, its model is on this machine."""

    deployment: Deployment
    endpoint: str
    image: str
    code: Code | None
    model: PlacedModel | None
    project: Path
    ca_bundle: Path | None = None
    ready_timeout: float | None = None
    variables: Mapping[str, str] | None = None


def placed_inline(model: InlineModel) -> PlacedModel:
    """A model that was not registered: its name is made up from its file's."""
    return PlacedModel(
        source=model.path,
        name=model.name or model.path.stem[:_MODEL_NAME_LENGTH],
        version=model.version or MODEL_VERSION,
    )


def plan_replica(request: ReplicaRequest, *, name: str) -> LaunchPlan:
    """The container of one replica: Azure's inference layout, or one of the user's own."""
    routes, code = request.deployment.routes, request.code
    if routes:
        plan = _own_container(request, routes, name)
    elif code:
        plan = _scoring_container(request, code, name)
    else:
        raise request.deployment.file.error(("name",), "a deployment needs `code_configuration`")
    return replace(
        plan,
        memory=_memory(request.deployment),
        cpus=request.deployment.resources.cpu_limit,
        labels={
            **plan.labels,
            emulation.LABEL_ENDPOINT: request.endpoint,
            emulation.LABEL_DEPLOYMENT: request.deployment.name,
        },
    )


def fingerprint(plan: LaunchPlan, *also: Any) -> str:
    """What decides whether a running replica is what would be started now; not its name."""
    described = asdict(replace(plan, name="", labels={}))
    text = json.dumps([described, *also], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _scoring_container(request: ReplicaRequest, code: Code, name: str) -> LaunchPlan:
    """Code below the app root under its own name, as `az ml online-deployment` lays it out."""
    model = request.model
    scoring = Scoring(
        name=name,
        script=code.folder / code.script,
        folder=code.folder,
        root=azureml.APP_ROOT / code.folder.name,
        placed=(model.mount(azureml.APP_ROOT),) if model else (),
        env=_variables(request, azureml.APP_ROOT),
        port=None,
        ready_timeout=_ready_timeout(request),
    )
    return plan_service(
        scoring, image=request.image, project=request.project, ca_bundle=request.ca_bundle
    )


def _own_container(request: ReplicaRequest, routes: Routes, name: str) -> LaunchPlan:
    """The image as it is: its own command, its own ports, the model where it expects it."""
    deployment, model = request.deployment, request.model
    root = deployment.model_mount_path or azureml.APP_ROOT
    ports = {routes.scoring.port, routes.readiness.port, routes.liveness.port}
    mounts = [model.mount(root)] if model else []
    if request.code:
        target = azureml.APP_ROOT / request.code.folder.name
        mounts.append(Mount(source=request.code.folder, target=target))
    return LaunchPlan(
        kind="service",
        name=name,
        image=request.image,
        env=_variables(request, root),
        mounts=tuple(mounts),
        ports=tuple(Port(container=port) for port in sorted(ports)),
        probe=Probe(
            port=routes.readiness.port,
            path=routes.readiness.path,
            timeout=_ready_timeout(request),
        ),
        labels={
            emulation.LABEL_KIND: "service",
            emulation.LABEL_NAME: name,
            emulation.LABEL_PROJECT: str(request.project),
            emulation.LABEL_CODE: str(deployment.file.path.parent.resolve()),
            emulation.LABEL_SCRIPT: deployment.file.path.name,
            emulation.LABEL_ROOT: str(azureml.APP_ROOT / "unmounted"),
            emulation.LABEL_PORT: str(routes.scoring.port),
        },
        as_host_user=False,  # it runs as its own author meant it to
    )


def _variables(request: ReplicaRequest, root: PurePosixPath) -> dict[str, str]:
    """The user's own come last, as in the cloud."""
    model = request.model
    code = request.code
    own = {}
    if request.deployment.routes and code:
        own = {
            "AML_APP_ROOT": str(azureml.APP_ROOT / code.folder.name / code.script.parent),
            "AZUREML_ENTRY_SCRIPT": code.script.name,
        }
    return {
        **own,
        **({"AZUREML_MODEL_DIR": str(model.folder(root))} if model else {}),
        **(request.variables or {}),
        **request.deployment.variables,
    }


def _ready_timeout(request: ReplicaRequest) -> float:
    return request.ready_timeout or request.deployment.readiness.patience


def _memory(deployment: Deployment) -> str | None:
    """Of the container's own limit, or of the machine size that one replica has to itself."""
    limit = deployment.resources.memory_limit
    if deployment.kind == "managed" and deployment.instance_type:
        limit = limit or size_memory(deployment.instance_type)
    return None if limit is None else f"{limit // _MIB}m"

"""What to bring up: a deployment that was looked up, its endpoint, and who looks after it.

Decides and reads; launches nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psutil

from toolkit.engines import ports
from toolkit.engines.base import Engine
from toolkit.live.endpoint import Endpoints, EndpointState, Serving
from toolkit.live.lookup import Found
from toolkit.live.service import Service
from toolkit.plans import azureml
from toolkit.plans.deployment import ReplicaRequest, fingerprint, plan_replica
from toolkit.plans.model import LaunchPlan
from toolkit.settings import EngineName, Settings
from toolkit.specs.deployment import Deployment
from toolkit.specs.endpoint import ALL, Endpoint
from toolkit.workspace.model import Owner
from toolkit.workspace.workspace import DEFAULT_DATASTORE

Say = Callable[[str], None]
Dress = Callable[[LaunchPlan, int], LaunchPlan]
Launched = Callable[[list[Service]], None]
DEFAULT_PORT: Final = 8000
_GIB: Final = 1 << 30


def as_it_is(plan: LaunchPlan, _index: int) -> LaunchPlan:
    """Nothing is added for debugging or watching."""
    return plan


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """What to bring up, and how. `dress` adds the debugger or the reload agent to a replica.

    `owner` is the process with which it goes; without one it runs on by itself. An `attended`
    one is always started anew: who watches it must know its agent's password.
    """

    found: Found
    endpoint: Endpoint
    engine: Engine
    settings: Settings
    say: Say
    dress: Dress = as_it_is
    owner: Owner | None = None
    attended: bool = False
    port: int | None = None
    instances: int | None = None
    all_traffic: bool = False
    recorded: bool = False
    ready_timeout: float | None = None
    ca_bundle: Path | None = None
    loose: tuple[str, ...] = ()
    launched: Launched = lambda _services: None

    @property
    def deployment(self) -> Deployment:
        return self.found.deployment

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.settings.state_folder)

    @property
    def count(self) -> int:
        return self.instances or self.deployment.instances


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What stands now. `services` are its replicas, in their order."""

    state: EndpointState
    serving: Serving
    services: list[Service]
    plans: list[LaunchPlan]
    unchanged: bool = False


def check_room(rollout: Rollout) -> None:
    """Raises SpecError when the replicas cannot fit into this machine's memory."""
    found, deployment = rollout.found, rollout.deployment
    model = _size(found.model.source) if found.model else 0
    each = max(deployment.resources.memory_request or 0, model)
    there = psutil.virtual_memory().total
    if each * rollout.count > there:
        raise deployment.file.error(
            ("instance_count",),
            f"{rollout.count} replicas of {each / _GIB:.1f} GiB do not fit into this machine's "
            f"memory: {there / _GIB:.1f} GiB",
            hint="pass a smaller number with `--instances`",
        )


def replica_request(rollout: Rollout, image: str) -> ReplicaRequest:
    return ReplicaRequest(
        deployment=rollout.deployment,
        endpoint=rollout.endpoint.name,
        image=image,
        code=rollout.found.code,
        model=rollout.found.model,
        variables=rollout.found.variables,
        project=rollout.settings.project,
        ca_bundle=rollout.ca_bundle,
        ready_timeout=rollout.ready_timeout,
    )


def mark_of(rollout: Rollout, wanted: ReplicaRequest) -> str:
    """Code and model count by their content: they are mounted, and the server read them before."""
    deployment = rollout.deployment
    return fingerprint(
        plan_replica(wanted, name="any"),
        rollout.count,
        rollout.recorded,
        deployment.requests,
        deployment.liveness,
        deployment.readiness,
        deployment.collector,
        collected_in(rollout),
        [_times(folder) for folder in _mounted(rollout.found)],
    )


def collected_in(rollout: Rollout) -> Path | None:
    """The default datastore, where the collector of the cloud writes too; None without one."""
    settings = rollout.settings
    if rollout.deployment.collector is None:
        return None
    return settings.datastores.get(DEFAULT_DATASTORE) or settings.state_folder / "data"


def _mounted(found: Found) -> list[Path]:
    places = [found.code.folder if found.code else None, found.model and found.model.source]
    return [place for place in places if place]


def _times(place: Path) -> list[tuple[str, int, int]]:
    """Size and time of change of every file; caches and our own folder change by themselves."""
    files = [place] if place.is_file() else place.rglob("*")
    left_out = {"__pycache__", ".aml-emu", ".git", ".vscode", azureml.MODELS_FOLDER}
    return sorted(
        (str(path), found.st_size, found.st_mtime_ns)
        for path in files
        if not left_out & set(path.parts) and path.is_file()
        for found in [path.stat()]
    )


def _size(place: Path) -> int:
    files = [place] if place.is_file() else place.rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file())


def shares_after(rollout: Rollout, state: EndpointState) -> EndpointState:
    """The traffic after this deployment: what was asked for, else what it was.

    The first deployment gets all of it, which in the cloud takes `--all-traffic`.
    """
    endpoint, name = rollout.endpoint, rollout.deployment.name
    traffic = dict(endpoint.traffic or state.traffic)
    if rollout.all_traffic or (not sum(traffic.values()) and set(state.deployments) == {name}):
        traffic = {name: ALL}
    return replace(state, traffic=traffic, mirror=endpoint.mirror_traffic or state.mirror)


def first_port(wanted: int | None) -> int:
    if wanted is None:
        return DEFAULT_PORT if ports.is_free(DEFAULT_PORT) else ports.free_port()
    return wanted


def engine_name(rollout: Rollout) -> EngineName:
    """The one that was chosen, so that later commands find it without choosing again."""
    if rollout.settings.engine != "auto":
        return rollout.settings.engine
    return "docker" if rollout.engine.name == "docker" else "process"

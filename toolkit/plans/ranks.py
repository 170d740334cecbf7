"""The processes of a distributed job and the variables that tell each which one it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from toolkit.plans.job_layout import FIRST_TENSORFLOW_PORT, MASTER_PORT
from toolkit.specs.distribution import Distribution

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Rank:
    """One process; `name` is how the service calls it (`rank_0`, `worker_1`, `ps_0`)."""

    number: int
    name: str
    env: Mapping[str, str]


def ranks(
    distribution: Distribution | None, *, instances: int, port: int = MASTER_PORT
) -> tuple[Rank, ...]:
    """All processes of a job, those of several instances too: they share this machine."""
    if distribution is None:
        return (Rank(number=0, name="rank_0", env={}),)
    match distribution.type:
        case "pytorch":
            return tuple(_pytorch(distribution.processes, instances, port))
        case "mpi":
            return tuple(_mpi(distribution.processes, instances))
        case "tensorflow":
            return tuple(_tensorflow(distribution))


def _pytorch(per_instance: int, instances: int, port: int) -> Iterator[Rank]:
    size = per_instance * instances
    for number in range(size):
        node, local = divmod(number, per_instance)
        yield Rank(
            number=number,
            name=f"rank_{number}",
            env={
                "MASTER_ADDR": LOOPBACK,
                "MASTER_PORT": str(port),
                "WORLD_SIZE": str(size),
                "RANK": str(number),
                "NODE_RANK": str(node),
                "LOCAL_RANK": str(local),
                "LOCAL_WORLD_SIZE": str(per_instance),
            },
        )


def _mpi(per_instance: int, instances: int) -> Iterator[Rank]:
    """`mpirun` gives the rest, as if all were on one instance: it knows of one machine only."""
    for number in range(per_instance * instances):
        place = {
            "OMPI_COMM_WORLD_LOCAL_RANK": str(number % per_instance),
            "OMPI_COMM_WORLD_LOCAL_SIZE": str(per_instance),
        }
        yield Rank(
            number=number,
            name=f"rank_{number}",
            env={
                **(place if instances > 1 else {}),
                "AZ_BATCH_MASTER_NODE": f"{LOOPBACK}:{MASTER_PORT}",
                "AZ_BATCHAI_TASK_INDEX": str(number),
            },
        )


def _tensorflow(distribution: Distribution) -> Iterator[Rank]:
    counts = {"worker": distribution.workers, "ps": distribution.parameter_servers}
    tasks = [(kind, index) for kind, count in counts.items() for index in range(count)]
    addresses = {
        task: f"{LOOPBACK}:{FIRST_TENSORFLOW_PORT + number}" for number, task in enumerate(tasks)
    }
    cluster = {
        kind: [address for (of, _), address in addresses.items() if of == kind]
        for kind, count in counts.items()
        if count
    }
    for number, (kind, index) in enumerate(tasks):
        config = {
            "cluster": cluster,
            "task": {"type": kind, "index": index},
            "environment": "cloud",
        }
        yield Rank(number=number, name=f"{kind}_{index}", env={"TF_CONFIG": json.dumps(config)})

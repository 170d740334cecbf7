"""How many processes a job is and which of them is who: `distribution` of v1 and v2 jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from toolkit.specs.yamlfile import YamlFile, nearest, parse

DistributionType = Literal["pytorch", "mpi", "tensorflow"]
_KNOWN: tuple[DistributionType, ...] = ("pytorch", "mpi", "tensorflow")


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """`processes` per instance; TensorFlow counts workers and parameter servers instead."""

    type: DistributionType
    processes: int = 1
    workers: int = 1
    parameter_servers: int = 0


class _Processes(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid")

    type: str
    process_count_per_instance: int = Field(default=1, ge=1)


class _TensorFlow(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid")

    type: str
    worker_count: int = Field(default=1, ge=1)
    parameter_server_count: int = Field(default=0, ge=0)


def read_distribution(file: YamlFile, key: str) -> Distribution | None:
    """The distribution at that key of a v2 job or component; raises SpecError with `path:line`."""
    if file.data.get(key) is None:
        return None
    section = file.section(key)
    written = str(section.data.get("type", "")).lower()
    if written == "ray":
        raise section.error(("type",), "a Ray cluster cannot be emulated")
    if written not in _KNOWN:
        raise section.error(
            ("type",), f"unknown type of distribution: `{written}`", hint=nearest(written, _KNOWN)
        )
    if written == "tensorflow":
        spec = parse(_TensorFlow, section, what=f"`{key}`")
        return Distribution(
            type="tensorflow",
            workers=spec.worker_count,
            parameter_servers=spec.parameter_server_count,
        )
    processes = parse(_Processes, section, what=f"`{key}`").process_count_per_instance
    return Distribution(type="mpi" if written == "mpi" else "pytorch", processes=processes)

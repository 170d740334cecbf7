"""A v2 online endpoint's YAML: its name, how callers prove themselves, who gets which traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, field_validator

from toolkit.errors import SpecError
from toolkit.specs.deployment.file import check_name
from toolkit.specs.deployment.keys import Section
from toolkit.specs.yamlfile import YamlFile, any_case, load_yaml, nearest, parse

AuthMode = Literal["key", "aml_token", "aad_token"]
ALL: Final = 100
MOST_MIRRORED: Final = 50  # "Safe rollout for online endpoints": to one deployment only


class EndpointKeys(Section):
    """The keys of managedOnlineEndpoint and kubernetesOnlineEndpoint.schema.json."""

    schema_: str | None = Field(default=None, alias="$schema")
    name: str
    auth_mode: AuthMode = "key"
    traffic: dict[str, int] = Field(default_factory=dict)
    mirror_traffic: dict[str, int] = Field(default_factory=dict)
    identity: dict[str, Any] | None = None
    public_network_access: Literal["enabled", "disabled"] = "enabled"
    compute: str | None = None
    type: str | None = None
    description: str | None = None
    tags: dict[str, Any] = Field(default_factory=dict)
    properties: dict[str, Any] = Field(default_factory=dict)

    _any_case = field_validator("auth_mode", "public_network_access", mode="before")(any_case)


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One endpoint file."""

    file: YamlFile | None = field(default=None, repr=False)
    name: str
    auth_mode: AuthMode = "key"
    traffic: Mapping[str, int] = field(default_factory=dict)
    mirror_traffic: Mapping[str, int] = field(default_factory=dict)


def load_endpoint(path: Path) -> Endpoint:
    """Raises SpecError with `path:line`."""
    file = load_yaml(path, what="endpoint")
    spec = parse(EndpointKeys, file, what="an endpoint")
    schema = (spec.schema_ or "").rpartition("/")[2]
    if schema and "onlineendpoint" not in schema.lower():
        raise file.error(("$schema",), f"not an online endpoint: `{schema}`")
    check_name(file, ("name",), spec.name)
    for key, problem in (
        ("traffic", traffic_problem(spec.traffic)),
        ("mirror_traffic", mirror_problem(spec.mirror_traffic)),
    ):
        if problem:
            raise file.error((key,), problem)
    return Endpoint(
        file=file,
        name=spec.name,
        auth_mode=spec.auth_mode,
        traffic=spec.traffic,
        mirror_traffic=spec.mirror_traffic,
    )


def traffic_problem(traffic: Mapping[str, int]) -> str:
    """Why the service would refuse it; empty if it would not."""
    wrong = [f"{name}={share}" for name, share in traffic.items() if not 0 <= share <= ALL]
    if wrong:
        return f"traffic is a percentage from 0 to 100: {', '.join(wrong)}"
    total = sum(traffic.values())
    if total not in {0, ALL}:
        return f"traffic must sum to 100, or to 0: {total}"
    return ""


def mirror_problem(mirror: Mapping[str, int]) -> str:
    """Why the service would refuse it; empty if it would not."""
    active = {name: share for name, share in mirror.items() if share}
    if len(active) > 1:
        return f"traffic can be mirrored to one deployment only: {', '.join(active)}"
    if any(not 0 <= share <= MOST_MIRRORED for share in active.values()):
        return f"at most {MOST_MIRRORED} percent can be mirrored: {next(iter(active.values()))}"
    return ""


def check_known(names: Mapping[str, int], deployments: list[str], *, where: str) -> None:
    """Every deployment that is given traffic exists."""
    for name in names:
        if name not in deployments:
            raise SpecError(
                f"{where}: no deployment named `{name}`",
                hint=nearest(name, deployments) if deployments else "deploy it first",
            )


def read_traffic(pairs: list[str]) -> dict[str, int]:
    """`blue=90 green=10`, as `az ml online-endpoint update --traffic` takes it."""
    traffic: dict[str, int] = {}
    for pair in " ".join(pairs).replace(",", " ").split():
        name, _, share = pair.partition("=")
        try:
            traffic[name] = int(share.removesuffix("%"))
        except ValueError as error:
            raise SpecError(f"not a share of traffic: {pair}", hint="write `blue=90`") from error
    return traffic

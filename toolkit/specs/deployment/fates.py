"""What becomes of each key that a file says: honoured, approximated or ignored, and why."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from toolkit.specs.deployment.amounts import SIZES
from toolkit.specs.yamlfile import YamlFile, any_case

Fate = Literal["honoured", "approximated", "ignored"]
Verdict = tuple[Fate, str]

HONOURED: Final[Verdict] = ("honoured", "")
# what the user names himself stands below these: it is no key of the schema
_OPEN: Final = frozenset(
    {
        "tags",
        "properties",
        "environment_variables",
        "environment",
        "traffic",
        "mirror_traffic",
        "identity",
        "flavors",
        "capture_headers",
    }
)


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What a verdict depends on beside the key and its value."""

    kind: str
    engine: str
    own_container: bool = False


@dataclass(frozen=True, kw_only=True)
class KeyFate:
    """One key that was written, where, and what becomes of it."""

    key: str
    place: str
    fate: Fate
    why: str = ""


Rule = Callable[[Any, Circumstances], Verdict]


def fates(file: YamlFile, circumstances: Circumstances) -> list[KeyFate]:
    """One for every key of the file, in its order."""
    return [
        KeyFate(
            key=".".join(map(str, location)),
            place=f"{file.path}:{file.line(location)}",
            fate=verdict[0],
            why=verdict[1],
        )
        for location, value in _written(file.data, ())
        for verdict in [_verdict(".".join(map(str, location)), value, circumstances)]
    ]


def _written(node: Any, at: tuple[str, ...]) -> Iterator[tuple[Sequence[str], Any]]:
    for key, value in node.items():
        location = (*at, str(key))
        if isinstance(value, dict) and key not in _OPEN:
            yield from _written(value, location)
        else:
            yield location, value


def _verdict(key: str, value: Any, circumstances: Circumstances) -> Verdict:
    for pattern, rule in _RULES:
        if fnmatch.fnmatchcase(key, pattern):
            return rule(value, circumstances)
    return HONOURED


def _instance_type(value: Any, where: Circumstances) -> Verdict:
    if where.kind == "kubernetes":
        return "ignored", "an instance type of your cluster is not known here: `resources` counts"
    if str(value).lower() not in SIZES:
        return "ignored", f"the memory of a {value} is not known here"
    if where.engine != "docker":
        return "ignored", "only Docker limits a replica's memory"
    return HONOURED


def _on_docker_only(_value: Any, where: Circumstances) -> Verdict:
    if where.engine == "docker":
        return HONOURED
    return "ignored", "only Docker limits a replica"


def _fixed_scale(value: Any, _where: Circumstances) -> Verdict:
    if any_case(value) == "default":
        return HONOURED
    return "approximated", "`min_instances` replicas run, and no load adds another"


def _if_true(why: str) -> Rule:
    return lambda value, _where: ("ignored", why) if value else HONOURED


def _if(bad: str, why: str) -> Rule:
    return lambda value, _where: ("ignored", why) if any_case(value) == bad else HONOURED


def _always(fate: Fate, why: str) -> Rule:
    return lambda _value, _where: (fate, why)


def _liveness(_value: Any, where: Circumstances) -> Verdict:
    if where.own_container:
        return "approximated", "a container of your own is reported as dead, not started anew"
    return HONOURED  # the server in it is started anew, which is all that the user's code sees


def _auth(value: Any, _where: Circumstances) -> Verdict:
    if str(value).lower() == "aad_token":
        return "approximated", "tokens come from `aml-emu credentials`, not from Microsoft Entra"
    return HONOURED


def _collection(_value: Any, _where: Circumstances) -> Verdict:
    return "approximated", "what is kept is the request and the answer, not what `collect()` gets"


_RULES: Final[Sequence[tuple[str, Rule]]] = (
    ("instance_type", _instance_type),
    ("scale_settings.type", _fixed_scale),
    ("scale_settings.min_instances", lambda _v, _w: HONOURED),
    ("scale_settings.*", _always("ignored", "the number of replicas is fixed")),
    ("app_insights_enabled", _if_true("telemetry goes nowhere: the log is on this machine")),
    ("egress_public_network_access", _if("disabled", "the network is not restricted")),
    ("public_network_access", _if("disabled", "the endpoint is on this machine only, for all")),
    ("identity", _always("ignored", "there is no identity to sign in with")),
    ("compute", _always("ignored", "the compute is this machine")),
    ("liveness_probe.*", _liveness),
    ("auth_mode", _auth),
    ("resources.limits.nvidia.com/gpu", _always("ignored", "no GPU is handed to the container")),
    ("resources.requests.nvidia.com/gpu", _always("ignored", "no GPU is handed to the container")),
    ("resources.limits.*", _on_docker_only),
    ("resources.requests.cpu", _always("ignored", "CPUs are not set aside")),
    ("data_collector.collections.request.*", lambda _v, _w: HONOURED),
    ("data_collector.collections.response.*", lambda _v, _w: HONOURED),
    ("data_collector.collections.*.data*", _always("ignored", "no data asset is registered")),
    ("data_collector.collections.*", _collection),
)

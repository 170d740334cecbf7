"""A v1 Environment as it can be built today: what its author wanted, with what still exists.

The scripts are from a time whose Pythons, base images and packages are gone. Nothing is changed
without a sentence that says so. Reads nothing, asks no index itself.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from toolkit.plans import conda_names
from toolkit.plans.azureml import SERVER_PACKAGE
from toolkit.plans.model import ImageKind
from toolkit.plans.requirements import DEFAULT_PYTHON, OLDEST_MINOR

HasWheel = Callable[[str, str], bool]
"""Whether there is a wheel for `name==version` and a Python, e.g. `3.11`."""

_SERVES: Final = frozenset({"azureml-defaults", "azureml-model-management-sdk", SERVER_PACKAGE})
# what the drop-in stands for: the real ones would look for Azure
_SDK: Final = frozenset(
    f"azureml-{part}"
    for part in (
        "core", "sdk", "defaults", "pipeline", "pipeline-core", "pipeline-steps", "train",
        "train-core", "train-restclients-hyperdrive", "telemetry", "widgets", "dataprep",
        "dataset-runtime", "model-management-sdk",
    )
)  # fmt: skip
_PYTHON: Final = re.compile(r"python\s*[=<>~!]*\s*(?P<major>[23])\.(?P<minor>\d+)(?!\d)")
_PIN: Final = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)\s*==?\s*(?P<version>\d[\w.]*)")
_RETIRED: Final = re.compile(
    r"mcr\.microsoft\.com/azureml/(base(-gpu)?:\S+|\S*ubuntu16\.04\S*|\S*ubuntu18\.04\S*)"
)
_FROM: Final = re.compile(r"^(\s*FROM\s+)(\S+)", re.IGNORECASE | re.MULTILINE)


@dataclass
class Today:
    """A definition under way to today, what has been said about it, and if it had the SDK."""

    definition: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    lost_sdk: bool = False

    def note(self, was: str, now: str) -> None:
        self.notes.append(f"`{was}`: {now}")


def as_of_today(
    definition: Mapping[str, Any],
    *,
    kind: ImageKind,
    base: str,
    stand_in: Callable[[str], str],
    has_wheel: HasWheel,
) -> Today:
    """`definition` is what azureml_environment.json holds.

    `base` takes the place of base images that Azure has retired, unless `stand_in` knows better.
    """
    today = Today(copy.deepcopy(dict(definition)))
    python = today.definition.get("python") or {}
    if python.get("userManagedDependencies"):
        return today  # what is in the image is the image's own affair
    _renew_base(today, base, stand_in)
    if conda := python.get("condaDependencies"):
        _renew_packages(today, conda, kind, has_wheel)
    return today


def _renew_base(today: Today, base: str, stand_in: Callable[[str], str]) -> None:
    docker = today.definition.get("docker") or {}
    image, text = docker.get("baseImage"), docker.get("baseDockerfile")
    if image and _is_retired(image, stand_in):
        today.note(image, f"Azure has retired this image, `{base}` is used")
        docker["baseImage"] = None
    if not text:
        return
    for _, named in _FROM.findall(text):
        if _is_retired(named, stand_in):
            today.note(f"FROM {named}", f"Azure has retired this image, `{base}` is used")
            text = text.replace(named, base)
    docker["baseDockerfile"] = text if text.split() != ["FROM", base] else None


def _is_retired(image: str, stand_in: Callable[[str], str]) -> bool:
    return _RETIRED.fullmatch(image) is not None and stand_in(image) == image


def _renew_packages(
    today: Today, conda: dict[str, Any], kind: ImageKind, has_wheel: HasWheel
) -> None:
    python, kept = DEFAULT_PYTHON, list[Any]()
    for entry in conda.get("dependencies") or []:
        if isinstance(entry, str) and (match := _PYTHON.match(entry)):
            major, minor = int(match["major"]), int(match["minor"])
            is_old = major < 3 or minor < OLDEST_MINOR  # noqa: PLR2004  # Python 3, as of today
            python = DEFAULT_PYTHON if is_old else f"{major}.{minor}"
            if is_old:
                was = f"python={major}.{minor}"
                today.note(was, f"too old for the debugger, {DEFAULT_PYTHON} is used")
    for entry in conda.get("dependencies") or []:
        if isinstance(entry, dict):
            kept.append({**entry, "pip": _renewed_pip(today, entry.get("pip") or [], kind)})
        elif entry.partition("=")[0].strip() == "python":
            kept.append(f"python={python}")
        else:
            kept.append(_renewed_conda(today, entry, python, has_wheel))
    conda["dependencies"] = kept


def _renewed_pip(today: Today, lines: list[str], kind: ImageKind) -> list[str]:
    kept = [line for line in lines if _name(line) not in _SDK]
    left = [line for line in lines if _name(line) in _SDK]
    today.lost_sdk = today.lost_sdk or bool(left)
    serves = kind == "inference" and any(_name(line) in _SERVES for line in lines)
    for line in left:
        if serves and _name(line) in _SERVES:
            today.note(line, f"its server is taken from `{SERVER_PACKAGE}`")
        else:
            today.note(line, "left out, aml-emu's own `azureml` stands for it")
    has_server = any(_name(line) == SERVER_PACKAGE for line in kept)
    return [*kept, SERVER_PACKAGE] if serves and not has_server else kept


def _renewed_conda(today: Today, line: str, python: str, has_wheel: HasWheel) -> str:
    """An exact version that no Python of today has becomes a least one."""
    match = _PIN.fullmatch(line.strip())
    if match is None:
        return line
    name = conda_names.RENAMED.get(match["name"].lower(), match["name"])
    if name in conda_names.BUNDLED or has_wheel(f"{name}=={match['version']}", python):
        return line
    least = f"{match['name']}>={match['version']}"
    today.note(line, f"not made for Python {python}, `{least}` is used")
    return least


def _name(line: str) -> str:
    match = re.match(r"[A-Za-z0-9][\w.-]*", line)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""

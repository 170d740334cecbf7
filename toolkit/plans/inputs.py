"""What an image was made from, short enough for a label, and how two of them differ.

A label is public: package lists lose their passwords here too. Reads nothing, runs nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Final

from toolkit.plans.model import ImagePlan, PlacedFile

# Context files that list packages: a change in them is told by package, not by file.
LISTS: Final = frozenset(
    {"common.lock", "further.lock", "requirements.txt", "conda.txt", "upgrades.txt"}
)
_OUR_FILES: Final = PurePosixPath("root/opt/aml-emu")  # they change with aml-emu, all at once
_MANY: Final = 100  # files; beyond them only folders are told apart, or the label would be large
_SHORT: Final = 8  # digits of a digest: enough to see a difference, no proof of sameness
_INSTRUCTION: Final = re.compile(r"(?:.*\\\n)*.*\n?")
_USER_INFO: Final = re.compile(r"(?<=//)[^/\s]*@")
_TOLD: Final = 4  # packages or files that one sentence names


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Digests of what can change, and the package lines themselves."""

    base: str
    dockerfile: str
    platform: str
    secrets: tuple[str, ...]
    packages: tuple[str, ...]
    files: Mapping[str, str]

    def label(self) -> str:
        """The same as a label's value; about 1 kB for sixty packages."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return base64.b64encode(zlib.compress(text.encode(), 9)).decode()

    def changes_since(self, earlier: Inputs) -> tuple[str, ...]:
        """Half sentences, the most telling first; empty if nothing that is recorded differs."""
        return (
            *_packages(earlier.packages, self.packages),
            *(["another base image"] if earlier.base != self.base else []),
            *(["another Dockerfile"] if earlier.dockerfile != self.dockerfile else []),
            *_named("files", earlier.files, self.files),
            *(["another platform"] if earlier.platform != self.platform else []),
            *_secrets(set(earlier.secrets), set(self.secrets)),
        )


def inputs_of(plan: ImagePlan, base_id: str) -> Inputs:
    """What to remember of a plan that stands on this base."""
    lists = [file for file in plan.context if str(file.path) in LISTS]
    others = [file for file in plan.context if str(file.path) not in LISTS]
    return Inputs(
        base=base_id.removeprefix("sha256:")[:12],
        dockerfile=_short(hashlib.sha256(_frame(plan.dockerfile).encode()).hexdigest()),
        platform=plan.platform or "",
        secrets=plan.secrets,
        packages=tuple(sorted({line for file in lists for line in _lines(file)})),
        files=dict(_digests(others)),
    )


def _frame(dockerfile: str) -> str:
    """The text without steps that a list decides on: its packages are told by name."""
    steps = _INSTRUCTION.findall(dockerfile)
    return "".join(step for step in steps if not any(f"source={name}," in step for name in LISTS))


def read_label(text: str) -> Inputs | None:
    """What an image's label says; None for one that another aml-emu wrote in another way."""
    try:
        document = json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
        if set(document) != {field.name for field in fields(Inputs)}:
            return None
        document["secrets"] = tuple(document["secrets"])
        document["packages"] = tuple(document["packages"])
        return Inputs(**document)
    except (binascii.Error, zlib.error, ValueError, TypeError):
        return None


def name_and_version(line: str) -> tuple[str, str]:
    """`numpy==2.0` as `numpy` and `2.0`; what pins nothing is its own name."""
    name, _, version = line.partition("==")
    return name.strip(), version.strip()


def _lines(file: PlacedFile) -> Iterator[str]:
    text = file.content if isinstance(file.content, bytes) else file.content.read_bytes()
    for line in text.decode("utf-8", errors="replace").splitlines():
        bare = re.sub(r"(^|\s)#.*", "", line).strip()
        if bare:
            yield _USER_INFO.sub("***@", bare)


def _digests(files: list[PlacedFile]) -> Iterator[tuple[str, str]]:
    """Short digests by path, of whole folders where the files are ours or too many."""
    groups: dict[str, list[PlacedFile]] = {}
    for file in files:
        groups.setdefault(_group(file.path, many=len(files) > _MANY), []).append(file)
    for name, members in sorted(groups.items()):
        described = json.dumps([[str(file.path), file.mode, file.digest()] for file in members])
        yield name, _short(PlacedFile(path=_OUR_FILES, content=described.encode()).digest())


def _group(path: PurePosixPath, *, many: bool) -> str:
    if path.is_relative_to(_OUR_FILES):
        return str(_OUR_FILES)
    return path.parts[0] if many else str(path)


def _short(digest: str) -> str:
    return digest[:_SHORT]


def _packages(earlier: tuple[str, ...], now: tuple[str, ...]) -> list[str]:
    old, new = (dict(map(name_and_version, lines)) for lines in (earlier, now))
    changes = [
        *(f"{_pin(name, new[name])} added" for name in new if name not in old),
        *(f"{_pin(name, old[name])} removed" for name in old if name not in new),
        *(
            f"{name} {old[name]} -> {new[name]}"
            for name in new
            if name in old and old[name] != new[name]
        ),
    ]
    return _told(changes, "packages")


def _pin(name: str, version: str) -> str:
    return f"{name}=={version}" if version else name


def _named(kind: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    ours = [name for name in changed if name == str(_OUR_FILES)]
    shown = [f"{name} changed" for name in changed if name not in ours]
    return [*_told(shown, kind), *(["another version of aml-emu"] if ours else [])]


def _told(changes: list[str], kind: str) -> list[str]:
    more = len(changes) - _TOLD
    return [*changes[:_TOLD], *([f"{more} more {kind}"] if more > 0 else [])]


def _secrets(old: set[str], new: set[str]) -> list[str]:
    return [
        *(f"the build secret `{name}` is new" for name in sorted(new - old)),
        *(f"the build secret `{name}` is gone" for name in sorted(old - new)),
    ]

"""From two plans of one environment to what a running container lacks. Compares, runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from toolkit.plans.inputs import LISTS, inputs_of
from toolkit.plans.model import Contents, ImagePlan, PlacedFile


@dataclass(frozen=True, kw_only=True)
class Delta:
    """What separates two locks. `install` are requirement lines, `remove` names of packages.

    A package of another version is in both. `contents` are the new ones; `told` are half
    sentences for the user.
    """

    contents: Contents
    install: tuple[str, ...]
    remove: tuple[str, ...]
    told: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not self.install and not self.remove

    @property
    def is_only_new(self) -> bool:
        """Whether nothing that a process may have loaded already is touched."""
        return not self.remove


def delta_between(old: ImagePlan, new: ImagePlan) -> Delta | None:
    """None where more than the packages of the lock changed, or where there is no lock."""
    if old.contents is None or new.contents is None or _frame(old) != _frame(new):
        return None
    before, after = _pins(old.contents), _pins(new.contents)
    changed = {name for name in before.keys() & after.keys() if before[name] != after[name]}
    return Delta(
        contents=new.contents,
        install=tuple(
            line for name, line in after.items() if name not in before or name in changed
        ),
        remove=tuple(name for name in before if name not in after or name in changed),
        told=changes_between(old, new),
    )


def changes_between(old: ImagePlan, new: ImagePlan) -> tuple[str, ...]:
    """How the two plans differ, in half sentences."""
    return inputs_of(new, new.base).changes_since(inputs_of(old, old.base))


def site_packages(contents: Contents) -> PurePosixPath:
    """Where the environment's packages are, inside the image."""
    return contents.prefix / "lib" / f"python{contents.python}" / "site-packages"


def _frame(plan: ImagePlan) -> tuple[ImagePlan, tuple[PlacedFile, ...]]:
    """The plan without its lock, nor the Dockerfile, whose steps follow from it and the rest."""
    rest = tuple(file for file in plan.context if str(file.path) not in LISTS)
    bare = plan.contents and replace(plan.contents, lock="")
    return replace(plan, dockerfile="", context=(), contents=bare), rest


def _pins(contents: Contents) -> dict[str, str]:
    """What is pinned, by canonical name; options are no packages."""
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in contents.lock.splitlines())
    return dict(_canonical(line) for line in lines if line and not line.startswith("-"))


def _canonical(line: str) -> tuple[str, str]:
    """The name, and the line spelled with that name."""
    name = re.split(r"[\s=@\[;]", line, maxsplit=1)[0]
    canonical = re.sub(r"[-_.]+", "-", name).lower()
    return canonical, canonical + line[len(name) :]

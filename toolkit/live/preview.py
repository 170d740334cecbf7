"""What would be built from an environment, without a lock, an engine or a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import assert_never

from toolkit.errors import SpecError
from toolkit.live.image import ImageRequest, base_for, kind_of
from toolkit.plans.foundation import files_of
from toolkit.plans.image import prefix_of
from toolkit.plans.packages import CondaSolved, Present, plan_packages
from toolkit.plans.requirements import Requirements
from toolkit.settings import Settings
from toolkit.specs.environment import PipEnvironment


@dataclass(frozen=True, kw_only=True)
class Preview:
    """`refused` says why nothing can be built in this mode; then nothing is installed."""

    name: str
    kind: str
    base: str
    prefix: str
    installed_by: str
    installs: tuple[str, ...]
    refused: str
    notes: tuple[str, ...]
    files: Mapping[Path, str]


def preview(request: ImageRequest, settings: Settings) -> Preview:
    """Reads the environment's files and plans; raises SpecError only for files that are wrong."""
    environment = request.environment()
    kind = kind_of(request, environment)
    notes = [] if isinstance(environment, PipEnvironment) else [*environment.notes]
    installed_by, refused = "", ""
    installs: tuple[str, ...] = ()
    prefix = str(prefix_of(environment))
    try:
        packages = plan_packages(environment, kind=kind, mode=request.conda)
    except SpecError as error:
        refused = f"{error.message} ({error.hint})"
    else:
        installed_by, installs = _described(packages)
        notes += packages.notes
        prefix = "" if isinstance(packages, Present) else prefix
    return Preview(
        name=environment.name,
        kind=kind,
        base=base_for(environment, settings, say=notes.append),
        prefix=prefix,
        installed_by=installed_by,
        installs=installs,
        refused=refused,
        notes=tuple(notes),
        files={path: path.read_text("utf-8") for path in files_of(environment)},
    )


def _described(
    packages: Requirements | CondaSolved | Present,
) -> tuple[str, tuple[str, ...]]:
    match packages:
        case Requirements():
            return f"uv, from a lock for Python {packages.python}", (
                *packages.lines,
                *packages.upgrades,
            )
        case CondaSolved():
            conda = tuple(f"conda {spec}" for spec in packages.specs)
            pip = tuple(f"pip {line}" for line in (*packages.requirements, *packages.upgrades))
            return f"conda ({packages.tool}), then uv", (*conda, *pip)
        case Present():
            return "those of the image", ()
        case _:
            assert_never(packages)

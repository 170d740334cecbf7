"""What an environment stands on, and the files it is written in. Looks only, decides nothing."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import assert_never

from toolkit.specs.environment import (
    CondaEnvironment,
    CuratedEnvironment,
    Dockerfile,
    DockerfileEnvironment,
    Environment,
    ImageEnvironment,
    PipEnvironment,
)


def foundation_of(environment: Environment) -> str | Dockerfile | None:
    """The image that the environment names, the Dockerfile that makes it, or None: the default."""
    match environment:
        case CuratedEnvironment():
            return foundation_of(environment.recipe)
        case CondaEnvironment():
            return environment.base
        case PipEnvironment():
            return None
        case DockerfileEnvironment():
            return environment.dockerfile
        case ImageEnvironment():
            return environment.image
        case _:
            assert_never(environment)


def listed_in(environment: Environment) -> Path | None:
    """The file in which the packages, or what brings them, stand; None for a bare image."""
    match environment:
        case CuratedEnvironment():
            return listed_in(environment.recipe)
        case DockerfileEnvironment():
            return environment.dockerfile.path
        case CondaEnvironment() | PipEnvironment() | ImageEnvironment():
            return environment.path
        case _:
            assert_never(environment)


def files_of(environment: Environment) -> tuple[Path, ...]:
    """Every file that says what this environment is."""
    if isinstance(environment, CuratedEnvironment) and environment.folder:
        return tuple(sorted(path for path in environment.folder.iterdir() if path.is_file()))
    foundation = foundation_of(environment)
    named = (
        listed_in(environment),
        foundation.path if isinstance(foundation, Dockerfile) else None,
    )
    return tuple(dict.fromkeys(path for path in named if path))

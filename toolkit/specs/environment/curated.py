"""Azure's curated environments by the names people use for them, as dockerfiles/curated froze them.

Frozen, because the registry resolves its template markers at release time: the files say what was
replaced by what. Reads files only.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

from pydantic import BaseModel, ConfigDict

from toolkit.errors import NotFound, SpecError
from toolkit.resources import dockerfiles
from toolkit.specs.environment.condafile import conda_environment
from toolkit.specs.environment.dockerfile import load_dockerfile
from toolkit.specs.environment.model import (
    CondaEnvironment,
    CuratedEnvironment,
    CuratedKind,
    DockerfileEnvironment,
    ImageEnvironment,
    slug,
)
from toolkit.specs.environment.requirements import pip_environment
from toolkit.specs.yamlfile import YamlFile, load_yaml, parse

FROZEN_FILE: Final = "curated.yml"
_PUBLISHED_FILE: Final = "published.yml"
_PREFIX: Final = "azureml-"  # how a workspace spells the name of a registry's environment
_URI: Final = re.compile(
    r"azureml://registries/(?P<registry>[^/]+)/environments/(?P<name>[^/]+)"
    r"(?:/(?:versions|labels)/(?P<version>[^/]+))?/?"
)
_SHORT: Final = re.compile(r"(?:azureml:)?(?P<name>[^:@/\\\s]+)(?:[:@](?P<version>[^:@/\\\s]+))?")


class _Replaced(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid")

    was: str
    now: str


class _Frozen(BaseModel):
    """curated.yml. `image` is taken as it is unless a conda file or a Dockerfile is named."""

    model_config = ConfigDict(defer_build=True, extra="forbid")

    name: str
    kind: CuratedKind
    era: str
    source: str
    python: str = ""
    image: str
    prefix: str = ""
    conda_file: str = ""
    upgrades: str = ""
    dockerfile: str = ""
    variables: dict[str, str] = {}
    successor: str = ""
    replaced: list[_Replaced] = []
    left_out: list[str] = []
    notes: list[str] = []


class _PublishedImage(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid")

    kind: CuratedKind
    python: str
    image: str


class _Published(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid")

    source: str
    environments: dict[str, _PublishedImage]


def curated_names(folder: Path | None = None) -> tuple[str, ...]:
    """Every name that can be asked for, in the order a reader looks them up."""
    folder = folder or _folder()
    frozen = (path.parent.name for path in folder.glob(f"*/{FROZEN_FILE}"))
    return tuple(sorted({*frozen, *_published(folder).environments}, key=str.lower))


def load_curated(reference: str, folder: Path | None = None) -> CuratedEnvironment:
    """The environment that a name, an `azureml:` or an `azureml://registries/` reference means.

    Raises SpecError for another registry and NotFound for an unknown name, with the nearest ones.
    """
    folder = folder or _folder()
    name, version = _parsed(reference)
    title = _known(name, curated_names(folder))
    if title is None:
        raise NotFound(
            f"no curated environment of this name: {reference}", hint=_nearest(name, folder)
        )
    path = folder / title / FROZEN_FILE
    found = _frozen(path) if path.is_file() else _published_image(title, folder)
    if version in {"", "latest"}:
        return found
    note = f"version {version} of `{title}` was asked for: this is the one that aml-emu has frozen"
    return replace(found, notes=(note, *found.notes))


def is_curated_reference(text: str) -> bool:
    """Whether this can only be the name of something registered, not a path."""
    return text.startswith("azureml:")


def _parsed(reference: str) -> tuple[str, str]:
    if match := _URI.fullmatch(reference):
        if match["registry"] != "azureml":
            raise SpecError(
                f"only the registry `azureml` is known here: {reference}",
                hint="write its environment to a file, or name its image: `image:IMAGE`",
            )
    elif not (match := _SHORT.fullmatch(reference)):
        raise SpecError(
            f"not a reference to an environment: {reference}",
            hint="write for example `azureml:AzureML-sklearn-1.5@latest` or the path of a file",
        )
    return match["name"], match["version"] or ""


def _known(name: str, names: tuple[str, ...]) -> str | None:
    spelled = {known.lower(): known for known in names}
    lower = name.lower()
    return spelled.get(lower) or spelled.get(lower.removeprefix(_PREFIX))


def _nearest(name: str, folder: Path) -> str:
    short = {known.lower().removeprefix(_PREFIX): known for known in curated_names(folder)}
    close = difflib.get_close_matches(name.lower().removeprefix(_PREFIX), short, n=3, cutoff=0.5)
    meant = ", ".join(f"`{short[word]}`" for word in close)
    return f"did you mean {meant}?" if meant else "run `aml-emu env list` for the names"


def _frozen(path: Path) -> CuratedEnvironment:
    file = load_yaml(path, what="curated environment")
    spec = parse(_Frozen, file, what="a curated environment")
    return CuratedEnvironment(
        name=slug(spec.name),
        title=spec.name,
        kind=spec.kind,
        era=spec.era,
        python=spec.python,
        recipe=_recipe(file, spec),
        folder=path.parent,
        successor=spec.successor,
        notes=tuple(spec.notes),
    )


def _recipe(
    file: YamlFile, spec: _Frozen
) -> CondaEnvironment | DockerfileEnvironment | ImageEnvironment:
    folder, name = file.path.parent, slug(spec.name)
    if spec.conda_file:
        conda = conda_environment(load_yaml(folder / spec.conda_file, what="conda file"))
        upgrades = pip_environment(folder / spec.upgrades).pip if spec.upgrades else ()
        return replace(
            conda,
            name=name,
            base=spec.image,
            prefix=PurePosixPath(spec.prefix) if spec.prefix else None,
            upgrades=upgrades,
            variables={**conda.variables, **spec.variables},
        )
    if spec.dockerfile:
        dockerfile = load_dockerfile(folder / spec.dockerfile, context=folder)
        return DockerfileEnvironment(name=name, dockerfile=dockerfile, variables=spec.variables)
    return ImageEnvironment(name=name, image=spec.image, path=file.path, variables=spec.variables)


def _published_image(title: str, folder: Path) -> CuratedEnvironment:
    spec = _published(folder).environments[title]
    return CuratedEnvironment(
        name=slug(title),
        title=title,
        kind=spec.kind,
        era="published image",
        python=spec.python,
        recipe=ImageEnvironment(name=slug(title), image=spec.image, path=folder / _PUBLISHED_FILE),
        folder=None,
    )


@cache
def _published(folder: Path) -> _Published:
    file = load_yaml(folder / _PUBLISHED_FILE, what="list of published images")
    return parse(_Published, file, what="a list of published images")


def _folder() -> Path:
    return dockerfiles() / "curated"

"""What `--env` names: a file, whose content says which kind it is, an image, or a curated name."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Final

from toolkit.errors import SpecError
from toolkit.specs.environment.asset import AssetFile, asset_environment
from toolkit.specs.environment.condafile import CondaFile, conda_environment
from toolkit.specs.environment.curated import is_curated_reference, load_curated
from toolkit.specs.environment.definition import DefinitionFile, definition_environment
from toolkit.specs.environment.dockerfile import dockerfile_environment, is_dockerfile_name
from toolkit.specs.environment.model import (
    Environment,
    ImageEnvironment,
    image_name,
    is_image,
    slug,
)
from toolkit.specs.environment.requirements import pip_environment
from toolkit.specs.yamlfile import YamlFile, load_yaml

_IMAGE: Final = "image:"
_FILE: Final = "file:"
_SUFFIXES: Final = {".yml", ".yaml", ".json", ".txt", ".runconfig"}
_RUN_KEYS: Final = {"script", "framework", "target", "communicator", "history", "command"}


def load_environment(reference: str | Path) -> Environment:
    """The environment that a reference means: see the "Environments" page for every form.

    Raises SpecError with `path:line` for anything a file does not say properly, and NotFound for
    a name that nothing has.
    """
    if isinstance(reference, Path):
        return _from_file(reference)
    text = reference.strip()
    if text.startswith(_IMAGE):
        return _image(text.removeprefix(_IMAGE).strip())
    if is_curated_reference(text):
        return load_curated(text)
    path = Path(text.removeprefix(_FILE)).expanduser()
    if path.exists() or text.startswith(_FILE) or _looks_like_a_path(text):
        return _from_file(path)
    return load_curated(text)


def environment_section(file: YamlFile, *location: str | int) -> Environment:
    """An environment as a job or a deployment writes it: a reference, or the keys inline."""
    section = file.section(*location)
    if isinstance(section.data, dict):
        return asset_environment(section)
    text = str(section.data).strip()
    if text.startswith(_IMAGE) or is_curated_reference(text):
        return load_environment(text)
    return _from_file(file.path.parent / text.removeprefix(_FILE))


def _image(image: str) -> ImageEnvironment:
    if not is_image(image):
        raise SpecError(
            f"not an image: `{image}`", hint="write for example `--env image:python:3.11-slim`"
        )
    return ImageEnvironment(name=slug(image_name(image)), image=image)


def _looks_like_a_path(text: str) -> bool:
    separators = {os.sep, os.altsep or os.sep}
    path = Path(text)
    return (
        any(separator in text for separator in separators)
        or path.suffix.lower() in _SUFFIXES
        or is_dockerfile_name(path.name)
    )


def _from_file(path: Path) -> Environment:
    if path.is_dir():
        raise SpecError(
            f"an environment is a file, this is a folder: {path}", hint=_file_inside(path)
        )
    if is_dockerfile_name(path.name):
        return dockerfile_environment(path)
    if path.suffix == ".txt":
        return pip_environment(path)
    file = load_yaml(path, what="environment file")
    if not isinstance(file.data, dict):
        return conda_environment(file)  # which says what it should have been
    if path.suffix == ".runconfig" or ("environment" in file.data and _RUN_KEYS & set(file.data)):
        return _of_run_configuration(file)
    return _of_keys(file)


def _file_inside(folder: Path) -> str:
    wanted = ("env.yml", "environment.yml", "conda.yml", "requirements.txt", "Dockerfile")
    for name in wanted:
        if (folder / name).is_file():
            return f"did you mean `{folder / name}`?"
    return "name the file in it"


def _of_run_configuration(file: YamlFile) -> Environment:
    environment = file.data.get("environment")
    if isinstance(environment, str):
        return load_environment(environment)
    if not isinstance(environment, dict):
        raise file.error(("environment",), "no `environment` in this run configuration")
    named_only = set(environment) <= {"name", "version"}
    if named_only and isinstance(environment.get("name"), str):
        return load_curated(environment["name"])
    return definition_environment(file.section("environment"))


def _of_keys(file: YamlFile) -> Environment:
    """The kind whose keys this file has most of; a misspelt key counts half."""
    if isinstance(file.data.get("$schema"), str):
        return asset_environment(file)
    kinds: tuple[tuple[Any, Any], ...] = (
        (CondaFile, conda_environment),  # first: it wins where nothing decides
        (AssetFile, asset_environment),
        (DefinitionFile, definition_environment),
    )
    scores = [
        _score(file, [field.alias or name for name, field in model.model_fields.items()])
        for model, _ in kinds
    ]
    result: Environment = kinds[scores.index(max(scores))][1](file)
    return result


def _score(file: YamlFile, known: list[str]) -> int:
    return sum(
        2 if key in known else bool(difflib.get_close_matches(str(key), known, n=1, cutoff=0.7))
        for key in file.data
    )

"""A v2 environment, as a file of its own or written inline in another, into what it is made of.

The keys are those of environment.schema.json, "CLI (v2) environment YAML schema".
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from toolkit.errors import SpecError
from toolkit.specs.environment.condafile import conda_environment
from toolkit.specs.environment.dockerfile import load_dockerfile
from toolkit.specs.environment.model import (
    CondaEnvironment,
    DockerfileEnvironment,
    ImageEnvironment,
    image_name,
    is_image,
    slug,
)
from toolkit.specs.yamlfile import YamlFile, load_yaml, parse


class AssetFile(BaseModel):
    """The keys of an environment; what `inference_config` says is for deployments to read."""

    model_config = ConfigDict(defer_build=True, extra="forbid", coerce_numbers_to_str=True)

    schema_: str | None = Field(default=None, alias="$schema")
    name: str | None = None
    version: str | None = None
    description: str | None = None
    tags: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    image: str | None = None
    conda_file: str | dict[str, Any] | None = None
    build: dict[str, Any] | None = None
    os_type: str | None = None
    inference_config: dict[str, Any] | None = None
    datastore: str | None = None


class _Build(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid")

    path: str
    dockerfile_path: str = "Dockerfile"


class _Route(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid")

    port: int
    path: str


class _InferenceConfig(BaseModel):
    model_config = ConfigDict(defer_build=True, extra="forbid")

    liveness_route: _Route | None = None
    readiness_route: _Route | None = None
    scoring_route: _Route | None = None


def asset_environment(
    file: YamlFile,
) -> CondaEnvironment | DockerfileEnvironment | ImageEnvironment:
    """Raises SpecError with `path:line` for what is no environment, or two of them at once."""
    spec = parse(AssetFile, file, what="an environment")
    name = slug(spec.name) if spec.name else ""
    if spec.os_type not in {None, "linux", "Linux"}:
        raise file.error(("os_type",), f"only `linux` can be emulated: {spec.os_type}")
    if spec.inference_config is not None:
        parse(_InferenceConfig, file.section("inference_config"), what="`inference_config`")
    if spec.build is not None:
        for other in ("image", "conda_file"):
            if getattr(spec, other) is not None:
                raise file.error(
                    (other,),
                    f"`{other}` cannot stand beside `build`",
                    hint="a Dockerfile says by itself what it stands on and what it installs",
                )
        return _built(file, name)
    if spec.image is None:
        raise file.error(
            ("conda_file",),
            "an environment needs `image` or `build`",
            hint="`conda_file` is installed on top of an `image`"
            if spec.conda_file is not None
            else "write `image: IMAGE`, or `build:` with the folder of a Dockerfile",
        )
    if not spec.image.strip():
        raise file.error(("image",), "`image` is empty")
    image = checked_image(file, ("image",), spec.image)
    if spec.conda_file is None:
        return ImageEnvironment(name=name or slug(image_name(image)), image=image, path=file.path)
    conda = conda_environment(_conda_file(file, spec.conda_file))
    return replace(conda, name=name or conda.name, base=image)


def checked_image(file: YamlFile, location: tuple[str, ...], text: str) -> str:
    """The name of an image, if it can stand in a Dockerfile."""
    image = text.strip()
    if not is_image(image):
        raise file.error(
            location,
            f"not an image: `{image}`",
            hint="write for example `mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:latest`",
        )
    return image


def beside(file: YamlFile, location: tuple[str, ...], value: str) -> Path:
    """A path written in `file`, as `az ml` reads it: relative to the file's own folder."""
    text = value.removeprefix("file://") if value.startswith("file:///") else value
    text = text.removeprefix("file:")
    if "://" in text or text.startswith("azureml:"):
        raise file.error(location, f"not a path on this machine: `{value}`")
    return file.path.parent / text


def _conda_file(file: YamlFile, value: str | dict[str, Any]) -> YamlFile:
    if isinstance(value, dict):
        return file.section("conda_file")
    path = beside(file, ("conda_file",), value)
    try:
        return load_yaml(path, what="conda file")
    except SpecError as error:
        if path.is_file():
            raise
        raise file.error(("conda_file",), error.message, hint=error.hint) from error


def _built(file: YamlFile, name: str) -> DockerfileEnvironment:
    section = file.section("build")
    spec = parse(_Build, section, what="`build`")
    context = beside(file, ("build", "path"), spec.path)
    if not context.is_dir():
        raise section.error(("path",), f"no such folder: {context}")
    path = context / spec.dockerfile_path
    if not path.resolve().is_relative_to(context.resolve()):
        raise section.error(
            ("dockerfile_path",),
            f"the Dockerfile lies outside its build context {context}: `{spec.dockerfile_path}`",
            hint="name a folder as `path` that has it inside",
        )
    if not path.is_file():
        raise section.error(("dockerfile_path",), f"Dockerfile not found: {path}")
    return DockerfileEnvironment(
        name=name or slug(context.resolve().name),
        dockerfile=load_dockerfile(path, context=context),
    )

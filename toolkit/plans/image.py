"""From an environment and its lock to the image that Azure ML would build. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.plans import azureml, emulation
from toolkit.plans.model import Contents, ImageKind, ImagePlan, PlacedFile
from toolkit.plans.render import render
from toolkit.plans.requirements import Requirements
from toolkit.resources import runtime, templates
from toolkit.specs.environment import CondaEnvironment, Environment

UV_VERSION: Final = "0.13.9"
_TOOLS: Final = PurePosixPath("/opt/aml-emu-tools")
_ROOT: Final = PurePosixPath("root")  # in the context; its content goes to `/`


def plan_image(
    environment: Environment,
    *,
    requirements: Requirements,
    lock: str,
    kind: ImageKind,
    base: str,
    secrets: Sequence[str] = (),
    platform: str | None = None,
    tags: tuple[str, ...] = (),
) -> ImagePlan:
    """The image for an environment whose requirements were resolved to `lock`.

    The same arguments give byte-identical files. User code is no part of it: it is mounted.
    """
    contents = _contents(environment, requirements, lock, kind)
    dockerfile = render(
        f"image/{kind}.Dockerfile.j2",
        name=environment.name,
        source=environment.path.name,
        base=base,
        contents=contents,
        secrets=sorted(secrets),
        uv=UV_VERSION,
        tools=_TOOLS,
        runit_tree=azureml.RUNIT_TREE,
        app_root=azureml.APP_ROOT,
        user=azureml.IMAGE_USER,
        scoring_port=azureml.SCORING_PORT,
    )
    return ImagePlan(
        name=environment.name,
        base=base,
        dockerfile=dockerfile,
        context=(
            PlacedFile(path=PurePosixPath("requirements.lock"), content=lock.encode()),
            *(replace(file, path=_ROOT / file.path.relative_to("/")) for file in contents.files),
        ),
        platform=platform,
        secrets=tuple(sorted(secrets)),
        tags=tags,
        labels={emulation.LABEL_KIND: "image", emulation.LABEL_NAME: environment.name},
        contents=contents,
    )


def _contents(
    environment: Environment, requirements: Requirements, lock: str, kind: ImageKind
) -> Contents:
    prefix = azureml.ENVS_ROOT / environment.name
    variables = environment.variables if isinstance(environment, CondaEnvironment) else {}
    common = Contents(
        prefix=prefix,
        python=requirements.python,
        lock=lock,
        debugpy=emulation.DEBUGPY,
        debugpy_version=emulation.DEBUGPY_VERSION,
        env={
            "AZUREML_CONDA_ENVIRONMENT_PATH": str(prefix),
            "AZUREML_ENVIRONMENT_IMAGE": "True",
            "PYTHONPYCACHEPREFIX": str(emulation.BYTECODE_CACHE),
            **dict(sorted(variables.items())),
        },
        paths_first={"PATH": prefix / "bin", "LD_LIBRARY_PATH": prefix / "lib"},
        files=tuple(_runtime_files()),
        folders=(emulation.BYTECODE_CACHE, emulation.STATE),
        command=("bash",),
        working_dir=PurePosixPath("/"),
    )
    return _with_server(common, environment.name) if kind == "inference" else common


def _with_server(common: Contents, name: str) -> Contents:
    """The inference layout on top of an environment."""
    information = PlacedFile(path=azureml.IMAGE_INFORMATION, content=f"aml-emu, {name}\n".encode())
    return replace(
        common,
        env={
            **common.env,
            "AZUREML_INFERENCE_SERVER_HTTP_ENABLED": "True",
            "AML_APP_ROOT": str(azureml.APP_ROOT),
            "SVDIR": str(azureml.RUNIT_TREE),
            "WORKER_TIMEOUT": str(azureml.WORKER_TIMEOUT_SECONDS),
        },
        files=(
            *common.files,
            *runit_service(azureml.SERVER_SERVICE, azureml.RUNIT_TREE),
            information,
        ),
        folders=(*common.folders, azureml.APP_ROOT, azureml.RUNIT_TREE),
        links={azureml.APP_ROOT_ALIAS: azureml.APP_ROOT},
        command=("runsvdir", str(azureml.RUNIT_TREE)),
        working_dir=azureml.APP_ROOT,
    )


def runit_service(name: str, tree: PurePosixPath) -> Iterator[PlacedFile]:
    """The scripts of one runit service, placed under `tree`."""
    for script in sorted((templates() / "runit" / name).glob("*.j2")):
        yield PlacedFile(
            path=tree / name / script.stem,
            content=render(f"runit/{name}/{script.name}").encode(),
            mode=0o755,
        )


def _runtime_files() -> Iterator[PlacedFile]:
    for module in _modules(runtime()):
        target = emulation.RUNTIME_PACKAGE / module.relative_to(runtime()).as_posix()
        yield PlacedFile(path=target, content=module.read_bytes())


def _modules(package: Path) -> list[Path]:
    return sorted(path for path in package.rglob("*.py") if "__pycache__" not in path.parts)

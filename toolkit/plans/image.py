"""From an environment and its lock to the image that Azure ML would build. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.plans import azureml, emulation
from toolkit.plans.model import ImageKind, ImagePlan, PlacedFile
from toolkit.plans.render import render
from toolkit.plans.requirements import Requirements
from toolkit.resources import runtime, templates
from toolkit.specs.environment import CondaEnvironment, Environment

UV_VERSION: Final = "0.13.9"
_TOOLS: Final = PurePosixPath("/opt/aml-emu-tools")


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
    variables = environment.variables if isinstance(environment, CondaEnvironment) else {}
    dockerfile = render(
        f"image/{kind}.Dockerfile.j2",
        name=environment.name,
        source=environment.path.name,
        base=base,
        python=requirements.python,
        prefix=azureml.ENVS_ROOT / environment.name,
        variables=dict(sorted(variables.items())),
        secrets=sorted(secrets),
        uv=UV_VERSION,
        tools=_TOOLS,
        home=emulation.HOME,
        state=emulation.STATE,
        debugpy=emulation.DEBUGPY,
        debugpy_version=emulation.DEBUGPY_VERSION,
        bytecode_cache=emulation.BYTECODE_CACHE,
        app_root=azureml.APP_ROOT,
        app_root_alias=azureml.APP_ROOT_ALIAS,
        runit_tree=azureml.RUNIT_TREE,
        image_information=azureml.IMAGE_INFORMATION,
        user=azureml.IMAGE_USER,
        worker_timeout=azureml.WORKER_TIMEOUT_SECONDS,
        scoring_port=azureml.SCORING_PORT,
    )
    return ImagePlan(
        name=environment.name,
        base=base,
        dockerfile=dockerfile,
        context=(
            PlacedFile(path=PurePosixPath("requirements.lock"), content=lock.encode()),
            *_runtime_files(),
            *(
                runit_service(azureml.SERVER_SERVICE, PurePosixPath("runit"))
                if kind == "inference"
                else ()
            ),
        ),
        platform=platform,
        secrets=tuple(sorted(secrets)),
        tags=tags,
        labels={emulation.LABEL_KIND: "image", emulation.LABEL_NAME: environment.name},
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
    package = emulation.RUNTIME_PACKAGE.relative_to(emulation.HOME)
    for module in _modules(runtime()):
        target = PurePosixPath("aml-emu") / package / module.relative_to(runtime()).as_posix()
        yield PlacedFile(path=target, content=module.read_bytes())


def _modules(package: Path) -> list[Path]:
    return sorted(path for path in package.rglob("*.py") if "__pycache__" not in path.parts)

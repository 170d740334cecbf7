"""From an environment and its packages to the image that Azure ML would build. Runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from typing_extensions import assert_never

from toolkit.plans import azureml, emulation
from toolkit.plans.lockparts import parts_of
from toolkit.plans.model import Contents, ImageKind, ImagePlan, Layout, PlacedFile
from toolkit.plans.packages import NO_DEFAULTS, CondaSolved, Locked, Packages, Present
from toolkit.plans.render import render
from toolkit.resources import dockerfiles, runtime, templates
from toolkit.specs.environment import (
    CondaEnvironment,
    CuratedEnvironment,
    Environment,
    PipEnvironment,
)

UV_VERSION: Final = "0.13.9"
RATTLER_VERSION: Final = "0.28.0"  # its API changes between releases
_TOOLS: Final = PurePosixPath("/opt/aml-emu-tools")
_ROOT: Final = PurePosixPath("root")  # in the context; its content goes to `/`
_AFTER_GROUNDWORK: Final = "\nFROM groundwork\n"
_SERVICES: Final = emulation.HOME / "runit"  # for images whose own tree may be kept


@dataclass(frozen=True, kw_only=True)
class _Steps:
    """How one way of installing packages looks in a Dockerfile: a template and its files."""

    template: str
    values: Mapping[str, Any]
    context: tuple[PlacedFile, ...]
    python: PurePosixPath | None  # None: the one that is found while building
    contents: Contents | None


def plan_image(
    environment: Environment,
    *,
    packages: Packages,
    kind: ImageKind,
    base: str,
    secrets: Sequence[str] = (),
    platform: str | None = None,
    tags: tuple[str, ...] = (),
) -> ImagePlan:
    """The image for an environment on `base`, which stands for what the environment names.

    The same arguments give byte-identical files. User code is no part of it: it is mounted.
    """
    prefix = prefix_of(environment)
    layout = _layout(environment, kind, None if isinstance(packages, Present) else prefix)
    steps = _steps(packages, layout, prefix)
    dockerfile = render(
        f"image/{kind}.Dockerfile.j2",
        name=environment.name,
        source=_source(environment),
        base=base,
        layout=layout,
        steps=steps,
        prefix=prefix,
        secrets=sorted(secrets),
        debugpy_before_310=emulation.DEBUGPY_BEFORE_310,
        uv=UV_VERSION,
        tools=_TOOLS,
        services=_SERVICES,
        runit_tree=azureml.RUNIT_TREE,
        app_root=azureml.APP_ROOT,
        user=azureml.IMAGE_USER,
        scoring_port=azureml.SCORING_PORT,
        **steps.values,
    )
    placed = (replace(file, path=_ROOT / file.path.relative_to("/")) for file in layout.files)
    return ImagePlan(
        name=environment.name,
        base=base,
        dockerfile=dockerfile,
        context=(_placed_template("python.sh"), _program("tools/uv.py"), *steps.context, *placed),
        platform=platform,
        secrets=tuple(sorted(secrets)),
        tags=tags,
        labels={emulation.LABEL_KIND: "image", emulation.LABEL_NAME: environment.name},
        contents=steps.contents,
    )


def plan_groundwork(
    environment: Environment,
    *,
    python: str,
    kind: ImageKind,
    base: str,
    secrets: Sequence[str] = (),
) -> ImagePlan:
    """The part of an image that waits for no lock: the first stages of its Dockerfile."""
    whole = plan_image(
        environment,
        packages=Locked(python=python, lock=""),
        kind=kind,
        base=base,
        secrets=secrets,
    )
    text, found, _ = whole.dockerfile.partition(_AFTER_GROUNDWORK)
    if not found:
        raise ValueError("the template has no stage `groundwork`")
    return replace(whole, dockerfile=text, contents=None)


def prefix_of(environment: Environment) -> PurePosixPath:
    """Where the environment is installed in its image."""
    recipe = environment.recipe if isinstance(environment, CuratedEnvironment) else environment
    named = recipe.prefix if isinstance(recipe, CondaEnvironment) else None
    return named or azureml.ENVS_ROOT / environment.name


def _source(environment: Environment) -> str:
    match environment:
        case CuratedEnvironment():
            return f"the curated environment {environment.title}"
        case CondaEnvironment() | PipEnvironment():
            return environment.path.name
        case _:
            return "an image with a Python of its own"


def _variables(environment: Environment) -> Mapping[str, str]:
    recipe = environment.recipe if isinstance(environment, CuratedEnvironment) else environment
    return {} if isinstance(recipe, PipEnvironment) else recipe.variables


def _steps(packages: Packages, layout: Layout, prefix: PurePosixPath) -> _Steps:
    match packages:
        case Locked():
            return _from_lock(packages, layout, prefix)
        case CondaSolved():
            return _from_conda(packages, prefix)
        case Present():
            return _Steps(
                template="present",
                values={"interpreter": packages.interpreter},
                context=(),
                python=None,
                contents=None,
            )
        case _:
            assert_never(packages)


def _from_lock(packages: Locked, layout: Layout, prefix: PurePosixPath) -> _Steps:
    contents = Contents(
        prefix=prefix,
        python=packages.python,
        lock=packages.lock,
        paths_first={"PATH": prefix / "bin", "LD_LIBRARY_PATH": prefix / "lib"},
        **{field.name: getattr(layout, field.name) for field in fields(layout)},
    )
    if packages.python in {"3.8", "3.9"}:
        contents = replace(contents, debugpy_version=emulation.DEBUGPY_BEFORE_310)
    names = ("common.lock", "further.lock")
    lists = {name: part for name, part in zip(names, parts_of(packages.lock), strict=True) if part}
    return _Steps(
        template="lock",
        values={"version": packages.python, "lists": tuple(lists)},
        context=tuple(_text(name, part) for name, part in lists.items()),
        python=prefix / "bin/python",
        contents=contents,
    )


def _from_conda(packages: CondaSolved, prefix: PurePosixPath) -> _Steps:
    lists = {
        "conda.txt": packages.specs,
        "requirements.txt": packages.requirements,
        "upgrades.txt": packages.upgrades,
    }
    tool = () if packages.tool == "base" else (_program("conda/solve.py"),)
    return _Steps(
        template="conda" if packages.tool == "base" else "rattler",
        values={
            "channels": [name for name in packages.channels if name != NO_DEFAULTS],
            "only_these": NO_DEFAULTS in packages.channels,
            "pip_part": bool(packages.requirements),
            "upgrades": bool(packages.upgrades),
            "rattler": RATTLER_VERSION,
        },
        context=(
            *(_text(name, "\n".join(lines) + "\n") for name, lines in lists.items() if lines),
            *tool,
        ),
        python=prefix / "bin/python",
        contents=None,
    )


def _layout(environment: Environment, kind: ImageKind, prefix: PurePosixPath | None) -> Layout:
    """Our part of the image; without a `prefix` the image has a Python and a tree of its own."""
    common = Layout(
        debugpy=emulation.DEBUGPY,
        debugpy_version=emulation.DEBUGPY_VERSION,
        env={
            **({"AZUREML_CONDA_ENVIRONMENT_PATH": str(prefix)} if prefix else {}),
            "AZUREML_ENVIRONMENT_IMAGE": "True",
            "PYTHONPYCACHEPREFIX": str(emulation.BYTECODE_CACHE),
            **dict(sorted(_variables(environment).items())),
        },
        files=tuple(_runtime_files()),
        folders=(emulation.BYTECODE_CACHE, emulation.STATE),
        command=("bash",),
        working_dir=PurePosixPath("/"),
    )
    if kind == "training":
        return common
    return _with_server(common, environment.name, azureml.RUNIT_TREE if prefix else _SERVICES)


def _with_server(common: Layout, name: str, tree: PurePosixPath) -> Layout:
    """The inference layout on top of an environment."""
    information = PlacedFile(path=azureml.IMAGE_INFORMATION, content=f"aml-emu, {name}\n".encode())
    own_tree = tree != azureml.RUNIT_TREE
    ours = {
        "AZUREML_INFERENCE_SERVER_HTTP_ENABLED": "True",
        "AML_APP_ROOT": str(azureml.APP_ROOT),
        "SVDIR": str(azureml.RUNIT_TREE),
        "WORKER_TIMEOUT": str(azureml.WORKER_TIMEOUT_SECONDS),
    }
    return replace(
        common,
        env={**common.env, **{key: value for key, value in ours.items() if key not in common.env}},
        files=(
            *common.files,
            *runit_service(azureml.SERVER_SERVICE, tree),
            *(() if own_tree else (information,)),
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


def _text(name: str, content: str) -> PlacedFile:
    return PlacedFile(path=PurePosixPath(name), content=content.encode())


def _placed_template(name: str) -> PlacedFile:
    return _text(name, render(f"image/{name}.j2"))


def _program(path: str) -> PlacedFile:
    """One of the hand-written programs that a build runs."""
    source = dockerfiles() / path
    return _text(source.name, source.read_text("utf-8"))


def _runtime_files() -> Iterator[PlacedFile]:
    for module in _modules(runtime()):
        target = emulation.RUNTIME_PACKAGE / module.relative_to(runtime()).as_posix()
        yield PlacedFile(path=target, content=module.read_bytes())


def _modules(package: Path) -> list[Path]:
    return sorted(path for path in package.rglob("*.py") if "__pycache__" not in path.parts)

"""From an environment's image, code and models to an image that holds them. Runs nothing.

`plan_bake` lays them out as `serve` mounts them, `plan_package` as the v1 SDK's Model.package.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from toolkit.errors import SpecError
from toolkit.plans import azureml, dropin
from toolkit.plans.model import ImagePlan, Mount, PlacedFile
from toolkit.plans.render import render
from toolkit.plans.service import Scoring, model_dir, model_mounts
from toolkit.specs.environment.model import is_one_line
from toolkit.specs.ignore import ignore_file, ignore_rules

# An account that no cloud has: the map must name one.
_NO_ID: Final = "00000000-0000-0000-0000-000000000000"
_ACCOUNT: Final = {
    "subscriptionId": _NO_ID,
    "resourceGroupName": "aml-emu",
    "accountName": "aml-emu",
    "workspaceId": _NO_ID,
}
_APP: Final = PurePosixPath("azureml-app")  # in the context, as in a saved v1 package
_SDK: Final = PurePosixPath("aml-emu-azureml")
_MODELS: Final = PurePosixPath(azureml.MODELS_FOLDER)
_MODEL_MAP: Final = "model_config_map.json"
_NEVER: Final = frozenset({"__pycache__", ".git", ".aml-emu", ".venv", ".vscode"})


def plan_bake(scoring: Scoring, *, image: str, tags: tuple[str, ...] = ()) -> ImagePlan:
    """The folder of the script and the models, in the image of their environment.

    Raises SpecError for links that leave no end, and for rules that leave out the script.
    """
    models = tuple(_model_files(scoring, _MODELS))
    taken = {file.path.relative_to(_MODELS) for file in models}
    code = tuple(
        file
        for file in _code_files(scoring.code, PurePosixPath("code"), needed=scoring.script)
        if not _is_below(file.path.relative_to("code"), taken)
    )
    return _plan(
        scoring,
        name=f"{scoring.name}-baked",
        image=image,
        context=(*models, *code),
        copies={
            **({str(_MODELS): azureml.APP_ROOT / _MODELS} if models else {}),
            "code": azureml.APP_ROOT,
        },
        entry=PurePosixPath(scoring.script.name),
        tags=tags,
    )


def plan_package(
    scoring: Scoring,
    *,
    image: str,
    source: Path | None = None,
    with_sdk: bool = False,
    tags: tuple[str, ...] = (),
) -> ImagePlan:
    """What Model.package makes: the script alone, or the folder `source` that it lies in.

    `with_sdk` adds our own `azureml`, for a script that imports it where nothing else has it.
    """
    sdk = tuple(_dropin_files()) if with_sdk else ()
    if source:
        entry = PurePosixPath(source.name) / scoring.script.relative_to(source).as_posix()
        code = tuple(_code_files(source, _APP / source.name, needed=scoring.script))
    else:
        entry = PurePosixPath(scoring.script.name)
        code = (_placed(scoring.script, _APP / entry),)
    model_map = PlacedFile(
        path=PurePosixPath(_MODEL_MAP), content=_model_map(_mounts(scoring)).encode()
    )
    return _plan(
        scoring,
        name=f"{scoring.name}-package",
        image=image,
        context=(*sdk, *_model_files(scoring, _APP / _MODELS), *code, model_map),
        copies={
            **({str(_SDK): dropin.FOLDER} if with_sdk else {}),
            str(_APP): azureml.APP_ROOT,
            _MODEL_MAP: azureml.APP_ROOT / _MODEL_MAP,
        },
        entry=entry,
        env={"AZUREML_SOURCE_DIRECTORY": source.name} if source else {},
        tags=tags,
    )


def _plan(
    scoring: Scoring,
    *,
    name: str,
    image: str,
    context: tuple[PlacedFile, ...],
    copies: Mapping[str, PurePosixPath],
    entry: PurePosixPath,
    env: Mapping[str, str] | None = None,
    tags: tuple[str, ...],
) -> ImagePlan:
    _check_variables(scoring.env)
    dockerfile = render(
        "image/bake.Dockerfile.j2",
        name=name,
        script=scoring.script.name,
        base=image,
        copies=copies,
        env={
            **(env or {}),
            "AZUREML_ENTRY_SCRIPT": str(entry),
            **model_dir(_mounts(scoring)),
            **scoring.env,
        },
        user=azureml.IMAGE_USER,
        scoring_port=azureml.SCORING_PORT,
        command=["runsvdir", str(azureml.RUNIT_TREE)],
    )
    return ImagePlan(name=name, base=image, dockerfile=dockerfile, context=context, tags=tags)


def _check_variables(variables: Mapping[str, str]) -> None:
    """A container takes any variable, a Dockerfile does not."""
    for name, value in variables.items():
        if not re.fullmatch(r"[^\s=\"'\\$]+", name):
            raise SpecError(f"not a name for a variable of an image: `{name}`")
        if not is_one_line(value):
            raise SpecError(f"a variable of an image must be one line: `{name}`")


def _mounts(scoring: Scoring) -> tuple[Mount, ...]:
    """Models by their paths, and those that a registered name and version have placed."""
    return (*model_mounts(scoring.models), *scoring.placed)


def _model_files(scoring: Scoring, root: PurePosixPath) -> Iterator[PlacedFile]:
    """Each model where a service has it mounted, seen from the folder of models."""
    for mount in _mounts(scoring):
        target = root / mount.target.relative_to(azureml.APP_ROOT / _MODELS)
        if mount.source.is_file():
            yield _placed(mount.source, target)
        else:
            for path in _walk(mount.source):
                yield _placed(path, target / path.relative_to(mount.source).as_posix())


def _dropin_files() -> Iterator[PlacedFile]:
    source = dropin.dropin_source() / "azureml"
    for path in _walk(source):
        yield _placed(path, _SDK / "azureml" / path.relative_to(source).as_posix())


def _code_files(folder: Path, root: PurePosixPath, *, needed: Path) -> Iterator[PlacedFile]:
    rules = ignore_rules(folder)
    if rules.match_file(needed.relative_to(folder).as_posix()):
        raise SpecError(f"{ignore_file(folder)}: it leaves out the scoring script: {needed}")
    for path in _walk(folder):
        relative = path.relative_to(folder).as_posix()
        if not rules.match_file(relative):
            yield _placed(path, root / relative)


def _walk(folder: Path, inside: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Files in one order, whatever the file system's is; links are followed, but not in circles."""
    here = folder.resolve()
    if here in inside:
        raise SpecError(f"link leads back to a folder that it lies in: {folder}")
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name not in _NEVER:
            yield from _walk(Path(entry.path), (*inside, here))
        elif entry.is_file():
            yield Path(entry.path)


def _placed(path: Path, target: PurePosixPath) -> PlacedFile:
    executable = path.stat().st_mode & 0o100
    return PlacedFile(path=target, content=path, mode=0o755 if executable else 0o644)


def _is_below(path: PurePosixPath, taken: Iterable[PurePosixPath]) -> bool:
    """Whether a model takes that place: `serve` hides what the user's folder has there."""
    if path.parts[0] != azureml.MODELS_FOLDER:
        return False
    return path.relative_to(azureml.MODELS_FOLDER) in set(taken)


def _model_map(mounts: Iterable[Mount]) -> str:
    """What the model-data collector looks its models up in."""
    described: dict[str, Any] = {}
    info: dict[str, Any] = {}
    for mount in mounts:
        version, name = mount.target.parent.name, mount.target.parent.parent.name
        described[name] = {"id": f"{name}:{version}", "name": name, "version": version}
        info.setdefault(name, {})[version] = described[name]
    known = {"accountContext": _ACCOUNT, "models": described, "modelsInfo": info}
    return json.dumps(known, indent=2) + "\n"

"""A job's inputs found on this machine, and the places where its outputs will land."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from toolkit.errors import EmuError, NotFound, SpecError
from toolkit.plans.output_path import with_datastore, with_names
from toolkit.plans.run import ResolvedInput
from toolkit.settings import Settings
from toolkit.specs.inputs import Input, Output
from toolkit.specs.job import CommandJob
from toolkit.workspace.data import DataLocator
from toolkit.workspace.download import Downloads
from toolkit.workspace.model import AssetKind
from toolkit.workspace.workspace import Workspace

NAMED_OUTPUTS: Final = "named-outputs"  # in a run's folder, as `az ml job download` calls it
_FOLDERS: Final = frozenset({"uri_folder", "mltable", "triton_model"})
_MODELS: Final = frozenset({"mlflow_model", "custom_model", "triton_model"})


def data_locator(
    workspace: Workspace, settings: Settings, *, say: Callable[[str], None]
) -> DataLocator:
    """What finds data for the jobs of a workspace; downloads are kept in the user's cache."""
    downloads = Downloads(settings.cache_folder / "downloads", say=say)
    return DataLocator(workspace=workspace, settings=settings, download=downloads)


def resolve_inputs(job: CommandJob, locator: DataLocator) -> dict[str, ResolvedInput]:
    """Each input with its value, or with the path where it lies.

    Raises SpecError or NotFound, with `path:line` where there is a file, for what is missing,
    of another type, or not to be found.
    """
    return {
        name: resolve_input(job, name, declared, locator) for name, declared in job.inputs.items()
    }


def resolve_input(
    job: CommandJob, name: str, declared: Input, locator: DataLocator
) -> ResolvedInput:
    """One of them."""
    if declared.path is not None:
        path = _located(job, name, declared, locator)
        return ResolvedInput(
            name=name, type=declared.kind, path=path, mode=declared.mode or "ro_mount"
        )
    if declared.given is None:
        if not declared.optional:
            raise job.error(
                ("inputs", name),
                f"input `{name}` has no value",
                hint=f"give it one with `--set inputs.{name}=…`",
            )
        return ResolvedInput(name=name, type=declared.kind)
    if not declared.is_literal:
        raise job.error(("inputs", name), f"input `{name}` of type {declared.kind} needs a `path`")
    return ResolvedInput(name=name, type=declared.kind, value=declared.accept(declared.given))


def check_kind(job: CommandJob, name: str, kind: str, path: Path) -> None:
    """A file where a file is asked for, and a folder where a folder is."""
    where = ("inputs", name, "path")
    if kind == "uri_file" and path.is_dir():
        raise job.error(
            where,
            f"input `{name}` is a uri_file, but this is a folder: {path}",
            hint="write `type: uri_folder`, or name a file in it",
        )
    if kind in _FOLDERS and path.is_file():
        raise job.error(
            where,
            f"input `{name}` is a {kind}, but this is a file: {path}",
            hint="write `type: uri_file`, or name its folder",
        )


def output_places(
    outputs: Mapping[str, Output],
    *,
    folder: Path,
    locator: DataLocator,
    given: Mapping[str, Path],
    job: CommandJob,
) -> dict[str, Path]:
    """Where each output lands: where the caller says, at its `path`, or in the run's folder.

    Folders are made; of a file's path the folder around it is.
    """
    places: dict[str, Path] = {}
    for name, output in outputs.items():
        place = given.get(name)
        if place is None and output.path is not None:
            text = with_names(with_datastore(output.path), run=folder.name, output=name)
            place = _output_path(job, name, text, locator)
        if place is None:
            own = folder / NAMED_OUTPUTS / name
            place = own / name if output.is_file else own
        try:
            (place.parent if output.is_file else place).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise job.error(
                ("outputs", name), f"output `{name}` cannot be written to: {place}: {error}"
            ) from error
        places[name] = place.resolve()
    return places


def _located(job: CommandJob, name: str, declared: Input, locator: DataLocator) -> Path:
    written = declared.path or ""
    kinds: tuple[AssetKind, ...] = ("data", "model")
    if declared.kind in _MODELS:
        kinds = ("model", "data")
    try:
        path = locator.locate(written, folder=job.folder, kinds=kinds)
    except (NotFound, SpecError) as error:
        raise _placed(job, ("inputs", name, "path"), f"input `{name}`: ", error) from error
    check_kind(job, name, declared.kind, path)
    return path.resolve()


def _output_path(job: CommandJob, name: str, written: str, locator: DataLocator) -> Path:
    try:
        return locator.locate(written, folder=job.folder, must_exist=False)
    except (NotFound, SpecError) as error:
        raise _placed(job, ("outputs", name, "path"), f"output `{name}`: ", error) from error


def _placed(job: CommandJob, where: tuple[str, ...], what: str, error: EmuError) -> EmuError:
    return job.error(where, f"{what}{error.message}", hint=error.hint)

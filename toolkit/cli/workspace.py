"""Opening the project's workspace for a command, with what died since the last one noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.cli import console

if TYPE_CHECKING:
    from toolkit.settings import Settings
    from toolkit.workspace.workspace import Workspace


def opened_workspace(settings: Settings) -> Workspace:
    """The workspace; runs whose owner was killed are marked Failed first."""
    from toolkit.workspace.workspace import Workspace

    workspace = Workspace.open(settings.state_folder)
    if workspace.runs.orphans():
        _reap(workspace, settings)
    return workspace


def _reap(workspace: Workspace, settings: Settings) -> None:
    from toolkit.engines.registry import make_engine
    from toolkit.errors import EngineUnavailable
    from toolkit.live.run_orphans import reap_orphans

    try:
        # "auto" finds what either engine runs, whichever the settings prefer now
        reaped = reap_orphans(workspace, make_engine("auto", settings.environ))
    except EngineUnavailable as error:
        console.warn(f"whether runs of killed commands still go on cannot be seen: {error.message}")
        return
    for run in reaped:
        console.warn(f"run `{run.name}` lost the process that looked after it: {run.status}")


def existing_workspace(settings: Settings) -> Workspace | None:
    """For commands that only look: they make no folder where there is none."""
    if not _is_there(settings):
        console.say(f"nothing was run or registered in this project yet: {settings.project}")
        return None
    return opened_workspace(settings)


def known_workspace(settings: Settings) -> Workspace:
    """For commands that name something in it. Raises NotFound where there is none."""
    from toolkit.errors import NotFound

    if not _is_there(settings):
        raise NotFound(
            f"nothing was run or registered in this project yet: {settings.project}",
            hint="begin with `aml-emu run FILE` or `aml-emu register FILE`, or go to its folder",
        )
    return opened_workspace(settings)


def _is_there(settings: Settings) -> bool:
    from toolkit.workspace.workspace import Workspace

    return Workspace.is_there(settings.state_folder)

"""What `serve` and `deploy` share: debugging and watching, and telling where to attach."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.cli import console, launch_json
from toolkit.cli.console import shown
from toolkit.cli.progress import BuildProgress
from toolkit.dev.debug import DebugSession, PathMapping, workspace_of, write_launch_json
from toolkit.engines.base import Engine
from toolkit.errors import SpecError
from toolkit.live.delta import FollowedEnvironment
from toolkit.live.image import ImageRequest, build_image
from toolkit.live.service import Service
from toolkit.plans.debug import DebugOptions, under_debugger
from toolkit.plans.model import CondaMode, LaunchPlan, ReloadMode
from toolkit.plans.service import under_reload
from toolkit.settings import Settings

SAMPLE_REQUEST = "sample-request.json"


@dataclass(frozen=True, kw_only=True)
class Attended:
    """The flags, checked by nobody yet."""

    debug_port: int
    debug: bool
    wait: float | None
    break_on_errors: bool
    watch: bool
    reload: ReloadMode | None
    detach: bool
    conda: CondaMode
    no_cache: bool
    json: bool
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def mode(self) -> ReloadMode:
        """How new code gets in."""
        return self.reload or "fork"

    def check(self) -> None:
        """What cannot be together."""
        if self.reload and not self.watch:
            raise SpecError(
                "`--reload` needs `--watch`",
                hint="leave it out, or `--detach` and `--no-watch`, which switch watching off",
            )
        if self.watch and self.detach:
            raise SpecError(
                "`--watch` needs the foreground", hint="leave out `--detach`, or add `--no-watch`"
            )

    def dress(self, plan: LaunchPlan, *, debugged: bool = True) -> LaunchPlan:
        """The plan with what watching and debugging take."""
        if self.watch:
            plan = under_reload(plan, mode=self.mode, token=self.token)
        if self.debug and debugged:
            options = DebugOptions(
                port=self.debug_port,
                wait=self.wait,
                break_on_errors=self.break_on_errors,
                token=self.token,
            )
            plan = under_debugger(plan, options)
        return plan


def built(request: ImageRequest, settings: Settings, engine: Engine) -> str:
    """The image's tag, with the progress of its build shown."""
    with BuildProgress() as progress:
        image = build_image(request, settings, engine, say=progress.say, on_event=progress)
    console.say(f"image {image.tag}{'' if image.built else ' (unchanged)'}")
    return image.tag


def followed(request: ImageRequest, settings: Settings, engine: Engine) -> FollowedEnvironment:
    return FollowedEnvironment(request, settings, platform=engine.check().platform)


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A debug session and the launch.json that it stands in, if it could be written."""

    session: DebugSession
    launch_json: Path | None

    def tell(self) -> None:
        mapping = self.session.mappings[0]
        path = self.launch_json and shown(self.launch_json)
        launch_json.tell_where(self.session, path, mapping.local, mapping.remote)


def attachment(service: Service, settings: Settings, *, name: str = "") -> Attachment | None:
    """Where to attach, written into launch.json; None if it is not being debugged."""
    if service.debugger is None:
        return None
    session = DebugSession(
        name=name or service.name,
        address=service.debugger,
        mappings=(PathMapping(local=service.code, remote=service.app_root),),
    )
    workspace = workspace_of(service.script, project=settings.project)
    path = launch_json.written(lambda: write_launch_json(session, workspace))
    return Attachment(session=session, launch_json=path)


def tell_waiting(order: Attended, attached: Attachment | None) -> None:
    """Said before init() has run: somebody must attach for it to go on."""
    if attached and order.wait is not None:
        console.say(f"waiting up to {order.wait:g} s for a debugger before init()")
        attached.tell()


def sample_of(folder: Path) -> str:
    """The body of a request to try: the project's own sample, if there is one."""
    sample = folder / SAMPLE_REQUEST
    return f"@{shown(sample)}" if sample.is_file() else '{"data": []}'

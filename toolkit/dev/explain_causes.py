"""The reasons why a breakpoint does not bind: each looks at the evidence for one of them."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from toolkit.dev.explain_evidence import Evidence
from toolkit.dev.explain_line import landing, what_it_is


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One reason why a breakpoint does not bind, and what the user can do about it."""

    code: str
    said: str
    todo: str


def _service(seen: Evidence) -> Iterable[Problem]:
    if seen.service is None:
        maps = "; ".join(f"`{name}` holds {code}" for name, code in seen.others.items())
        yield Problem(
            code="no-service",
            said=f"no service holds {seen.place.file}",
            todo=f"name a file below one of these: {maps}"
            if maps
            else "start one: `aml-emu serve score.py --env env.yml --debug`",
        )
    elif seen.remote is None:
        yield Problem(
            code="outside",
            said=f"`{seen.service}` holds {seen.code}, and {seen.place.file} is elsewhere",
            todo="name a file below that folder, or the path that the file has in the container",
        )
    elif seen.state != "running":
        yield Problem(
            code="ended",
            said=f"`{seen.service}` does not run ({seen.state})",
            todo="start it again with `aml-emu serve … --debug`",
        )
    elif not seen.is_debuggable:
        yield Problem(
            code="not-debugging",
            said=f"`{seen.service}` was started without a debugger",
            todo="start it again with `--debug`",
        )


def _just_my_code(seen: Evidence) -> Iterable[Problem]:
    if seen.inside and seen.remote and not seen.remote.is_relative_to(seen.app_root):
        yield Problem(
            code="library",
            said=f"{seen.remote} is no code of yours, and `justMyCode` (the default) passes it by",
            todo='set `"justMyCode": false` in the launch configuration, and map its folder',
        )


def _file(seen: Evidence) -> Iterable[Problem]:
    inside = seen.inside
    if inside is None:
        return
    if not inside.exists:
        yield Problem(
            code="missing",
            said=f"{seen.remote} is not in the container",
            todo="start the service again: a folder that was replaced stays mounted as it was",
        )
    elif seen.sha256 and seen.sha256 != inside.sha256:
        yield Problem(
            code="differs",
            said="the container's file is not the same as yours",
            todo="start the service again: a folder that was replaced stays mounted as it was",
        )
    if inside.exists and inside.error:
        yield Problem(
            code="broken",
            said=f"it does not compile ({inside.error.strip().splitlines()[-1]})",
            todo="correct it and save; the code loaded before goes on answering",
        )


def _line(seen: Evidence) -> Iterable[Problem]:
    inside, line = seen.inside, seen.place.line
    if inside is None or not inside.exists or inside.error or line in inside.lines:
        return
    said = f"line {line} {what_it_is(seen.source, line) if seen.source else 'holds no code'}"
    if there := landing(seen.source, line, inside.lines):
        runs = (
            f"in `{there.function}`" if there.function else "which runs when the module is loaded"
        )
        said += f"; the debugger moves it to line {there.line}, {runs}: {there.text}"
    after = inside.lines[bisect.bisect_right(inside.lines, line) :]
    nearest = after or inside.lines[-1:]
    todo = f"set it on line {nearest[0]}" if nearest else "set it in another file: none runs here"
    yield Problem(code="no-code", said=said, todo=todo)


def _loaded(seen: Evidence) -> Iterable[Problem]:
    inside = seen.inside
    if inside is None:
        return
    name, service = seen.place.file.name, seen.service
    if not inside.loaded:
        yield Problem(
            code="no-worker",
            said=f"no worker of `{service}` serves: init() still runs, or failed",
            todo=f"see `aml-emu logs {service}`",
        )
        return
    if seen.remote and not seen.remote.is_relative_to(seen.app_root):
        return  # the workers keep account of the user's files only
    older = [pid for pid, digest in inside.loaded.items() if digest not in {None, inside.sha256}]
    if all(digest is None for digest in inside.loaded.values()):
        yield Problem(
            code="not-loaded",
            said=f"no worker has loaded {name}",
            todo="the breakpoint is reached once your script imports it",
        )
    elif older and inside.exists:
        yield Problem(
            code="older",
            said=f"worker {older[0]} runs an older {name}",
            todo=f"see in `aml-emu logs {service}` why the saved one was not taken in"
            if inside.reloads
            else f"`{service}` takes no saved changes in: start it again with `--watch`",
        )


def _debugger(seen: Evidence) -> Iterable[Problem]:
    inside = seen.inside
    if inside is None:
        return
    if not inside.client:
        yield Problem(
            code="not-attached",
            said=f"no debugger is attached to `{seen.service}`",
            todo=f"attach with `aml-emu: {seen.service}` of .vscode/launch.json, or use "
            "`aml-emu debug trace`",
        )
        return
    if inside.loaded and not set(inside.loaded) & set(inside.sessions):
        yield Problem(
            code="no-session",
            said=f"{inside.client} has no session with a worker of `{seen.service}`",
            todo="use a client that follows child sessions (`subProcess` must not be false)",
        )
    if seen.place.line not in inside.breakpoints:
        lines = ", ".join(map(str, inside.breakpoints))
        yield Problem(
            code="not-set",
            said=f"{inside.client} has set no breakpoint there"
            + (f", only in line {lines}" if lines else ", nor elsewhere in the file"),
            todo=f"set it; if it is set, map {seen.code} to {seen.app_root} in `pathMappings`",
        )


CAUSES: Final[tuple[Callable[[Evidence], Iterable[Problem]], ...]] = (
    _service,
    _just_my_code,
    _file,
    _line,
    _loaded,
    _debugger,
)

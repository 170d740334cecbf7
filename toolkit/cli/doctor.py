"""aml-emu doctor: what this machine has, what is missing, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from toolkit.cli import console
from toolkit.cli.options import EngineOption, Json

if TYPE_CHECKING:
    from toolkit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report. A finding that is not ok has a hint."""

    what: str
    ok: bool
    said: str
    hint: str = ""


def doctor(engine: EngineOption = None, json: Json = False) -> None:
    """Check this machine; exits 3 if something needed is missing."""
    from toolkit.settings import load_settings

    findings = examine(load_settings(engine=engine))
    if json:
        console.result_json([vars(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "ok     " if finding.ok else "MISSING"
            console.result(f"{mark}  {finding.what:<11} {finding.said}")
            if finding.hint:
                console.result(f"{'':9}{'':<12}{finding.hint}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(3)


def examine(settings: Settings) -> list[Finding]:
    """Look at everything; what is broken is a finding, never an error."""
    from toolkit.engines.trust import host_trust

    findings = [_python(), *_engine(settings)]
    report = host_trust(settings.environ).report()
    findings += [Finding(what="carried in", ok=True, said=line) for line in report]
    config = settings.project / "aml-emu.toml"
    said = str(config) if config.is_file() else f"none in {settings.project} (optional)"
    return [*findings, Finding(what="settings", ok=True, said=said)]


def _python() -> Finding:
    import platform

    return Finding(what="python", ok=True, said=platform.python_version())


def _engine(settings: Settings) -> list[Finding]:
    from toolkit.engines.registry import make_engine
    from toolkit.errors import EmuError

    engine = make_engine(settings.engine, settings.environ)
    try:
        info = engine.check()
    except EmuError as error:
        return [Finding(what="engine", ok=False, said=error.message, hint=error.hint)]
    said = f"{info.name} {info.version} ({info.platform}) at {info.address}"
    base = settings.stand_in(settings.base)
    return [
        Finding(what="engine", ok=True, said=said),
        Finding(
            what="base image",
            ok=True,
            said=f"{base}: {'here' if engine.has(base) else 'made or pulled by the first build'}",
        ),
    ]

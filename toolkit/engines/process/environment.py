"""Environments made by uv from a lock: one folder per content, whole or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uv

from toolkit.engines import command
from toolkit.engines.events import (
    BuildEvent,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
)
from toolkit.engines.process.cachefolder import UNFINISHED, is_held, locked, remove, writing
from toolkit.engines.process.interpreter import Interpreter
from toolkit.engines.trust import host_trust
from toolkit.errors import BuildFailed, EngineUnavailable

_SCHEMA: Final = 1
_KEY_LENGTH: Final = 16
_LAST_LINES: Final = 20
_NO_SPACE: Final = ("No space left on device", "Disk quota exceeded")

OnEvent = Callable[[BuildEvent], None]
Install = Callable[[Path], None]


@dataclass(frozen=True, kw_only=True)
class Environments:
    """The folder `envs` of the cache, and what uv needs to fill it.

    `indexes` are options with passwords, which are not in a lock: uv reads them from its input.
    `netrc` holds the logins of addresses in the lock, which are written there without them.
    """

    cache: Path
    environ: Mapping[str, str]
    indexes: str = field(default="", repr=False)
    netrc: bytes = field(default=b"", repr=False)

    def environment(
        self, lock: str, python: Interpreter, on_event: OnEvent, *, anew: bool = False
    ) -> Path:
        """The folder of an environment with exactly the lock's packages."""
        steps = Steps(on_event, of=2)

        def install(folder: Path) -> None:
            venv = ["venv", "--relocatable", "--python", str(python.executable), str(folder)]
            self._uv(steps, venv)
            requirements = folder / "requirements.lock"
            requirements.write_text(lock, "utf-8")
            target = ["--python", str(folder / "bin/python"), str(requirements)]
            refresh = ["--refresh"] if anew else []
            private = ["-"] if self.indexes else []
            sync = ["pip", "sync", "--allow-empty-requirements", *refresh, *target, *private]
            self._uv(steps, sync, stdin=self.indexes)

        return self._made("envs", [lock, python.identity], install, steps, anew=anew)

    def debugger(self, version: str, python: Interpreter, on_event: OnEvent) -> Path:
        """A folder with debugpy alone, for Pythons of this version."""
        steps = Steps(on_event, of=1)

        def install(folder: Path) -> None:
            python_and_target = ["--python", str(python.executable), "--target", str(folder)]
            self._uv(
                steps, ["pip", "install", "--no-deps", *python_and_target, f"debugpy=={version}"]
            )

        minor = python.version.rpartition(".")[0]
        return self._made("debugpy", [version, minor], install, steps)

    def _made(
        self,
        kind: str,
        inputs: Sequence[str],
        install: Install,
        steps: Steps,
        *,
        anew: bool = False,
    ) -> Path:
        """The folder for these inputs, made unless it is there.

        Others that want the same one wait for it. What a killed process left half done is deleted.
        """
        key = hashlib.sha256(json.dumps([_SCHEMA, *inputs]).encode()).hexdigest()[:_KEY_LENGTH]
        shelf = self.cache / kind
        with writing(self.cache):
            shelf.mkdir(parents=True, exist_ok=True)
            if (shelf / key).is_dir() and not anew:
                steps.cached()
                return shelf / key
            with locked(shelf / f"{key}.lock"):
                _sweep(shelf, own=key)
                done = shelf / (f"{key}-{os.urandom(4).hex()}" if anew else key)
                if done.is_dir():
                    steps.cached()
                    return done
                scratch = shelf / f"{UNFINISHED}{key}-{os.urandom(4).hex()}"
                try:
                    scratch.mkdir()
                    install(scratch)
                    scratch.rename(done)
                except BaseException:
                    remove(scratch)
                    raise
                return done

    def _uv(self, steps: Steps, arguments: Sequence[str], *, stdin: str = "") -> None:
        """Run uv; raises BuildFailed with its last words."""
        steps.started(f"uv {' '.join(arguments[:2])}")
        with self._logins() as logins:
            outcome = command.run(
                [uv.find_uv_bin(), *arguments],
                environ={**self._variables(), **logins},
                cwd=self.cache,
                stdin=stdin,
            )
        steps.said(outcome.errors)
        if outcome.exit_code == 0:
            steps.done()
            return
        steps.failed(f"exit code {outcome.exit_code}")
        if any(text in outcome.errors for text in _NO_SPACE):
            raise EngineUnavailable(
                f"the cache folder is full: {self.cache}",
                details=outcome.errors.strip(),
                hint="make room there, or set XDG_CACHE_HOME to another folder",
            )
        raise BuildFailed(
            "the environment could not be made",
            details="\n".join(outcome.errors.strip().splitlines()[-_LAST_LINES:]),
            hint="check the network and the package index (`aml-emu doctor`)",
        )

    @contextmanager
    def _logins(self) -> Iterator[dict[str, str]]:
        """Names a file of logins, which only its owner can read and which stays no longer than uv.

        It replaces the user's own, whose logins for these hosts are in it.
        """
        if not self.netrc:
            yield {}
            return
        with tempfile.NamedTemporaryFile(prefix=UNFINISHED, dir=self.cache) as file:
            file.write(self.netrc)
            file.flush()
            yield {"NETRC": file.name}

    def _variables(self) -> dict[str, str]:
        variables = {
            **{key: text for key, text in self.environ.items() if key != "VIRTUAL_ENV"},
            **host_trust(self.environ).for_uv(),
            "UV_INDEX_STRATEGY": "unsafe-best-match",  # what pip means by extra indexes
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_PROGRESS": "1",
        }
        if "UV_LINK_MODE" not in variables and not self._links_to_uv(variables):
            variables["UV_LINK_MODE"] = "copy"
        return variables

    def _links_to_uv(self, variables: Mapping[str, str]) -> bool:
        """Whether hard links are possible between uv's cache and ours."""
        home = Path(variables.get("HOME") or "~").expanduser()
        place = Path(
            variables.get("UV_CACHE_DIR")
            or Path(variables.get("XDG_CACHE_HOME") or home / ".cache") / "uv"
        )
        while not place.exists() and place != place.parent:
            place = place.parent
        return place.stat().st_dev == self.cache.stat().st_dev


def _sweep(shelf: Path, *, own: str) -> None:
    """Delete what is half done and has nobody at work on it; the lock of `own` is held by us."""
    for scratch in shelf.glob(f"{UNFINISHED}*"):
        key = scratch.name.removeprefix(UNFINISHED).partition("-")[0]
        if key == own or not is_held(shelf / f"{key}.lock"):
            remove(scratch)


class Steps:
    """Tells a making as the steps of a build."""

    def __init__(self, on_event: OnEvent, *, of: int) -> None:
        self._on_event = on_event
        self._of = of
        self._number = 0
        self._began = 0.0

    def started(self, name: str) -> None:
        self._number += 1
        self._began = time.monotonic()
        place = f"{self._number}/{self._of}"
        self._on_event(StepStarted(step=self._number, name=name, place=place))

    def said(self, text: str) -> None:
        if text:
            self._on_event(StepLog(step=self._number, text=text))

    def done(self) -> None:
        self._on_event(StepDone(step=self._number, seconds=time.monotonic() - self._began))

    def failed(self, reason: str) -> None:
        self._on_event(StepFailed(step=self._number, error=reason))

    def cached(self) -> None:
        self._on_event(StepCached(step=self._number))

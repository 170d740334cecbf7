"""Running programs of the host: the only door to subprocess (the process engine aside)."""

from __future__ import annotations

import logging
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, cast

from toolkit.errors import EngineUnavailable

logger = logging.getLogger(__name__)
_GRACE_SECONDS: Final = 5.0
_LOGIN: Final = re.compile(r"://.*@")  # to the last one: a password may hold an `@`


def told(argv: Sequence[str]) -> str:
    """A command as people may see it: without users and passwords in addresses (of proxies)."""
    return shlex.join(_LOGIN.sub("://***@", word) for word in argv)


def own_module(name: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours in a process of its own.

    Unlike `-m`, without the folder we stand in: a `toolkit/` or `secrets.py` there is the user's.
    """
    boot = (
        "import sys; sys.path[:] = filter(None, sys.path); from runpy import run_module; "
        f"run_module({name!r}, run_name='__main__', alter_sys=True)"
    )
    return [sys.executable, "-c", boot, *arguments]


class Talk:
    """A running program that is fed and says things; it has ended when the block ends."""

    def __init__(self, process: subprocess.Popen[bytes], *, grace: float) -> None:
        self._process = process
        self._grace = grace

    def lines(self) -> Iterator[str]:
        """What it says on stderr, as it comes, to its end."""
        for line in cast("IO[bytes]", self._process.stderr):
            yield line.decode("utf-8", errors="replace")

    def exit_code(self) -> int:
        """Waits for the end."""
        return self._process.wait()

    def end(self) -> None:
        """From any thread: ask it to end, as Ctrl-C would, and see that it does."""
        # what a shell started with `&` ignores SIGINT, and so does all that it starts
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is not None:
                return
            self._process.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(self._grace)


@contextmanager
def talk(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    body: Iterator[bytes],
    grace: float = _GRACE_SECONDS,
) -> Iterator[Talk]:
    """Start `argv` with `body` on its stdin. Nothing of it runs on when the block is left.

    `grace` is how many seconds it may take to end after each signal, the last being SIGKILL.
    """
    logger.debug("running: %s", told(argv))
    try:
        process = subprocess.Popen(
            list(argv),
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise EngineUnavailable(f"program not found: {argv[0]}") from error
    feeder = threading.Thread(target=_feed, args=(process, body), name="stdin", daemon=True)
    feeder.start()
    started = Talk(process, grace=grace)
    try:
        yield started
    finally:
        started.end()
        process.wait()
        feeder.join()
        cast("IO[bytes]", process.stderr).close()


def _feed(process: subprocess.Popen[bytes], body: Iterator[bytes]) -> None:
    stdin = cast("IO[bytes]", process.stdin)
    with suppress(BrokenPipeError), stdin:  # it has ended, and says why
        for chunk in body:
            stdin.write(chunk)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a program ended. `output` is stdout, `errors` stderr."""

    exit_code: int
    output: str
    errors: str


def run(
    argv: Sequence[str],
    *,
    environ: Mapping[str, str],
    cwd: Path | None = None,
    stdin: str = "",
    timeout: float | None = None,
) -> Outcome:
    """Run `argv` to its end and hand back what it said; never raises for an exit code."""
    logger.debug("running: %s", told(argv))
    try:
        done = subprocess.run(
            list(argv),
            env=dict(environ),
            cwd=cwd,
            input=stdin,
            timeout=timeout,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise EngineUnavailable(f"program not found: {argv[0]}") from error
    except subprocess.TimeoutExpired as error:
        raise EngineUnavailable(f"`{told(argv)}` did not end within {timeout:.0f} s") from error
    return Outcome(exit_code=done.returncode, output=done.stdout, errors=done.stderr)

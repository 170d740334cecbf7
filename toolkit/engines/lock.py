"""Requirements resolved to exact versions, once, on this machine, for the image's platform.

The lock is kept in the project and is the hint for the next one, so that one changed line in an
environment file changes one line here.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import uv

from toolkit.engines import command
from toolkit.engines.addition import added_pins
from toolkit.engines.feeds import redacted, without_passwords
from toolkit.engines.trust import HostTrust
from toolkit.engines.unresolved import failure, lacks_a_package, tells_of_refusal
from toolkit.errors import EngineUnavailable
from toolkit.plans.requirements import Requirements

UV_PLATFORMS: Final = {
    "linux/amd64": "x86_64-manylinux_2_28",
    "linux/arm64": "aarch64-manylinux_2_28",
}
_MARKER: Final = "# requirements: "


class Run(Protocol):
    """What runs uv: `command.run`."""

    def __call__(
        self, argv: Sequence[str], *, environ: Mapping[str, str], cwd: Path, stdin: str
    ) -> command.Outcome: ...


def lock_path(folder: Path, *, name: str, platform: str, python: str) -> Path:
    """`<folder>/lock/<environment>-<os>-<arch>-py<version>.txt`."""
    return folder / "lock" / f"{name}-{platform.replace('/', '-')}-py{python}.txt"


def kept_lock(requirements: Requirements, *, platform: str, path: Path) -> str | None:
    """The lock at `path`, if it was made from the same requirements."""
    asked, lock = _read(path)
    return lock if asked == _described(requirements, platform) else None


def resolve(
    requirements: Requirements,
    *,
    platform: str,
    path: Path,
    spec: Path,
    trust: HostTrust,
    environ: Mapping[str, str],
    run: Run = command.run,
) -> str:
    """The text of a new lock, made by uv and kept at `path`; the versions of an old one stay.

    The lock is public: passwords in the requirements reach uv and nobody else. Raises SpecError
    when no set of versions meets the requirements (uv's explanation in details), BuildFailed when
    uv cannot work, for want of a network for instance, and EngineUnavailable for a platform that
    no wheels are made for.
    """
    if platform not in UV_PLATFORMS:
        raise EngineUnavailable(
            f"environments cannot be resolved for this engine's platform: {platform}",
            hint="use an engine for " + " or ".join(UV_PLATFORMS),
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    asked, kept = _described(requirements, platform), _read(path)
    compile_ = _Compile(requirements.python, platform, spec, {**environ, **trust.for_uv()}, run)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as scratch:
        locked = _locked(requirements, compile_, asked, kept, Path(scratch))
        text = "\n".join((*_options(requirements), *without_passwords(locked.splitlines()))) + "\n"
        written = Path(scratch) / "written"
        written.write_text(f"{_MARKER}{asked}\n{text}", "utf-8")
        written.replace(path)
    return text


def _locked(
    requirements: Requirements,
    compile_: _Compile,
    asked: str,
    kept: tuple[str, str],
    scratch: Path,
) -> str:
    """Pins alone, by name."""
    before, lock = kept
    output = scratch / "lock"
    if pins := added_pins(before, asked):
        options = [line for line in requirements.lines if line.startswith("-")]
        constraints = scratch / "constraints"
        constraints.write_text(_pins(lock), "utf-8")
        output.write_text("", "utf-8")
        if compile_.on_top((*options, *pins), constraints, output):
            return _overlaid(_pins(lock), output.read_text("utf-8"))
    output.write_text(lock, "utf-8")
    compile_(requirements.lines, output)
    locked = output.read_text("utf-8")
    if requirements.upgrades:
        # as a later `pip install --upgrade`: it keeps what it can and wins where it cannot
        compile_(requirements.upgrades, output)
        locked = _overlaid(locked, output.read_text("utf-8"))
    return locked


@dataclass(frozen=True)
class _Compile:
    """One run of `uv pip compile`; the versions in `output` are kept where they can be."""

    python: str
    platform: str
    spec: Path
    environ: Mapping[str, str]
    run: Run

    def __call__(self, lines: Sequence[str], output: Path) -> None:
        outcome = self._asked(lines, output, strategy="unsafe-best-match")  # as pip does
        if not outcome.exit_code:
            return
        if lacks_a_package(outcome.errors):
            # Only with this strategy uv tells of an index that refused to answer.
            again = self._asked(lines, output, strategy="first-index")
            outcome = again if tells_of_refusal(again.errors) else outcome
        raise failure(outcome.exit_code, outcome.errors, self.spec)

    def on_top(self, lines: Sequence[str], constraints: Path, output: Path) -> bool:
        """Whether these lines can be met without touching the versions in `constraints`."""
        more = ("--constraint", str(constraints))
        return not self._asked(lines, output, *more, strategy="unsafe-best-match").exit_code

    def _interpreter(self) -> list[str]:
        """Ours, which uv would look for first, where it is of the version that is asked for."""
        is_wanted = self.python == f"{sys.version_info.major}.{sys.version_info.minor}"
        return ["--python", sys.executable] if is_wanted else []

    def _asked(
        self, lines: Sequence[str], output: Path, *more: str, strategy: str
    ) -> command.Outcome:
        argv = [
            uv.find_uv_bin(), "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate",
            "--index-strategy", strategy,
            *self._interpreter(), "--python-version", self.python,
            "--python-platform", UV_PLATFORMS[self.platform],
            "--output-file", str(output.resolve()),
            *more,
        ]  # fmt: skip
        return self.run(
            argv,
            environ=self.environ,
            cwd=self.spec.resolve().parent,
            stdin="\n".join(lines) + "\n",
        )


def _overlaid(locked: str, later: str) -> str:
    """The first lock with the versions of the later one, by name."""
    pins = {line.partition("==")[0]: line for text in (locked, later) for line in text.splitlines()}
    return "\n".join(pins[name] for name in sorted(pins)) + "\n"


def _options(requirements: Requirements) -> list[str]:
    """Index options among the requirements: installing from the lock needs them again.

    Those with a password are given to the build as a secret.
    """
    return [line for line in without_passwords(requirements.lines) if line.startswith("-")]


def _pins(lock: str) -> str:
    """A lock without its options."""
    return "".join(f"{line}\n" for line in lock.splitlines() if not line.startswith("-"))


def _read(path: Path) -> tuple[str, str]:
    """What a lock was made from, and its text; both empty where there is none to rely on."""
    first, _, lock = path.read_text("utf-8").partition("\n") if path.is_file() else ("", "", "")
    return (first.removeprefix(_MARKER), lock) if first.startswith(_MARKER) else ("", "")


def _described(requirements: Requirements, platform: str) -> str:
    """What is asked for, on one line; another password asks for nothing else."""
    described = {
        "python": requirements.python,
        "platform": platform,
        "lines": redacted(requirements.lines),
        "upgrades": redacted(requirements.upgrades),
    }
    return json.dumps(described)

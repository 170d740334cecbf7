"""Requirements resolved to exact versions, once, on this machine, for the image's platform.

The lock is kept in the project and is the hint for the next one, so that one changed line in an
environment file changes one line here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import uv

from toolkit.engines import command
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


def resolve(
    requirements: Requirements,
    *,
    platform: str,
    path: Path,
    spec: Path,
    trust: HostTrust,
    environ: Mapping[str, str],
    upgrade: bool = False,
    run: Run = command.run,
) -> str:
    """The lock's text; made by uv unless the file at `path` was made from the same requirements.

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
    marker = f"{_MARKER}{_digest(requirements, platform)}\n"
    kept = path.read_text("utf-8") if path.is_file() else ""
    if kept.startswith(marker) and not upgrade:
        return kept.removeprefix(marker)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    scratch.write_text("" if upgrade else kept, "utf-8")
    compile_ = _Compile(requirements.python, platform, spec, {**environ, **trust.for_uv()}, run)
    try:
        compile_(requirements.lines, scratch)
        locked = scratch.read_text("utf-8")
        if requirements.upgrades:
            # as a later `pip install --upgrade`: it keeps what it can and wins where it cannot
            compile_(requirements.upgrades, scratch)
            locked = _overlaid(locked, scratch.read_text("utf-8"))
        text = "\n".join((*_options(requirements), *without_passwords(locked.splitlines()))) + "\n"
        scratch.write_text(marker + text, "utf-8")
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    return text


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

    def _asked(self, lines: Sequence[str], output: Path, *, strategy: str) -> command.Outcome:
        argv = [
            uv.find_uv_bin(), "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate",
            "--index-strategy", strategy,
            "--python-version", self.python,
            "--python-platform", UV_PLATFORMS[self.platform],
            "--output-file", str(output.resolve()),
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


def _digest(requirements: Requirements, platform: str) -> str:
    """A hash of what is asked for; another password asks for nothing else."""
    described = [requirements.python, list(redacted(requirements.lines)), platform]
    if requirements.upgrades:
        described.append(list(redacted(requirements.upgrades)))
    return hashlib.sha256(json.dumps(described).encode()).hexdigest()

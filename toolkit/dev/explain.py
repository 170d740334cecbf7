"""Why a breakpoint binds or does not: the evidence is judged here, cause by cause.

The first cause in `CAUSES` that applies gives the verdict; the others are told after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from toolkit.dev.explain_causes import CAUSES, Problem
from toolkit.dev.explain_evidence import Evidence, Inside
from toolkit.dev.explain_line import runs_when_loaded

BINDS: Final = "binds"
_DIGITS: Final = 12


@dataclass(frozen=True, kw_only=True)
class Report:
    """The judged evidence."""

    evidence: Evidence
    problems: tuple[Problem, ...]

    @property
    def binds(self) -> bool:
        return not self.problems

    @property
    def verdict(self) -> str:
        return self.problems[0].code if self.problems else BINDS

    @property
    def said(self) -> str:
        """The verdict in one sentence."""
        place = self.evidence.place
        if self.problems:
            return f"{place} does not bind: {self.problems[0].said}"
        return f"{place} binds: `{self.evidence.service}` stops before the line runs"

    def facts(self) -> Iterator[tuple[str, str]]:
        """What was found, labelled, for people."""
        yield from _facts(self.evidence)
        for problem in self.problems[1:]:
            yield "also", problem.said

    def document(self) -> Mapping[str, Any]:
        """All of it, for programs."""
        seen, inside = self.evidence, self.evidence.inside
        known = inside or Inside()
        return {
            "file": str(seen.place.file),
            "line": seen.place.line,
            "binds": self.binds,
            "verdict": self.verdict,
            "said": self.said,
            "problems": [vars(problem) for problem in self.problems],
            "service": seen.service,
            "state": seen.state or None,
            "container_file": seen.remote and str(seen.remote),
            "sha256": seen.sha256,
            "container_sha256": known.sha256,
            "loaded_sha256": {str(pid): digest for pid, digest in known.loaded.items()},
            "executable": inside and seen.place.line in inside.lines,
            "client": known.client or None,
            "sessions": list(known.sessions),
            "breakpoints": list(known.breakpoints),
        }


def judge(seen: Evidence) -> Report:
    problems = [problem for cause in CAUSES for problem in cause(seen)]
    return Report(evidence=seen, problems=tuple(problems))


def _facts(seen: Evidence) -> Iterator[tuple[str, str]]:
    if seen.service:
        yield "service", f"`{seen.service}` holds {seen.code} ({seen.state})"
    if seen.remote:
        yield "mapping", f"{seen.place.file} -> {seen.remote}"
    inside = seen.inside
    if inside is None:
        return
    if seen.sha256:
        same = "the same" if seen.sha256 == inside.sha256 else f"not {_short(seen.sha256)}"
        yield "file", f"in the container {_short(inside.sha256)}, {same} as here"
    for pid, digest in inside.loaded.items():
        yield "loaded", f"worker {pid}: {_version(digest, inside)}"
    texts = seen.source.splitlines()
    if 0 < seen.place.line <= len(texts):
        yield "line", f"{seen.place.line}: {texts[seen.place.line - 1].strip()}"
        if seen.place.line in inside.lines and runs_when_loaded(seen.source, seen.place.line):
            yield "runs", "when the module is loaded and after each reload, not at a request"
    sessions = ", ".join(map(str, inside.sessions)) or "none"
    yield (
        "client",
        f"{inside.client}, sessions with workers: {sessions}" if inside.client else "none",
    )


def _version(digest: str | None, inside: Inside) -> str:
    if digest is None:
        return "has not loaded it"
    return "this version" if digest == inside.sha256 else f"an older one ({_short(digest)})"


def _short(digest: str | None) -> str:
    return digest[:_DIGITS] if digest else "missing"

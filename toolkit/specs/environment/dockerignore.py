"""Which files of a build context a .dockerignore leaves out, by the rules of its own file.

Unlike git's, a pattern stands for one path from the context's root; `**` alone crosses folders,
and the last pattern that matches decides (docs.docker.com, ".dockerignore files").
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.specs.yamlfile import read_text

_WILDCARDS: Final = {
    "**/": r"(?:.*/)?",
    "/**": r"/.*",
    "**": r".*",
    "*": r"[^/]*",
    "?": r"[^/]",
}


@dataclass(frozen=True)
class IgnoreRules:
    """Patterns in the order they were written; `True` leaves out, `False` takes back in."""

    patterns: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @property
    def has_exceptions(self) -> bool:
        """Whether something inside an ignored folder may be wanted after all."""
        return any(not leaves_out for _, leaves_out in self.patterns)

    def leaves_out(self, path: PurePosixPath) -> bool:
        """Whether the file or folder at `path`, relative to the context, stays at home."""
        result = False
        names = [str(path), *(str(parent) for parent in path.parents if parent.parts)]
        for pattern, leaves_out in self.patterns:
            if any(pattern.fullmatch(name) for name in names):
                result = leaves_out
        return result


def load_ignore_rules(context: Path, dockerfile: Path) -> IgnoreRules:
    """`<Dockerfile>.dockerignore` where there is one, else the context's `.dockerignore`."""
    for candidate in (
        dockerfile.with_name(f"{dockerfile.name}.dockerignore"),
        context / ".dockerignore",
    ):
        if candidate.is_file():
            return parse_ignore_rules(read_text(candidate, what="`.dockerignore`"))
    return IgnoreRules()


def parse_ignore_rules(text: str) -> IgnoreRules:
    """Read the lines of a .dockerignore."""
    patterns: list[tuple[re.Pattern[str], bool]] = []
    for line in text.splitlines():
        pattern = line.strip()
        if not pattern or line.startswith("#"):
            continue
        leaves_out = not pattern.startswith("!")
        cleaned = posixpath.normpath(pattern.removeprefix("!").strip()).lstrip("/")
        if cleaned != ".":
            patterns.append((re.compile(_regular_expression(cleaned), re.DOTALL), leaves_out))
    return IgnoreRules(tuple(patterns))


def _regular_expression(pattern: str) -> str:
    parts = re.split(r"(\*\*/|/\*\*$|\*\*|\*|\?|\\.|\[[^]]*\])", pattern)
    return "".join(_translated(part) for part in parts)


def _translated(part: str) -> str:
    if part in _WILDCARDS:
        return _WILDCARDS[part]
    if part.startswith("\\") and len(part) > 1:
        return re.escape(part[1])
    return part.replace("[!", "[^", 1) if part.startswith("[") else re.escape(part)

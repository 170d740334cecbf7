"""The user's own traceback, found in a service's log among the server's lines."""

from __future__ import annotations

import itertools
import re
from typing import Final

_TRACEBACK: Final = re.compile(
    r"^.*?(Traceback \(most recent call last\):\n(?:[ \t]+.*\n)*(?:\S.*(?:\n(?!\n).*)*))",
    re.MULTILINE,
)
_CHAIN: Final = re.compile(
    r"\n\n((?:During handling of|The above exception was)[^\n]*\n\n)(?=Traceback)"
)
_SERVER_WRAPPER: Final = "server.user_script.UserScript"  # raised around the user's own error


def user_traceback(log: str) -> str:
    """The first traceback after the last worker boot, with its causes; empty if there is none.

    The server wraps the user's exception in one of its own, which is left away.
    """
    boot = log.rfind("Booting worker")
    text = log[max(boot, 0) :]
    start = text.find("Traceback (most recent call last):")
    if start < 0:
        return ""
    text, found = text[start:], ""
    while match := _TRACEBACK.match(text):
        found += match[1]
        link = _CHAIN.match(text, match.end())
        if not link or _SERVER_WRAPPER in text[link.end() :].split("\n\n", 1)[0]:
            break
        found += link[0]
        text = text[link.end() :]
    return found.rstrip()


def last_line(traceback: str) -> str:
    """`ValueError: boom`: the line that names the exception, even if its message has several."""
    lines = traceback.splitlines()
    named = [
        line
        for before, line in itertools.pairwise(lines)
        if before.startswith(" ") and line and not line[0].isspace()
    ]
    return named[-1] if named else ""

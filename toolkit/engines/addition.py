"""Exact pins that were added to an environment: what makes resolving all of it anew unnecessary.

An exact version leaves nothing to choose, and it is resolved on top of the versions that the lock
has, which is what a resolution with the lock as its hint arrives at.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_EXACT: Final = re.compile(r"[A-Za-z0-9][\w.-]*(?:\[[\w.,\s-]+\])?\s*==\s*[\w.+!]+")


def added_pins(before: str, now: str) -> tuple[str, ...]:
    """The pins that `now` has more than `before`; none if anything else differs too.

    Both are what a lock says it was made from: JSON, empty for a lock that says nothing.
    """
    if not before:
        return ()
    old, new = _read(before), _read(now)
    old_lines, new_lines = old.pop("lines", []), new.pop("lines")
    added = [line for line in new_lines if line not in old_lines]
    rest = [line for line in new_lines if line in old_lines]
    if old != new or new["upgrades"] or rest != old_lines:
        return ()
    return tuple(added) if all(_EXACT.fullmatch(line) for line in added) else ()


def _read(asked: str) -> dict[str, Any]:
    try:
        document = json.loads(asked)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}

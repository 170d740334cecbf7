"""Whether a run or model is among those that a script asks for by tags and properties."""

from __future__ import annotations

from typing import Any, Mapping


def has(found: Mapping[str, str], wanted: Any) -> bool:
    """Whether all that is wanted is there: a key, a mapping, or a list of keys and [key, value]."""
    if wanted is None:
        return True
    if isinstance(wanted, str):
        return wanted in found
    if isinstance(wanted, Mapping):
        return all(found.get(str(key)) == str(value) for key, value in wanted.items())
    return all(has(found, each if isinstance(each, str) else dict([each])) for each in wanted)

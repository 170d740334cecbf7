"""What the filters of `runs list` may say."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Final, get_args

from toolkit.errors import SpecError

_AGO: Final = re.compile(r"(?P<count>\d+)(?P<unit>[smhdw])")
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def since(text: str, now: datetime) -> datetime:
    """`30m`, `2h`, `7d`, `1w` ago, or a date as 2026-03-31 or 2026-03-31T12:00 in local time."""
    try:
        if match := _AGO.fullmatch(text.strip()):
            return now - timedelta(**{_UNITS[match["unit"]]: int(match["count"])})
        return datetime.fromisoformat(text.strip()).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise SpecError(
            f"`--since`: not a time: `{text}`", hint="write `2h`, `7d` or a date as 2026-03-31"
        ) from error


def one_of(kind: Any, text: str, flag: str) -> Any:
    """A value of a Literal, whatever its case. Raises SpecError with the nearest one."""
    names = get_args(kind)
    for name in names:
        if name.lower() == text.lower():
            return name
    from toolkit.specs.yamlfile import nearest

    raise SpecError(f"`{flag}`: unknown: `{text}`", hint=nearest(text, names))


def tag(text: str) -> tuple[str, str | None]:
    """`key` or `key=value`."""
    key, equals, value = text.partition("=")
    if not key:
        raise SpecError(f"`--tag`: no key: `{text}`", hint="write `--tag KEY` or `--tag KEY=VALUE`")
    return key, value if equals else None

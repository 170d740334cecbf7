"""Who gets the next request: shares that come out even, not by chance. No network, no clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping


class Shares:
    """Smooth weighted turns: of any 100 requests in a row each name gets its percentage."""

    def __init__(self) -> None:
        self._credit: dict[str, float] = {}

    def next(self, weights: Mapping[str, int], among: Collection[str]) -> str | None:
        """The next one of `among`; None if none of them has a share."""
        open_to = {name: weights[name] for name in weights if weights[name] > 0 and name in among}
        if not open_to:
            return None
        total = sum(open_to.values())
        self._credit = {name: self._credit.get(name, 0.0) + open_to[name] for name in open_to}
        chosen = max(open_to, key=lambda name: self._credit[name])
        self._credit[chosen] -= total
        return chosen


class Every:
    """Says yes to a percentage of the questions, evenly."""

    def __init__(self) -> None:
        self._credit = 0.0

    def says_yes(self, percent: float) -> bool:
        self._credit += percent
        if self._credit < 100:  # noqa: PLR2004  # percent
            return False
        self._credit -= 100
        return True

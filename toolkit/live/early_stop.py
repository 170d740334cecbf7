"""Which trials of a sweep are not worth going on with. Pure decisions on what was logged so far.

Rules as in "Hyperparameter tuning a model (v2)": policies look at every `evaluation_interval`-th
value of the primary metric, after the first `delay_evaluation` of them.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from toolkit.specs.sweep import Bandit, EarlyTermination, MedianStopping, TruncationSelection

Series = Mapping[str, Sequence[float]]  # by trial, in the order they were logged


def hopeless(
    policy: EarlyTermination | None, *, maximize: bool, running: Series, finished: Series
) -> set[str]:
    """Names of running trials that the policy ends now."""
    match policy:
        case None:
            return set()
        case Bandit():
            return _bandit(policy, running, finished, maximize=maximize)
        case MedianStopping():
            return _median(policy, running, finished, maximize=maximize)
        case TruncationSelection():
            return _truncation(policy, running, finished, maximize=maximize)


def _due(policy: EarlyTermination, count: int) -> bool:
    """Whether a trial with so many values is looked at."""
    return count > policy.delay_evaluation and count % policy.evaluation_interval == 0


def _bandit(policy: Bandit, running: Series, finished: Series, *, maximize: bool) -> set[str]:
    ended = set()
    for name, values in running.items():
        if not _due(policy, len(values)):
            continue
        others = [
            _best(v[: len(values)], maximize=maximize)
            for v in (*running.values(), *finished.values())
            if v
        ]
        best = _best(others, maximize=maximize)
        mine = _best(values, maximize=maximize)
        if policy.slack_amount is not None:
            limit = best - policy.slack_amount if maximize else best + policy.slack_amount
        else:
            factor = 1 + (policy.slack_factor or 0.0)
            limit = best / factor if maximize == (best >= 0) else best * factor
        if mine < limit if maximize else mine > limit:
            ended.add(name)
    return ended


def _median(
    policy: MedianStopping, running: Series, finished: Series, *, maximize: bool
) -> set[str]:
    ended = set()
    for name, values in running.items():
        if not _due(policy, len(values)):
            continue
        averages = [
            statistics.fmean(v[: len(values)])
            for other, v in (*running.items(), *finished.items())
            if other != name and v
        ]
        if not averages:
            continue
        middle, mine = statistics.median(averages), _best(values, maximize=maximize)
        if mine < middle if maximize else mine > middle:
            ended.add(name)
    return ended


def _truncation(
    policy: TruncationSelection, running: Series, finished: Series, *, maximize: bool
) -> set[str]:
    due = {name for name, values in running.items() if _due(policy, len(values))}
    if not due:
        return set()
    shown = {**running} if policy.exclude_finished_jobs else {**finished, **running}
    ranked = sorted(
        (name for name, values in shown.items() if values),
        key=lambda name: shown[name][-1],
        reverse=not maximize,
    )
    worst = ranked[: int(len(ranked) * policy.truncation_percentage / 100)]
    return due.intersection(worst)


def _best(values: Sequence[float], *, maximize: bool) -> float:
    return max(values) if maximize else min(values)

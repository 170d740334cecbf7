"""Which trials of a sweep are not worth going on with. Pure decisions on what was logged so far.

Rules as in "Hyperparameter tuning a model (v2)": each value of the primary metric is an interval; a
policy looks at every `evaluation_interval`-th one that is not before `delay_evaluation`, and there
compares with what the others had reached by then.
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
    if policy is None:
        return set()
    due = {
        name: values[:count]
        for name, values in running.items()
        if (count := evaluated(policy, len(values)))
    }
    match policy:
        case Bandit():
            return _bandit(policy, due, {**running, **finished}, maximize=maximize)
        case MedianStopping():
            return _median(due, {**running, **finished}, maximize=maximize)
        case TruncationSelection():
            return _truncation(policy, due, running, finished, maximize=maximize)


def evaluated(policy: EarlyTermination, count: int) -> int:
    """The last interval at which a trial with so many values is looked at; 0 before the first."""
    last = count - count % policy.evaluation_interval
    return last if last >= policy.delay_evaluation else 0


def _bandit(policy: Bandit, due: Series, shown: Series, *, maximize: bool) -> set[str]:
    ended = set()
    for name, values in due.items():
        others = [_best(v[: len(values)], maximize=maximize) for v in shown.values() if v]
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


def _median(due: Series, shown: Series, *, maximize: bool) -> set[str]:
    ended = set()
    for name, values in due.items():
        averages = [
            statistics.fmean(v[: len(values)]) for other, v in shown.items() if other != name and v
        ]
        if not averages:
            continue
        middle, mine = statistics.median(averages), _best(values, maximize=maximize)
        if mine < middle if maximize else mine > middle:
            ended.add(name)
    return ended


def _truncation(
    policy: TruncationSelection, due: Series, running: Series, finished: Series, *, maximize: bool
) -> set[str]:
    """Those that are among the worst at their interval; who has not come so far is not ranked."""
    shown = {**running} if policy.exclude_finished_jobs else {**finished, **running}
    ended = set()
    for name, values in due.items():
        count = len(values)
        reached = {n: v[count - 1] for n, v in shown.items() if len(v) >= count}
        reached |= {n: v[-1] for n, v in finished.items() if n in shown and 0 < len(v) < count}
        ranked = sorted(reached, key=reached.__getitem__, reverse=not maximize)
        if name in ranked[: int(len(ranked) * policy.truncation_percentage / 100)]:
            ended.add(name)
    return ended


def _best(values: Sequence[float], *, maximize: bool) -> float:
    return max(values) if maximize else min(values)

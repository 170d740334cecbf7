"""Values for the trials of a sweep: grid and random by ourselves, the rest by Optuna. Runs nothing.

The only module that knows Optuna, an optional dependency: `pip install 'aml-emu[sweep]'`.
"""

from __future__ import annotations

import itertools
import math
import random
import warnings
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from statistics import NormalDist
from typing import Any, Final, Protocol

from toolkit.errors import EngineUnavailable
from toolkit.specs.sweep import Choice, Distribution, Normal, RandInt, Range, Sampling, SweepKeys

Values = Mapping[str, Any]
_ALMOST_ONE: Final = 1 - 1e-12


class Sampler(Protocol):
    """Asked for the values of one trial at a time, told what came of them."""

    def ask(self) -> tuple[int, Values] | None:
        """A number to tell by, and the values; None when there is nothing left to try."""
        ...

    def tell(self, number: int, value: float | None) -> None:
        """The metric of a trial; None if it gave none."""
        ...


def make_sampler(keys: SweepKeys) -> Sampler:
    """Raises EngineUnavailable if Optuna (or SciPy, for sobol) is needed and not installed."""
    sampling = keys.sampling
    if sampling.type == "grid":
        return _Listed(_grid(keys.search_space))
    if sampling.type == "random" and sampling.rule != "sobol":
        return _Listed(_random(keys.search_space, sampling))
    return _Optuna(keys)


class _Listed:
    """Trials that do not depend on each other's results."""

    def __init__(self, values: Iterator[Values]) -> None:
        self._values = values
        self._number = itertools.count()

    def ask(self) -> tuple[int, Values] | None:
        found = next(self._values, None)
        return None if found is None else (next(self._number), found)

    def tell(self, number: int, value: float | None) -> None:
        """Nothing is learnt."""


def _grid(space: Mapping[str, Distribution]) -> Iterator[Values]:
    lists = [found.values for found in space.values() if isinstance(found, Choice)]
    for combination in itertools.product(*lists):
        yield dict(zip(space, combination, strict=True))


def _random(space: Mapping[str, Distribution], sampling: Sampling) -> Iterator[Values]:
    source = random.Random(sampling.seed)  # noqa: S311  # hyperparameters are no secrets
    while True:
        yield {name: value_at(found, source.random()) for name, found in space.items()}


def value_at(found: Distribution, share: float) -> Any:
    """The value below which that share (0 to 1) of the distribution lies."""
    match found:
        case Choice():
            return found.values[min(int(share * len(found.values)), len(found.values) - 1)]
        case RandInt():
            return min(int(share * found.upper), found.upper - 1)
        case Range():
            value = found.min_value + share * (found.max_value - found.min_value)
            value = math.exp(value) if "log" in found.type else value
            return _stepped(value, found.q)
        case Normal():
            inside = min(max(share, 1 - _ALMOST_ONE), _ALMOST_ONE)
            value = NormalDist(found.mu, found.sigma).inv_cdf(inside)
            value = math.exp(value) if "log" in found.type else value
            return _stepped(value, found.q)


def _stepped(value: float, q: float | None) -> float:
    return round(value / q) * q if q else value


class _Optuna:
    """Each parameter is a share of its distribution, but choices are choices."""

    def __init__(self, keys: SweepKeys) -> None:
        try:
            import optuna  # noqa: PLC0415  # an optional dependency, and 0.5 s to import
        except ImportError as error:
            raise EngineUnavailable(
                f"`{keys.sampling.type}` sampling needs Optuna, which is not installed",
                hint="run `pip install 'aml-emu[sweep]'`",
            ) from error
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = keys.search_space
        seed = keys.sampling.seed
        if keys.sampling.type != "bayesian" and find_spec("scipy") is None:
            raise EngineUnavailable(
                "`sobol` sampling needs SciPy, which is not installed",
                hint="run `pip install 'aml-emu[sweep]'`",
            )
        with warnings.catch_warnings():  # that its interface may change is not the user's concern
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler: Any = (
                optuna.samplers.TPESampler(seed=seed, constant_liar=True)
                if keys.sampling.type == "bayesian"
                else optuna.samplers.QMCSampler(seed=seed, qmc_type="sobol")
            )
        direction = keys.objective.goal
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(sampler=sampler, direction=direction)

    def ask(self) -> tuple[int, Values] | None:
        trial = self._study.ask()
        values: dict[str, Any] = {}
        for name, found in self._space.items():
            if isinstance(found, Choice):
                index = trial.suggest_categorical(name, list(range(len(found.values))))
                values[name] = found.values[index]
            else:
                values[name] = value_at(found, trial.suggest_float(name, 0.0, 1.0))
        return trial.number, values

    def tell(self, number: int, value: float | None) -> None:
        if value is None or not math.isfinite(value):
            self._study.tell(number, state=self._failed)
        else:
            self._study.tell(number, value)

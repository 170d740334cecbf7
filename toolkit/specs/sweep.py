"""The keys of a hyperparameter sweep: search space, limits, early termination. Runs nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

_STRICT: Final = ConfigDict(extra="forbid")


class Choice(BaseModel):
    """One of these values."""

    model_config = _STRICT

    type: Literal["choice"]
    values: list[Any] = Field(min_length=1)


class RandInt(BaseModel):
    """A whole number from 0 up to, not including, `upper`."""

    model_config = _STRICT

    type: Literal["randint"]
    upper: int = Field(gt=0)


class Range(BaseModel):
    """A number between two limits; the logarithmic ones give the limits as exponents of e."""

    model_config = _STRICT

    type: Literal["uniform", "quniform", "loguniform", "qloguniform"]
    min_value: float
    max_value: float
    q: float | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_value > self.max_value:
            raise ValueError(f"`min_value` is above `max_value`: {self.min_value:g}")
        _check_step(self.type, self.q)
        if "log" in self.type and not math.isfinite(_exponential(self.max_value)):
            raise ValueError(
                f"`max_value` is an exponent of e, this one is too large: {self.max_value:g}"
            )
        return self


class Normal(BaseModel):
    """A number around `mu`; the logarithmic ones are e to the power of such a number."""

    model_config = _STRICT

    type: Literal["normal", "qnormal", "lognormal", "qlognormal"]
    mu: float
    sigma: float = Field(gt=0)
    q: float | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_step(self.type, self.q)
        return self


Distribution = Annotated[Choice | RandInt | Range | Normal, Field(discriminator="type")]


class Objective(BaseModel):
    """Which metric is to become what."""

    model_config = _STRICT

    goal: Literal["minimize", "maximize"]
    primary_metric: str


class SweepLimits(BaseModel):
    """How many trials, how many at a time, how long (seconds)."""

    model_config = _STRICT

    max_total_trials: int | None = Field(default=None, ge=1, le=1000)
    max_concurrent_trials: int | None = Field(default=None, ge=1)
    timeout: float | None = Field(default=None, gt=0)
    trial_timeout: float | None = Field(default=None, gt=0)


class Bandit(BaseModel):
    """End what is worse than the best by more than the slack."""

    model_config = _STRICT

    type: Literal["bandit"]
    slack_factor: float | None = Field(default=None, ge=0)
    slack_amount: float | None = Field(default=None, ge=0)
    evaluation_interval: int = Field(default=1, ge=1)
    delay_evaluation: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.slack_factor is None) == (self.slack_amount is None):
            raise ValueError("give one of `slack_factor` and `slack_amount`")
        return self


class MedianStopping(BaseModel):
    """End what is worse than the median of the others' averages."""

    model_config = _STRICT

    type: Literal["median_stopping"]
    evaluation_interval: int = Field(default=1, ge=1)
    delay_evaluation: int = Field(default=0, ge=0)


class TruncationSelection(BaseModel):
    """End the worst per cent at each evaluation."""

    model_config = _STRICT

    type: Literal["truncation_selection"]
    truncation_percentage: int = Field(ge=1, le=99)
    evaluation_interval: int = Field(default=1, ge=1)
    delay_evaluation: int = Field(default=0, ge=0)
    exclude_finished_jobs: bool = False


EarlyTermination = Annotated[
    Bandit | MedianStopping | TruncationSelection, Field(discriminator="type")
]


class Sampling(BaseModel):
    """The long form of `sampling_algorithm`."""

    model_config = _STRICT

    type: Literal["random", "grid", "bayesian"]
    seed: int | None = None
    rule: Literal["random", "sobol"] | None = None
    logbase: float | str | None = None


class SweepKeys(BaseModel):
    """What a sweep job and a sweep node both say."""

    model_config = _STRICT

    sampling_algorithm: Literal["random", "grid", "bayesian"] | Sampling = "random"
    search_space: dict[str, Distribution] = Field(min_length=1)
    objective: Objective
    limits: SweepLimits = SweepLimits()
    early_termination: EarlyTermination | None = None

    @property
    def sampling(self) -> Sampling:
        if isinstance(self.sampling_algorithm, Sampling):
            return self.sampling_algorithm
        return Sampling(type=self.sampling_algorithm)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.sampling.type == "grid":
            for name, found in self.search_space.items():
                if found.type != "choice":
                    raise ValueError(
                        f"`grid` sampling takes `choice` only; `{name}` is: {found.type}"
                    )
        if self.sampling.type == "bayesian":
            for name, found in self.search_space.items():
                if found.type not in _BAYESIAN:
                    raise ValueError(
                        "`bayesian` sampling takes `choice`, `uniform` and `quniform` only; "
                        f"`{name}` is: {found.type}"
                    )
            if self.early_termination:
                raise ValueError("`bayesian` sampling takes no `early_termination`")
        return self


_BAYESIAN: Final = frozenset({"choice", "uniform", "quniform"})


def grid_size(space: Mapping[str, Distribution]) -> int:
    """How many combinations there are, where all are choices."""
    return math.prod(len(found.values) for found in space.values() if isinstance(found, Choice))


def _check_step(kind: str, q: float | None) -> None:
    if kind.startswith("q") and not (q and q > 0):
        raise ValueError(f"`{kind}` needs `q`, the step, above 0")
    if not kind.startswith("q") and q is not None:
        raise ValueError(f"`{kind}` takes no `q`")


def _exponential(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf

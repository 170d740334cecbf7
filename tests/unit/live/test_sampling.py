"""Values for trials: within their distributions, repeatable, all of a grid."""

from __future__ import annotations

import itertools
import math
import sys
from typing import Any

import pytest

from toolkit.errors import EngineUnavailable
from toolkit.live.sampling import make_sampler
from toolkit.specs.sweep import SweepKeys


def keys(space: dict[str, Any], sampling: Any = "random") -> SweepKeys:
    return SweepKeys.model_validate(
        {
            "sampling_algorithm": sampling,
            "search_space": space,
            "objective": {"goal": "maximize", "primary_metric": "score"},
        }
    )


def asked(space: dict[str, Any], sampling: Any = "random", count: int = 200) -> list[Any]:
    sampler = make_sampler(keys(space, sampling))
    found = itertools.islice(iter(sampler.ask, None), count)
    return [values for _, values in found]


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ({"type": "choice", "values": ["a", "b"]}, lambda v: v in {"a", "b"}),
        ({"type": "randint", "upper": 3}, lambda v: v in {0, 1, 2}),
        ({"type": "uniform", "min_value": -1, "max_value": 1}, lambda v: -1 <= v <= 1),
        (
            {"type": "quniform", "min_value": 0, "max_value": 10, "q": 2},
            lambda v: v in {0, 2, 4, 6, 8, 10},
        ),
        (
            {"type": "loguniform", "min_value": -6, "max_value": -1},
            lambda v: math.exp(-6) <= v <= math.exp(-1),
        ),
        ({"type": "normal", "mu": 5, "sigma": 0.1}, lambda v: 4 < v < 6),
        ({"type": "lognormal", "mu": 0, "sigma": 1}, lambda v: v > 0),
        ({"type": "qnormal", "mu": 0, "sigma": 3, "q": 0.5}, lambda v: v * 2 == int(v * 2)),
    ],
)
def test_values_lie_in_their_distribution(written: dict[str, Any], fits: Any) -> None:
    found = [values["x"] for values in asked({"x": written})]
    assert all(map(fits, found))
    assert len(set(found)) > 1


def test_a_seed_gives_the_same_values() -> None:
    space = {"x": {"type": "uniform", "min_value": 0, "max_value": 1}}
    seeded = {"type": "random", "seed": 7}
    assert asked(space, seeded, 5) == asked(space, seeded, 5)


def test_a_grid_is_all_combinations_once() -> None:
    space = {
        "x": {"type": "choice", "values": [1, 2]},
        "y": {"type": "choice", "values": ["a", "b", "c"]},
    }
    found = asked(space, "grid")
    assert len(found) == 6
    assert {(values["x"], values["y"]) for values in found} == set(itertools.product([1, 2], "abc"))


def test_bayesian_sampling_finds_what_is_good() -> None:
    sampler = make_sampler(
        keys(
            {"x": {"type": "uniform", "min_value": 0, "max_value": 10}},
            {"type": "bayesian", "seed": 1},
        )
    )
    tried = []
    for _ in range(40):
        asked_for = sampler.ask()
        assert asked_for is not None
        number, values = asked_for
        tried.append(values["x"])
        sampler.tell(number, -((values["x"] - 3) ** 2))
    assert sum(abs(x - 3) for x in tried[-10:]) < sum(abs(x - 3) for x in tried[:10])


def test_sobol_without_scipy_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)  # as if it were not installed
    space = {"x": {"type": "uniform", "min_value": 0, "max_value": 4}}
    with pytest.raises(EngineUnavailable, match="`sobol` sampling needs SciPy"):
        make_sampler(keys(space, {"type": "random", "rule": "sobol"}))


def test_sobol_spreads_values_over_the_space() -> None:
    space = {"x": {"type": "uniform", "min_value": 0, "max_value": 4}}
    sampler = make_sampler(keys(space, {"type": "random", "rule": "sobol", "seed": 1}))
    quarters = set()
    for _ in range(8):
        asked_for = sampler.ask()
        assert asked_for is not None
        number, values = asked_for
        quarters.add(int(values["x"]))
        sampler.tell(number, 1.0)
    assert quarters == {0, 1, 2, 3}


def test_a_trial_without_a_metric_is_no_reason_to_stop() -> None:
    sampler = make_sampler(keys({"x": {"type": "choice", "values": [1]}}, "bayesian"))
    first = sampler.ask()
    assert first is not None
    sampler.tell(first[0], None)
    assert sampler.ask() is not None


@pytest.mark.parametrize(
    ("written", "sampling", "said"),
    [
        ({"type": "uniform", "min_value": 2, "max_value": 1}, "random", "above `max_value`"),
        ({"type": "quniform", "min_value": 0, "max_value": 1}, "random", "needs `q`"),
        ({"type": "loguniform", "min_value": 0, "max_value": 1000}, "random", "too large"),
        ({"type": "uniform", "min_value": 0, "max_value": 1}, "grid", "takes `choice` only"),
        ({"type": "normal", "mu": 0, "sigma": 1}, "bayesian", "`bayesian` sampling takes"),
        ({"type": "choice", "values": []}, "random", "at least 1"),
        ({"type": "normal", "mu": 0, "sigma": 0}, "random", "greater than 0"),
    ],
)
def test_mistakes(written: dict[str, Any], sampling: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        keys({"x": written}, sampling)

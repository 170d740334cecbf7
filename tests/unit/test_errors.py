import pytest

from toolkit import errors
from toolkit.errors import EmuError

DOCUMENTED = {
    "EmuError": 70,
    "UserCodeFailed": 1,
    "SpecError": 2,
    "NotFound": 2,
    "EngineUnavailable": 3,
    "BuildFailed": 4,
    "NotReady": 5,
    "Conflict": 6,
    "PortTaken": 6,
    "NameTaken": 6,
}


def catalogue() -> dict[str, type[EmuError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, EmuError)
    }


def test_exit_codes_are_the_documented_ones() -> None:
    assert {name: error.exit_code for name, error in catalogue().items()} == DOCUMENTED


@pytest.mark.parametrize("error", catalogue().values())
def test_every_error_carries_its_parts(error: type[EmuError]) -> None:
    problem = error("what happened", details="evidence", hint="do this")
    assert (problem.message, problem.details, problem.hint) == (
        "what happened",
        "evidence",
        "do this",
    )
    assert str(problem) == "what happened"
    assert error("short").details == error("short").hint == ""


def test_errors_are_compared_as_values() -> None:
    assert errors.PortTaken("a", hint="h") == errors.PortTaken("a", hint="h")
    assert errors.PortTaken("a", hint="h") != errors.PortTaken("a")
    assert errors.PortTaken("a") != errors.NameTaken("a")
    assert errors.PortTaken("a") != "a"
    assert len({errors.PortTaken("a"), errors.PortTaken("a")}) == 2

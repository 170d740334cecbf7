from __future__ import annotations

from pathlib import Path

import pytest

from tests.golden.v1_page import Name, names, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "v1-compatibility.md"
BEGIN, END = "<!-- names: begin -->\n", "<!-- names: end -->\n"


@pytest.fixture(scope="module")
def listed() -> list[Name]:
    return names()


def test_the_compatibility_page_is_up_to_date(
    listed: list[Name], request: pytest.FixtureRequest
) -> None:
    before, found, rest = PAGE.read_text("utf-8").partition(BEGIN)
    written, ended, after = rest.partition(END)
    assert found + ended == BEGIN + END, f"{PAGE.name} has no place for the table"
    if request.config.getoption("--update-golden"):
        written = table(listed)
        PAGE.write_text(before + BEGIN + written + END + after, "utf-8")
    assert written == table(listed), "if that is meant: `make golden`"


def test_what_is_supported_is_tested(listed: list[Name]) -> None:
    """A stand-in too; a refusal is tested by this page."""
    untested = [f"{each.module}.{each.name}" for each in listed if not each.tests]
    assert [name for name in untested if name not in refused(listed)] == []


def test_every_kind_is_there(listed: list[Name]) -> None:
    """So that a drop-in that cannot be imported at all does not make an empty page."""
    by_name = {f"{each.module}.{each.name}": each.status for each in listed}
    assert by_name["azureml.core.Run"] == "supported"
    assert by_name["azureml.core.webservice.AciWebservice"] == "stand-in"
    assert by_name["azureml.train.dnn.PyTorch"] == "refused"


def refused(listed: list[Name]) -> set[str]:
    return {f"{each.module}.{each.name}" for each in listed if each.status == "refused"}

import re

import pytest

from toolkit.plans.conda_names import BUNDLED, PROGRAMS, RENAMED


def test_no_name_stands_in_two_tables() -> None:
    assert not set(RENAMED) & BUNDLED
    assert not set(RENAMED) & set(PROGRAMS)
    assert not set(PROGRAMS) & BUNDLED


@pytest.mark.parametrize("name", sorted(RENAMED) + sorted(PROGRAMS))
def test_names_are_written_as_they_are_looked_up(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_bundled_names_are_in_lower_case(name: str) -> None:
    assert name == name.lower()


@pytest.mark.parametrize("name", sorted({*RENAMED.values(), *PROGRAMS.values()}))
def test_what_they_map_to_is_a_name(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9+.-]*", name)

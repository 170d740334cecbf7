import re
from pathlib import Path

import pytest

from toolkit.engines.events import brief
from toolkit.plans.titles import title_of

EXPECTED = Path(__file__).parents[2] / "golden" / "expected"


def instructions(text: str) -> list[str]:
    joined = re.sub(r"\\\n", "", text)
    return [line for line in joined.splitlines() if re.match("RUN|COPY", line)]


@pytest.mark.parametrize("path", sorted(EXPECTED.glob("*.Dockerfile")), ids=lambda path: path.stem)
def test_every_step_of_our_own_dockerfiles_has_a_title(path: Path) -> None:
    steps = instructions(path.read_text())
    titles = [title_of(step) for step in steps]
    assert "" not in titles, steps[titles.index("")]
    assert len(set(titles)) == len(titles), titles


@pytest.mark.parametrize(
    "instruction",
    ["RUN pip install numpy", "COPY . .", "FROM x", "RUN echo uv", "RUN mkdir -p /data"],
)
def test_a_users_own_step_has_none(instruction: str) -> None:
    assert title_of(instruction) == ""
    assert brief(instruction, 90) == instruction

"""Long files are read by another parser: the same values, the same lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.errors import SpecError
from toolkit.specs.yamlfile import load_yaml, plain

TEXT = """\
a: yes
b: 012
c: 1.5
e: ~
h: |
  several
  lines
i: &anchor {k: 1, l: [1, 2]}
j:
  <<: *anchor
  m: 3
n: 0o17
q: >-
  fold
  ed
s: ${{parent.jobs.a.outputs.b}}
"""
PADDING = "# a comment\n" * 1000


def test_the_same_as_a_short_file(tmp_path: Path) -> None:
    short, long = tmp_path / "short.yml", tmp_path / "long.yml"
    short.write_text(TEXT)
    long.write_text(TEXT + PADDING)
    one, other = load_yaml(short, what="file"), load_yaml(long, what="file")
    assert plain(one.data) == plain(other.data)
    places: list[list[str | int]] = [["a"], ["i", "l"], ["i", "l", 1], ["j", "m"], ["s"]]
    for place in places:
        assert one.line(place) == other.line(place)


@pytest.mark.parametrize(
    ("text", "line"), [("a: [1\nb: 2\n", 2), ("a: 1\na: 2\n", 2), ("x: 1\ny: *b\n", 2)]
)
def test_mistakes_have_their_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "long.yml"
    path.write_text(text + PADDING)
    with pytest.raises(SpecError, match=f"long.yml:{line}: not YAML"):
        load_yaml(path, what="file")

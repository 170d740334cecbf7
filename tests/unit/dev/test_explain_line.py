import pytest

from toolkit.dev.explain_line import Landing, landing, runs_when_loaded, what_it_is
from toolkit.runtime.executable import describe

SOURCE = '''\
# first

"""module
docstring"""
import os

def f(
    a,
    b=3,
):
    """doc"""
    # comment
    global G
    x = {
        "a": 1,

        "b": a,
    }
    if a:
        x = 1
    else:  # c
        x = 2
    y: int
    3
    if False:
        dead = 1
    return (
        x
    )

async def g(): pass
'''


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[int]:
    """What this Python makes code for, as the agent in the container finds out."""
    path = tmp_path_factory.mktemp("source") / "score.py"
    path.write_text(SOURCE)
    found: list[int] = describe(str(path))["lines"]
    return found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (1, "is a comment"),
        (2, "is blank"),
        (4, "is in a docstring"),
        (11, "is in a docstring"),
        (10, "continues the statement that begins on line 7"),
        (12, "is a comment"),
        (13, "only declares a name"),
        (16, "is blank"),
        (18, "continues the statement that begins on line 14"),
        (21, "is `else:`, which nothing executes"),
        (23, "only declares a name"),
        (26, "was optimised out: Python's compiler makes no code for it"),
        (99, "is not in the file, which has 31 lines"),
        (0, "is not in the file, which has 31 lines"),
    ],
)
def test_a_line_without_code_is_named_for_what_it_is(
    lines: list[int], line: int, said: str
) -> None:
    assert line not in lines
    assert what_it_is(SOURCE, line) == said


def test_the_breakpoint_lands_on_the_nearest_code_above(lines: list[int]) -> None:
    assert landing(SOURCE, 21, lines) == Landing(line=20, text="x = 1", function="f")
    assert landing(SOURCE, 99, lines) == Landing(line=31, text="async def g(): pass", function="g")
    assert landing(SOURCE, 1, lines) is None


def test_a_header_is_run_by_the_module_not_by_a_call(lines: list[int]) -> None:
    assert landing(SOURCE, 12, lines) == Landing(line=9, text="b=3,", function="")
    assert runs_when_loaded(SOURCE, 5)
    assert not runs_when_loaded(SOURCE, 20)


@pytest.mark.parametrize("source", ["def (:\n    x\n", "x = '''\n\n", "if 1:\nx\n", "\0\n"])
def test_a_file_that_python_does_not_read_has_no_story(source: str) -> None:
    assert what_it_is(source, 1) == "holds no code"
    assert landing(source, 2, [1]) == Landing(line=1, text=source.splitlines()[0], function="")


def test_a_file_without_code_has_nowhere_to_land() -> None:
    assert landing("# only this\n", 1, []) is None
    assert what_it_is("", 1) == "is not in the file, which has 0 lines"

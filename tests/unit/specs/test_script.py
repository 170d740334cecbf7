from pathlib import Path

import pytest

from toolkit.errors import SpecError
from toolkit.specs.script import check_scoring_script


def check(folder: Path, source: str | bytes) -> None:
    path = folder / "score.py"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    check_scoring_script(path)


@pytest.mark.parametrize(
    "source",
    [
        "def init(): ...\ndef run(data): ...\n",
        "async def run(data): ...\ndef init(): ...\n",
        "def init(): ...\nrun = lambda data: data\n",
        "from model import init, predict as run\n",
        "def init(): ...\ntry:\n    from fast import run\nexcept OSError:\n    def run(d): ...\n",
        "from other import *\n",
        "# -*- coding: latin-1 -*-\n# caf\xe9\ndef init(): ...\ndef run(d): ...\n".encode(
            "latin-1"
        ),
        "def _make():\n    global init, run\n    init = run = print\n_make()\n",
    ],
    ids=["plain", "async", "assigned", "imported", "in try", "star", "coded", "global"],
)
def test_a_script_the_server_would_take_passes(tmp_path: Path, source: str | bytes) -> None:
    check(tmp_path, source)


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        ("def init(): ...\n", "run"),
        ("def run(data): ...\n", "init"),
        ("", "init"),
        ("def Init(): ...\ndef run(d): ...\n", "init"),
        ("import run\n", "init"),
        ("print(init, run)\n", "init"),
        ("class Model:\n    def init(self): ...\n    def run(self, d): ...\n", "init"),
        ("def init():\n    def run(data): ...\n", "run"),
    ],
)
def test_a_missing_function_is_named(tmp_path: Path, source: str, missing: str) -> None:
    with pytest.raises(SpecError) as caught:
        check(tmp_path, source)
    assert caught.value.message == f"{tmp_path}/score.py: no `{missing}()` function"
    assert "`run(data)`" in caught.value.hint


def test_a_syntax_error_names_its_line_and_shows_it(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        check(tmp_path, "def init():\n    pass\n\ndef run(data)\n    return 1\n")
    assert caught.value.message.startswith(f"{tmp_path}/score.py:4: syntax error: ")
    assert caught.value.details == "def run(data)"


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"score\.py"):
        check(tmp_path, b"def init(): ...\0")


def test_a_missing_script_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="scoring script not found"):
        check_scoring_script(tmp_path / "score.py")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="scoring script cannot be read"):
        check_scoring_script(tmp_path)

"""What `init()` reaches decides whether what it made may live on."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.runtime.reach import importers, reached_from_init

SCORE = """\
import os
from helper import Model, scale
import tables

FOLDER = os.environ["FOLDER"]
LIMIT = 10
model = None

def load(path):
    return Model(path)

def init():
    global model
    model = load(FOLDER)
    tables.fill()

def run(data):
    return scale(model.predict(data), LIMIT)
"""

HELPER = """\
import json

class Base:
    depth = 1

class Model(Base):
    def __init__(self, path):
        self.path = path

def scale(x, limit):
    return min(x, limit)
"""

TABLES = """\
SIZES = [1, 2]
OTHERS = [3]

def fill():
    SIZES.append(4)

def unused():
    return OTHERS
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "score.py").write_text(SCORE)
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "tables.py").write_text(TABLES)
    return tmp_path


def reach(app: Path) -> object:
    return reached_from_init(
        str(app / "score.py"), [str(app)], lambda path: Path(path).read_bytes()
    )


def edit(app: Path, name: str, old: str, new: str) -> None:
    text = (app / name).read_text()
    assert old in text
    (app / name).write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("score.py", "return scale(", "return 1 + scale("),
        ("score.py", "LIMIT = 10", "LIMIT = 11"),
        ("score.py", "def run(data):", "# a comment\n\ndef run(data):"),
        ("score.py", "def init():", "\n\ndef init():  # lower down"),
        ("helper.py", "return min(x, limit)", "return max(x, limit)"),
        ("tables.py", "OTHERS = [3]", "OTHERS = [5]"),
    ],
)
def test_what_init_does_not_use_may_change(app: Path, name: str, old: str, new: str) -> None:
    before = reach(app)
    edit(app, name, old, new)
    assert reach(app) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("score.py", "model = load(FOLDER)", "model = load(FOLDER + '/x')"),
        ("score.py", "return Model(path)", "return Model(path, 2)"),
        ("score.py", 'os.environ["FOLDER"]', 'os.environ["OTHER"]'),
        ("score.py", "import os\n", "import posix as os\n"),
        ("score.py", "model = None", "model = 0"),
        ("score.py", "LIMIT = 10", "LIMIT = 10\nos.chdir('/')"),
        ("helper.py", "self.path = path", "self.path = str(path)"),
        ("helper.py", "depth = 1", "depth = 2"),
        ("tables.py", "SIZES = [1, 2]", "SIZES = [1]"),
        ("tables.py", "SIZES.append(4)", "SIZES.append(5)"),
    ],
)
def test_what_init_uses_may_not(app: Path, name: str, old: str, new: str) -> None:
    before = reach(app)
    edit(app, name, old, new)
    assert reach(app) != before


def test_a_module_handed_around_counts_as_a_whole(app: Path) -> None:
    edit(app, "score.py", "tables.fill()", "setup(tables)")
    before = reach(app)
    edit(app, "tables.py", "OTHERS = [3]", "OTHERS = [5]")
    assert reach(app) != before


def test_dotted_and_star_imports_are_followed(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "inner.py").write_text("def make():\n    return 1\n")
    (tmp_path / "stars.py").write_text("def finish():\n    return 2\n")
    (tmp_path / "score.py").write_text(
        "import package.inner\nfrom stars import *\n"
        "def init():\n    package.inner.make()\n    finish()\n"
    )
    first = reach(tmp_path)
    edit(tmp_path, "package/inner.py", "return 1", "return 3")
    second = reach(tmp_path)
    edit(tmp_path, "stars.py", "return 2", "return 4")
    assert first != second != reach(tmp_path)


def test_no_init_is_told(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("def run(data): ...\n")
    assert reach(tmp_path) is None


def test_importers_are_found_through_others(app: Path) -> None:
    (app / "middle.py").write_text("def f():\n    import tables\n")
    (app / "top.py").write_text("from middle import f\n")
    files = {str(path) for path in app.glob("*.py")}
    stale = importers(
        {str(app / "tables.py")}, [str(app)], lambda path: Path(path).read_bytes(), files
    )
    assert {Path(path).name for path in stale} == {"tables.py", "score.py", "middle.py", "top.py"}


def test_a_module_that_imports_by_computed_name_depends_on_all(app: Path) -> None:
    (app / "plugins.py").write_text("import importlib\nimportlib.import_module('x' + 'y')\n")
    files = {str(path) for path in app.glob("*.py")}
    stale = importers(
        {str(app / "helper.py")}, [str(app)], lambda path: Path(path).read_bytes(), files
    )
    assert str(app / "plugins.py") in stale

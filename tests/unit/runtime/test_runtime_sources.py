"""The user's files as they are loaded: whose import brought them."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolkit.runtime.sources import Sources


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    """An app with a package beside it; what is imported from them is forgotten afterwards."""
    app, packages = tmp_path / "app", tmp_path / "site-packages"
    for folder, name, text in (
        (app, "drawn_settings", "A = 1\n"),
        (app, "drawn_helper", "A = 1\n"),
        (app, "drawn_user", "import drawn_helper\n"),
        (packages, "drawn_library", "import drawn_settings\n"),
    ):
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(str(folder))

    class Loader(importlib.machinery.SourceFileLoader):
        """One of its own: Python's stays as it is."""

    def find(cls: object, name: str, path: object = None, target: object = None) -> object:
        for folder in (app, packages):
            file = folder / f"{name}.py"
            if file.is_file():
                return importlib.util.spec_from_file_location(
                    name, file, loader=Loader(name, str(file))
                )
        return None

    monkeypatch.setattr(
        sys, "meta_path", [type("Finder", (), {"find_spec": classmethod(find)}), *sys.meta_path]
    )
    found = Sources([str(app)])
    found.watch(Loader)
    yield found
    for name in [name for name in sys.modules if name.startswith("drawn_")]:
        del sys.modules[name]


def test_a_file_that_the_user_imports_is_theirs(sources: Sources) -> None:
    importlib.import_module("drawn_user")
    assert {Path(path).stem for path in sources.modules} == {"drawn_user", "drawn_helper"}
    assert sources.drawn_in == set()


def test_a_file_that_a_package_imports_comes_with_that_package(sources: Sources) -> None:
    importlib.import_module("drawn_library")
    assert {Path(path).stem for path in sources.drawn_in} == {"drawn_settings"}

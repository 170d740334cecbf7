"""The thread behind `--watch`: what happens to one save does not end it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toolkit.cli.watching import Saves


@dataclass
class Saved:
    """As much of a watcher as is used."""

    folder: Path
    polling: bool = False

    def batches(self) -> Iterator[frozenset[Path]]:
        yield frozenset({self.folder / "one.py"})
        yield frozenset({self.folder / "two.py"})


@dataclass
class Stumbling:
    """What serves, and is not found where it was at the first look."""

    looks: list[str] = field(default_factory=list)

    @property
    def replicas(self) -> list[Any]:
        self.looks.append("look")
        if len(self.looks) == 1:
            raise KeyError("x")
        return []

    def reloaded(self) -> None:
        """Nothing stands in front."""


def test_the_next_save_has_its_turn_after_a_bug(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    served = Stumbling()
    parts: dict[str, Any] = {
        **dict.fromkeys(("request", "settings", "engine", "renew")),
        "watcher": Saved(tmp_path),
        "environment": SimpleNamespace(files=frozenset()),
    }
    Saves(served=served, mode="fork", **parts)._follow()
    assert len(served.looks) == 2
    assert "a bug of aml-emu kept this save from being served: KeyError('x')" in (
        capsys.readouterr().err
    )

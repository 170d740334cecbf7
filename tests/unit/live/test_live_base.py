import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import FakeEngine
from toolkit.engines.base import EngineInfo
from toolkit.errors import BuildFailed, EngineUnavailable
from toolkit.live.base import make_base
from toolkit.plans.model import BaseSource
from toolkit.settings import Settings


def make(
    engine: FakeEngine, folder: Path, source: BaseSource, *, tar: Path | None = None
) -> list[str]:
    said: list[str] = []
    settings = Settings(project=folder)
    make_base(engine, settings, source=source, tar=tar, say=said.append, on_event=print)
    return said


@pytest.mark.parametrize("source", ["registry", "auto"])
def test_a_registry_that_answers_is_used(tmp_path: Path, source: BaseSource) -> None:
    engine = FakeEngine(known=["debian:bookworm-slim"])
    assert make(engine, tmp_path, source) == []
    assert engine.has("aml-emu/base")


def test_a_registry_that_was_asked_for_and_does_not_answer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="cannot be pulled"):
        make(FakeEngine(), tmp_path, "registry")


def test_a_root_file_system_is_used(tmp_path: Path) -> None:
    tar = tmp_path / "root.tar"
    with tarfile.open(tar, "w"):
        pass
    engine = FakeEngine()
    make(engine, tmp_path, "auto", tar=tar)
    assert engine.built[0][0].base == "scratch"
    assert engine.has("aml-emu/base")


def test_a_base_is_made_once(tmp_path: Path) -> None:
    engine = FakeEngine(known=["debian:bookworm-slim"])
    settings = Settings(project=tmp_path)
    made = [
        make_base(engine, settings, source="registry", say=print, on_event=print).built
        for _ in range(2)
    ]
    assert made == [True, False]


class WithoutDockerfiles(FakeEngine):
    """As the process engine where `--engine auto` found no other."""

    def check(self) -> EngineInfo:
        return replace(super().check(), builds_dockerfiles=False, notes=("no Docker: using fake",))


@pytest.mark.parametrize("source", ["auto", "registry", "debian"])
@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (WithoutDockerfiles(), "the fake engine builds no Dockerfiles"),
        (FakeEngine(unavailable=EngineUnavailable("nobody answers")), "nobody answers"),
    ],
)
def test_an_engine_that_cannot_is_refused_before_anything_is_fetched(
    tmp_path: Path, source: BaseSource, chosen: FakeEngine, why: str
) -> None:
    said: list[str] = []
    settings = Settings(project=tmp_path, environ={"HOME": str(tmp_path)})
    with pytest.raises(EngineUnavailable, match=why):
        make_base(chosen, settings, source=source, say=said.append, on_event=print)
    assert said == []
    assert not chosen.built
    assert not list(tmp_path.iterdir())


def test_the_refusal_says_why_this_engine_was_chosen(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        make(WithoutDockerfiles(), tmp_path, "auto")
    assert caught.value.details == "no Docker: using fake"

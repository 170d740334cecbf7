from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import FakeEngine, Script
from toolkit.engines.automatic import AutomaticEngine
from toolkit.engines.base import BuildOptions
from toolkit.errors import EngineUnavailable
from toolkit.live.prune import prune
from toolkit.live.service import start_service
from toolkit.plans import emulation
from toolkit.plans.model import ImagePlan, LaunchPlan
from toolkit.plans.service import Scoring, plan_service
from toolkit.settings import Settings

IMAGE = "aml-emu/iris:0123456789ab"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(project=tmp_path, environ={"HOME": str(tmp_path)})


def service_plan(code: Path, *models: Path) -> LaunchPlan:
    code.mkdir(exist_ok=True)
    scoring = Scoring(name="iris", script=code / "score.py", models=models, port=None)
    return plan_service(scoring, image=IMAGE, project=code.parent)


def test_an_ended_service_goes_with_what_it_left_in_the_users_folder(
    tmp_path: Path, settings: Settings
) -> None:
    model = tmp_path / "model.pkl"
    model.write_text("42")
    engine = FakeEngine(known=[IMAGE], script=Script(exit_code=3))
    start_service(engine, service_plan(tmp_path / "code", model))
    assert (tmp_path / "code" / "azureml-models").is_dir()
    told = prune(engine, settings, dry_run=True)
    assert engine.daemon.handles
    assert (tmp_path / "code" / "azureml-models").is_dir()
    done = prune(engine, settings)
    assert done == told
    assert [(each.kind, each.name) for each in done.removed] == [("container", "aml-emu-iris")]
    assert not engine.daemon.handles
    assert list((tmp_path / "code").iterdir()) == []


def test_a_running_service_stays(tmp_path: Path, settings: Settings) -> None:
    engine = FakeEngine(known=[IMAGE])
    service = start_service(engine, service_plan(tmp_path / "code"))
    assert prune(engine, settings, everything=True).removed == ()
    assert service.handle.state().is_running
    engine.close()


@pytest.mark.parametrize("everything", [False, True])
def test_the_cache_folder_goes_with_everything_only(
    settings: Settings, *, everything: bool
) -> None:
    packages = settings.cache_folder / "debian" / "archives"
    packages.mkdir(parents=True)
    (packages / "bash.deb").write_bytes(b"x" * 2000)
    (settings.cache_folder / "other").mkdir()
    told = prune(FakeEngine(), settings, everything=everything, dry_run=True)
    assert packages.is_dir()
    assert prune(FakeEngine(), settings, everything=everything) == told
    assert told.freed == (2000 if everything else 0)
    assert packages.is_dir() is not everything
    assert (settings.cache_folder / "other").is_dir()


def test_names_leave_the_cache_folder_alone(settings: Settings) -> None:
    (settings.cache_folder / "debian").mkdir(parents=True)
    assert prune(FakeEngine(), settings, everything=True, names=["iris"]).removed == ()


def test_both_engines_of_auto_are_cleaned() -> None:
    first, second = FakeEngine(known=["aml-emu/a:1"]), FakeEngine(known=["aml-emu/b:1"])
    done = AutomaticEngine(first, lambda: second).prune(everything=True, dry_run=False)
    assert [each.name for each in done.removed] == ["aml-emu/a:1", "aml-emu/b:1"]
    assert done.freed == 2


def test_where_only_the_second_engine_works_it_is_cleaned_once() -> None:
    away = FakeEngine(unavailable=EngineUnavailable("no Docker"))
    second = FakeEngine(known=["aml-emu/b:1"])
    done = AutomaticEngine(away, lambda: second).prune(everything=True, dry_run=False)
    assert [each.name for each in done.removed] == ["aml-emu/b:1"]


def test_the_fake_keeps_the_newest_of_each_name() -> None:
    engine = FakeEngine(known=["aml-emu/base"])
    plan = ImagePlan(name="iris", base="aml-emu/base", dockerfile="FROM aml-emu/base\n")
    for text in ("RUN 1\n", "RUN 2\n"):
        one = replace(plan, dockerfile=plan.dockerfile + text)
        engine.build(one, BuildOptions(), lambda _: None)
    removed = engine.prune(everything=False, dry_run=False).removed
    assert len(removed) == 1
    assert removed[0].name.startswith("aml-emu/iris:")


def test_a_name_that_no_image_has_is_told(settings: Settings) -> None:
    engine = FakeEngine()
    plan = ImagePlan(
        name="iris",
        base="scratch",
        dockerfile="FROM scratch",
        labels={emulation.LABEL_KIND: "image", emulation.LABEL_NAME: "iris"},
    )
    engine.build(plan, BuildOptions(), lambda _: None)
    assert prune(engine, settings, dry_run=True, names=["iris"]).notes == ()
    told = prune(engine, settings, dry_run=True, names=["iris", "irsi"]).notes
    assert told == ("there is no image of an environment `irsi`",)

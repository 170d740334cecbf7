"""`--engine auto`: Docker when it answers, else the other one, and it says so."""

from __future__ import annotations

from collections.abc import Callable

from tests.fakes import FakeEngine
from toolkit.engines.automatic import AutomaticEngine
from toolkit.engines.base import BuildOptions
from toolkit.engines.events import BuildEvent
from toolkit.errors import EngineUnavailable
from toolkit.plans.model import ImagePlan, LaunchPlan

IMAGE = ImagePlan(name="iris", base="here:1", dockerfile="FROM here:1\n")
PLAN = LaunchPlan(kind="service", name="iris", image="here:1", labels={"a": "1"})
MISSING = EngineUnavailable("no Docker engine answers at /run/docker.sock")


def test_the_first_is_used_where_it_answers() -> None:
    first, second = FakeEngine(known=["here:1"]), FakeEngine()
    engine = AutomaticEngine(first, lambda: second)
    handle = engine.launch(PLAN)
    assert first.launched == [PLAN]
    assert engine.check().notes == ()
    assert engine.has("here:1")
    handle.stop()


def test_the_other_one_is_used_where_it_does_not_and_that_is_said() -> None:
    second = FakeEngine(known=["here:1"])
    engine = AutomaticEngine(FakeEngine(unavailable=MISSING), lambda: second)
    assert engine.check().notes == (f"{MISSING.message}: using fake",)
    handle = engine.launch(PLAN)
    assert second.launched == [PLAN]
    handle.stop()


class Early(FakeEngine):
    """Can begin a build; notes what it began."""

    begun: list[ImagePlan]

    def begin(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Callable[[], None]:
        self.begun = [plan]
        return self.begun.clear


def test_a_build_is_begun_where_the_engine_can() -> None:
    early = Early()
    give_up = AutomaticEngine(early, FakeEngine).begin(IMAGE, BuildOptions(), print)
    assert early.begun == [IMAGE]
    give_up()
    assert early.begun == []
    AutomaticEngine(FakeEngine(), FakeEngine).begin(IMAGE, BuildOptions(), print)()


def test_what_either_runs_is_found() -> None:
    first, second = FakeEngine(known=["here:1"]), FakeEngine(known=["here:1"])
    launched = [engine.launch(PLAN) for engine in (first, second)]
    assert AutomaticEngine(first, lambda: second).find({"a": "1"}) == launched
    for handle in launched:
        handle.stop()


def test_where_docker_is_gone_only_the_other_one_is_asked() -> None:
    second = FakeEngine(known=["here:1"])
    handle = second.launch(PLAN)
    engine = AutomaticEngine(FakeEngine(unavailable=MISSING), lambda: second)
    assert [found.id for found in engine.find({})] == [handle.id]
    handle.stop()


def test_nothing_is_made_or_asked_before_the_first_use() -> None:
    made: list[FakeEngine] = []

    def make() -> FakeEngine:
        made.append(FakeEngine())
        return made[-1]

    AutomaticEngine(FakeEngine(unavailable=MISSING), make)
    assert made == []

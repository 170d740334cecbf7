from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import FakeEngine, FakeUv
from toolkit.engines.base import EngineInfo, Image
from toolkit.engines.docker.foreign import cannot_execute, is_for, not_made_for_it, refuse_our_own
from toolkit.engines.lock import lock_path, resolve
from toolkit.engines.trust import HostTrust
from toolkit.errors import BuildFailed, EngineUnavailable
from toolkit.live.base import make_base
from toolkit.live.image import ImageRequest, build_image, write_context
from toolkit.plans.requirements import plan_requirements
from toolkit.settings import Settings
from toolkit.specs.environment import CondaEnvironment, load_environment

ENV = "name: iris\ndependencies: [python=3.11, {pip: [azureml-inference-server-http]}]\n"
BOTH = ("linux/amd64", "linux/arm64")


class ArmEngine(FakeEngine):
    def check(self) -> EngineInfo:
        return replace(super().check(), platform="linux/arm64")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A project with a lock for each platform, each of another version of numpy."""
    env = tmp_path / "env.yml"
    env.write_text(ENV)
    made = Settings(project=tmp_path, environ={"HOME": str(tmp_path)})
    environment = load_environment(env)
    assert isinstance(environment, CondaEnvironment)
    requirements = plan_requirements(environment, kind="inference")
    for number, platform in enumerate(BOTH):
        resolve(
            requirements,
            platform=platform,
            path=lock_path(
                made.state_folder, name="iris", platform=platform, python=requirements.python
            ),
            spec=env,
            trust=HostTrust(),
            environ={},
            run=FakeUv(lock=f"numpy==2.0.{number}\n"),
        )
    return made


def built(settings: Settings, platform: str | None, engine: FakeEngine) -> Image:
    request = ImageRequest(env=str(settings.project / "env.yml"), platform=platform)
    return build_image(request, settings, engine, say=lambda _: None, on_event=print)


def test_an_arm_engine_gets_arm_packages_by_itself(settings: Settings) -> None:
    engine = ArmEngine(known=["aml-emu/base"])
    built(settings, None, engine)
    plan, _ = engine.built[-1]
    assert plan.platform is None
    assert plan.contents is not None
    assert "numpy==2.0.1" in plan.contents.lock


def test_another_platform_reaches_the_lock_the_plan_and_the_hash(settings: Settings) -> None:
    engine = FakeEngine(known=["aml-emu/base"])
    native, foreign = built(settings, None, engine), built(settings, "linux/arm64", engine)
    plan, _ = engine.built[-1]
    assert plan.platform == "linux/arm64"
    assert plan.contents is not None
    assert "numpy==2.0.1" in plan.contents.lock
    assert native.tag != foreign.tag


def test_the_platform_alone_makes_another_image(settings: Settings) -> None:
    engine = FakeEngine(known=["aml-emu/base"])
    built(settings, None, engine)
    plan, _ = engine.built[-1]
    assert plan.tag("base") != replace(plan, platform="linux/arm64").tag("base")


def test_naming_the_engine_s_own_platform_changes_nothing(settings: Settings) -> None:
    engine = FakeEngine(known=["aml-emu/base"])
    assert built(settings, None, engine).tag == built(settings, "linux/amd64", engine).tag


def test_a_context_is_written_for_the_platform_asked_for(settings: Settings) -> None:
    request = ImageRequest(env=str(settings.project / "env.yml"), platform="linux/arm64")
    folder = settings.project / "context"
    write_context(request, settings, folder, say=lambda _: None)
    assert "numpy==2.0.1" in (folder / "common.lock").read_text()


def test_packages_of_this_machine_make_no_base_for_another_processor(tmp_path: Path) -> None:
    class Elsewhere(FakeEngine):
        def check(self) -> EngineInfo:
            return replace(super().check(), platform="linux/riscv64")

    settings = Settings(project=tmp_path, environ={"HOME": str(tmp_path)})
    with pytest.raises(EngineUnavailable, match="do not fit the engine: linux/riscv64"):
        make_base(
            Elsewhere(), settings, source="debian", say=lambda _: None, on_event=lambda _: None
        )


def test_a_program_that_cannot_even_begin_is_told_from_one_that_fails() -> None:
    wrong = BuildFailed("build step `RUN x` failed", details="exec /bin/sh: exec format error")
    told = cannot_execute(wrong, "linux/arm64")
    assert told is not None
    assert told.message == "this engine cannot run programs for linux/arm64"
    assert "binfmt --install arm64" in told.hint
    assert "exec format error" in told.details
    assert cannot_execute(BuildFailed("exit code: 1", details="boom"), "linux/arm64") is None


def test_an_image_for_another_platform_does_not_do() -> None:
    attrs = {"Os": "linux", "Architecture": "arm64"}
    assert is_for(attrs, None)
    assert is_for(attrs, "linux/arm64")
    assert not is_for(attrs, "linux/amd64")
    refuse_our_own("mcr.microsoft.com/azureml/x:1", "linux/arm64")
    with pytest.raises(BuildFailed, match="is not made for linux/arm64"):
        refuse_our_own("aml-emu/base:latest", "linux/arm64")


def test_a_registry_without_the_platform_is_recognised() -> None:
    assert not_made_for_it("no matching manifest for linux/arm64/v8 in the manifest list entries")
    assert not not_made_for_it("manifest unknown")

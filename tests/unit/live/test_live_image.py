import platform as host
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import FakeEngine, FakeUv
from toolkit.engines.base import BuildOptions
from toolkit.engines.events import BuildEvent
from toolkit.engines.lock import lock_path, resolve
from toolkit.engines.trust import HostTrust
from toolkit.errors import EmuError, EngineUnavailable, SpecError
from toolkit.live.image import ImageRequest, build_image, write_context
from toolkit.plans.model import ImagePlan
from toolkit.plans.requirements import plan_requirements
from toolkit.settings import Settings
from toolkit.specs.environment import CondaEnvironment, load_environment

ENV = "name: iris\ndependencies: [{pip: [azureml-inference-server-http]}]\n"
MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(host.machine(), host.machine())


class Desk:
    """A project whose lock is made already, so that no uv runs."""

    def __init__(self, folder: Path) -> None:
        self.env = folder / "env.yml"
        self.env.write_text(ENV)
        self.request = ImageRequest(env=str(self.env), tags=("mine:1",))
        self.bundle = folder / "ca.pem"
        self.bundle.write_bytes(b"PEM")
        environ = {"HOME": str(folder), "SSL_CERT_FILE": str(self.bundle)}
        self.settings = Settings(project=folder, environ=environ)
        self.said: list[str] = []
        environment = load_environment(self.env)
        assert isinstance(environment, CondaEnvironment)
        requirements = plan_requirements(environment, kind="inference")
        for platform in {"linux/amd64", f"linux/{MACHINE}"}:
            resolve(
                requirements,
                platform=platform,
                path=lock_path(
                    self.settings.state_folder,
                    name="iris",
                    platform=platform,
                    python=requirements.python,
                ),
                spec=self.env,
                trust=HostTrust(),
                environ={},
                run=FakeUv(),
            )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_image_is_built_once(desk: Desk) -> None:
    engine = FakeEngine(known=["aml-emu/base"])
    first, second = (
        build_image(desk.request, desk.settings, engine, say=desk.said.append, on_event=print)
        for _ in range(2)
    )
    assert first.built
    assert not second.built
    assert first.tag == second.tag
    assert engine.has("mine:1")


def test_the_hosts_trust_is_given_as_secrets_whose_values_do_not_count(desk: Desk) -> None:
    engine = FakeEngine(known=["aml-emu/base"])
    build_image(desk.request, desk.settings, engine, say=desk.said.append, on_event=print)
    desk.bundle.write_bytes(b"renewed")
    again = build_image(desk.request, desk.settings, engine, say=desk.said.append, on_event=print)
    assert not again.built
    assert [options.secrets for _, options in engine.built] == [{"ca": b"PEM"}, {"ca": b"renewed"}]
    assert b"PEM" not in b"".join(
        file.content for file in engine.built[0][0].context if isinstance(file.content, bytes)
    )


def test_notes_about_the_environment_are_said(desk: Desk) -> None:
    engine = FakeEngine(known=["aml-emu/base"])
    build_image(desk.request, desk.settings, engine, say=desk.said.append, on_event=print)
    assert desk.said == [f"{desk.env} pins no Python: using 3.11"]


def test_a_missing_base_is_made_first(desk: Desk) -> None:
    engine = FakeEngine(known=["debian:bookworm-slim"])
    build_image(desk.request, desk.settings, engine, say=desk.said.append, on_event=print)
    assert [plan.name for plan, _ in engine.built] == ["base", "iris"]
    assert engine.has("aml-emu/base")
    assert "making the base image `aml-emu/base`, once on this machine" in desk.said


def test_a_stand_in_is_used_for_the_base(desk: Desk) -> None:
    engine = FakeEngine(known=["aml-emu/base"])
    settings = Settings(
        project=desk.settings.project,
        base="mcr.microsoft.com/azureml/x:1",
        images={"mcr.*": "aml-emu/base"},
        environ=desk.settings.environ,
    )
    build_image(desk.request, settings, engine, say=desk.said.append, on_event=print)
    assert engine.built[0][0].base == "aml-emu/base"


def test_without_an_engine_nothing_is_tried(desk: Desk) -> None:
    engine = FakeEngine(unavailable=EngineUnavailable("no Docker engine answers"))
    with pytest.raises(EngineUnavailable):
        build_image(desk.request, desk.settings, engine, say=desk.said.append, on_event=print)
    assert engine.built == []


def test_a_wrong_environment_builds_nothing(desk: Desk) -> None:
    desk.env.write_text("dependencies: [numpy]\n")
    engine = FakeEngine(known=["aml-emu/base"])
    with pytest.raises(SpecError):
        build_image(desk.request, desk.settings, engine, say=desk.said.append, on_event=print)
    assert engine.built == []


def test_the_context_can_be_written_for_a_build_elsewhere(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "context"
    dockerfile = write_context(desk.request, desk.settings, folder, say=desk.said.append)
    assert dockerfile == folder / "Dockerfile"
    assert dockerfile.read_text().startswith("# iris: rendered by aml-emu from env.yml\n")
    assert (folder / "common.lock").read_text().endswith("numpy==2.0.0\npip==24.0\n")
    (run,) = folder.rglob("gunicorn/run")
    assert run.stat().st_mode & 0o777 == 0o755


class Early(FakeEngine):
    """Begins builds, and notes what became of them."""

    def __init__(self) -> None:
        super().__init__(known=["aml-emu/base"])
        self.begun: list[ImagePlan] = []
        self.given_up = 0

    def begin(
        self, plan: ImagePlan, options: BuildOptions, on_event: Callable[[BuildEvent], None]
    ) -> Callable[[], None]:
        assert options.secrets == {"ca": b"PEM"}
        self.begun.append(plan)

        def give_up() -> None:
            self.given_up += 1

        return give_up


def test_nothing_is_begun_where_the_lock_is_kept(desk: Desk) -> None:
    engine = Early()
    build_image(desk.request, desk.settings, engine, say=desk.said.append, on_event=print)
    assert engine.begun == []


def test_the_groundwork_is_begun_while_the_lock_is_made_and_given_up_with_it(desk: Desk) -> None:
    engine = Early()
    desk.env.write_text(ENV.replace("http]", "http, 'x @ https://127.0.0.1:9/no.whl']"))
    with pytest.raises(EmuError):
        build_image(desk.request, desk.settings, engine, say=desk.said.append, on_event=print)
    (plan,) = engine.begun
    assert plan.dockerfile.endswith("WORKDIR /var/azureml-app\n")
    assert engine.given_up == 1
    assert engine.built == []


@pytest.mark.parametrize("missing", ["--no-cache", "base"])
def test_groundwork_is_of_no_use_without_a_cache_or_a_base(desk: Desk, missing: str) -> None:
    engine = Early() if missing == "--no-cache" else FakeEngine()
    desk.env.write_text(ENV.replace("http]", "http, 'x @ https://127.0.0.1:9/no.whl']"))
    request = replace(desk.request, no_cache=missing == "--no-cache")
    with pytest.raises(EmuError):
        build_image(request, desk.settings, engine, say=desk.said.append, on_event=print)
    assert getattr(engine, "begun", []) == []

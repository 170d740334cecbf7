from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes import FakeEngine, FakeUv
from tests.project import write_tree
from toolkit.engines.lock import lock_path, resolve
from toolkit.engines.trust import HostTrust
from toolkit.errors import SpecError
from toolkit.live.image import ImageRequest
from toolkit.live.package import PackageRequest, build_package, write_package
from toolkit.plans.requirements import plan_requirements
from toolkit.settings import Settings
from toolkit.specs.environment import CondaEnvironment, load_environment

ENV = "name: iris\ndependencies: [python=3.11, {pip: [azureml-inference-server-http]}]\n"
SCORE = "def init(): ...\ndef run(data): ...\n"


class Desk:
    """A project with a lock, an engine with a base, and what was said."""

    def __init__(self, folder: Path) -> None:
        write_tree(
            folder, {"env.yml": ENV, "app": {"score.py": SCORE, "more.py": ""}, "m.pkl": "1"}
        )
        self.folder = folder
        self.settings = Settings(project=folder, environ={"HOME": str(folder)})
        self.engine = FakeEngine(known=["aml-emu/base"])
        self.said: list[str] = []
        self.request = PackageRequest(
            environment=ImageRequest(env=str(folder / "env.yml"), tags=("mine:1",)),
            script=folder / "app" / "score.py",
            style="package",
            models=(folder / "m.pkl",),
        )
        environment = load_environment(folder / "env.yml")
        assert isinstance(environment, CondaEnvironment)
        wanted = plan_requirements(environment, kind="inference")
        path = lock_path(
            self.settings.state_folder, name="iris", platform="linux/amd64", python=wanted.python
        )
        resolve(
            wanted, platform="linux/amd64", path=path, spec=folder / "env.yml",
            trust=HostTrust(), environ={}, run=FakeUv(),
        )  # fmt: skip

    def build(self, request: PackageRequest) -> str:
        return build_package(
            request, self.settings, self.engine, say=self.said.append, on_event=lambda _: None
        ).tag

    def write(self, request: PackageRequest, folder: Path) -> Path:
        return write_package(
            request, self.settings, self.engine, folder, say=self.said.append, on_event=print
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_package_stands_on_the_image_of_its_environment(desk: Desk) -> None:
    tag = desk.build(desk.request)
    environment, package = (plan for plan, _ in desk.engine.built)
    assert tag.startswith("aml-emu/app-package:")
    assert package.base.startswith("aml-emu/iris:")
    assert (environment.tags, package.tags) == ((), ("mine:1",))
    assert "taking in 3 files, 0.0 MB" in desk.said


def test_an_edit_rebuilds_the_package_and_not_the_environment(desk: Desk) -> None:
    first = desk.build(desk.request)
    (desk.folder / "app" / "score.py").write_text(SCORE + "x = 1\n")
    assert desk.build(desk.request) != first
    assert len({plan.base for plan, _ in desk.engine.built if plan.name == "app-package"}) == 1


def test_baking_takes_the_folder_along(desk: Desk) -> None:
    assert desk.build(replace(desk.request, style="baked", name="My App")).startswith(
        "aml-emu/my-app-baked:"
    )
    plan, _ = desk.engine.built[-1]
    assert "code/more.py" in {str(file.path) for file in plan.context}


def test_a_context_is_written_and_only_the_environment_built(desk: Desk) -> None:
    dockerfile = desk.write(desk.request, desk.folder / "out")
    assert dockerfile == desk.folder / "out" / "Dockerfile"
    assert dockerfile.read_text().splitlines()[1].startswith("FROM aml-emu/iris:")
    assert (desk.folder / "out" / "azureml-app" / "score.py").read_text() == SCORE
    assert [plan.name for plan, _ in desk.engine.built] == ["iris"]


def test_a_folder_with_something_in_it_is_not_written_into(desk: Desk) -> None:
    with pytest.raises(SpecError, match="folder is not empty"):
        desk.write(desk.request, desk.folder / "app")
    assert not desk.engine.built


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"script": Path("missing.py")}, "scoring script not found"),
        ({"models": (Path("nothing.pkl"),)}, "model not found"),
        ({"source": Path("/usr")}, "is not in the source directory"),
    ],
)
def test_mistakes_are_found_before_anything_is_built(
    desk: Desk, change: dict[str, object], said: str
) -> None:
    with pytest.raises(SpecError, match=said):
        desk.build(replace(desk.request, **change))  # type: ignore[arg-type]  # one field of each
    assert not desk.engine.built

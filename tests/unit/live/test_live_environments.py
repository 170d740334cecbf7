"""Images on foundations of the user's, on an engine in memory; nothing is resolved."""

from pathlib import Path

import pytest

from tests.fakes import FakeEngine
from tests.project import Tree, write_tree
from toolkit.errors import SpecError
from toolkit.live.image import ImageRequest, build_image, write_context
from toolkit.live.preview import preview
from toolkit.plans.model import ImageKind
from toolkit.settings import Settings

DOCKERFILE: Tree = {
    "Dockerfile": "FROM mcr/base:1\nCOPY a /a\n",
    "a": "1",
    "asset.yml": "name: plain\nimage: mcr/base:1\n",
}


class Desk:
    def __init__(self, folder: Path) -> None:
        write_tree(folder, DOCKERFILE)
        self.folder = folder
        self.settings = Settings(
            project=folder, images={"mcr/*": "local"}, environ={"HOME": str(folder)}
        )
        self.engine = FakeEngine(known=["local"])
        self.said: list[str] = []

    def request(self, env: str, *, kind: ImageKind | None = None) -> ImageRequest:
        return ImageRequest(env=str(self.folder / env), kind=kind)

    def build(self, env: str, *, kind: ImageKind | None = None) -> tuple[str, bool]:
        image = build_image(
            self.request(env, kind=kind),
            self.settings,
            self.engine,
            say=self.said.append,
            on_event=lambda _: None,
        )
        return image.tag, image.built


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "iris")


def test_an_image_stands_in_and_that_is_said(desk: Desk) -> None:
    tag, built = desk.build("asset.yml")
    assert tag.startswith("aml-emu/plain:")
    assert built
    assert desk.said == ["`local` stands in for `mcr/base:1`"]


def test_the_users_dockerfile_is_an_image_of_its_own_below_ours(desk: Desk) -> None:
    first = desk.build("Dockerfile")
    own, ours = (plan for plan, _ in desk.engine.built)
    assert own.name == "iris-own"
    assert own.base == "local"
    assert [str(file.path) for file in own.context] == ["a", "asset.yml"]
    assert ours.base.startswith("aml-emu/iris-own:")
    assert f"FROM {ours.base}" in ours.dockerfile
    assert desk.build("Dockerfile") == (first[0], False)
    (desk.folder / "a").write_text("2")
    assert desk.build("Dockerfile")[0] != first[0]


def test_a_base_from_the_settings_is_not_used_where_an_image_is_named(desk: Desk) -> None:
    desk.settings = Settings(project=desk.folder, base="mine", environ=desk.settings.environ)
    desk.engine = FakeEngine(known=["mcr/base:1"])
    desk.build("asset.yml")
    assert desk.said == ["the environment names its own image, so the base `mine` is not used"]


def test_dockerfile_only_writes_both_parts(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "out"
    written = write_context(desk.request("Dockerfile"), desk.settings, out, say=desk.said.append)
    assert written == out / "Dockerfile"
    assert (out / "own/Dockerfile").read_text() == "FROM local\nCOPY a /a\n"
    assert (out / "own/a").read_text() == "1"
    assert "FROM aml-emu/iris-own AS tools" in written.read_text()
    assert desk.said[-1] == (
        f"build the user's part first: docker build -t aml-emu/iris-own {out / 'own'}"
    )


def test_a_curated_environment_has_a_kind_of_its_own(desk: Desk) -> None:
    seen = preview(ImageRequest(env="lightgbm-3.3", conda="pip-only"), desk.settings)
    assert (seen.kind, seen.refused) == ("training", "")
    assert seen.prefix == "/azureml-envs/lightgbm-3.3"
    assert "distributed>=2026.1.0" in seen.installs
    assert [path.name for path in seen.files] == [
        "conda_dependencies.yaml", "curated.yml", "upgrades.txt",
    ]  # fmt: skip


def test_a_preview_says_why_nothing_would_be_built(desk: Desk) -> None:
    seen = preview(ImageRequest(env="AzureML-Minimal"), desk.settings)
    assert "too old for the debugger: `python=3.6.2`" in seen.refused
    assert "`minimal-py311-inference`" in seen.refused
    assert (seen.installed_by, seen.installs) == ("", ())


def test_a_preview_of_an_image_installs_nothing(desk: Desk) -> None:
    seen = preview(desk.request("asset.yml"), desk.settings)
    assert (seen.base, seen.prefix, seen.installs) == ("local", "", ())
    assert seen.notes == ("`local` stands in for `mcr/base:1`",)


def test_a_preview_of_a_wrong_file_is_the_files_error(desk: Desk) -> None:
    (desk.folder / "bad.yml").write_text("image: [x]\n")
    with pytest.raises(SpecError, match=r"bad\.yml:1: `image`"):
        preview(desk.request("bad.yml"), desk.settings)

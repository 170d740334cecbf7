"""`aml-emu prune` on an engine full of other people's things, which all have to survive."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import docker
import pytest

from tests.integration.private_engine import copy_image, private_engine
from tests.project import Project
from toolkit.engines.base import BuildOptions
from toolkit.engines.buildkit import BuildRequest, build_image, context_of
from toolkit.engines.docker import DockerEngine
from toolkit.plans.model import Cache, ImagePlan, LaunchPlan, PlacedFile

pytestmark = [pytest.mark.docker, pytest.mark.own_engine]

BASE = "somebody/base:1"
FOREVER = ("sleep", "infinity")
STEP = "RUN --mount=type=cache,id=aml-emu-uv,target=/var/cache/aml-emu-uv"
KEPT = "/var/cache/aml-emu-uv/x"
FILL = "head -c 3000000 /dev/urandom"


def names_of(image: dict[str, Any]) -> list[str]:
    """As the engine lists it: asking for each image would meet those that others just removed."""
    return [tag for tag in image["RepoTags"] or () if tag != "<none>:<none>"]


class Scene:
    """An engine, what we made on it, and what others did."""

    def __init__(self, address: str, folder: Path) -> None:
        self.environ = {
            "DOCKER_HOST": address,
            "HOME": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "AML_EMU_ENGINE": "docker",
        }
        self.engine = DockerEngine(self.environ)
        self.client = docker.DockerClient(base_url=address, version="auto")
        self.project = Project(folder)

    def ours(self, name: str, number: int, *further: str) -> str:
        plan = ImagePlan(
            name=name,
            base=BASE,
            dockerfile=f"FROM {BASE}\n{STEP} {FILL} | tee {KEPT} > /{name}-{number}\n",
            labels={"io.aml-emu.kind": "image", "io.aml-emu.name": name},
            tags=further,
        )
        return self.engine.build(plan, BuildOptions(), lambda _: None).tag

    def theirs(self, tag: str, dockerfile: str) -> None:
        """As `docker build` would do it."""
        file = PlacedFile(path=PurePosixPath("Dockerfile"), content=dockerfile.encode())
        build_image(
            self.client.api,
            BuildRequest(context=context_of((file,)), tags=(tag,) if tag else ()),
            on_event=lambda _: None,
        )

    def start(self, image: str, name: str, *command: str) -> Any:
        plan = LaunchPlan(
            kind="service",
            name=name,
            image=image,
            command=command,
            caches=(
                Cache(
                    name="pyc-" + image.rpartition("/")[2].replace(":", "-"),
                    target=PurePosixPath("/cache"),
                ),
            ),
            labels={"io.aml-emu.kind": "service", "io.aml-emu.name": name},
            as_host_user=False,
        )
        return self.engine.launch(plan)

    def prune(self, *flags: str) -> dict[str, Any]:
        outcome = self.project.run("prune", "--json", *flags, environ=self.environ)
        document = json.loads(outcome.assert_success().out)
        assert isinstance(document, dict)
        return document

    @property
    def tags(self) -> set[str]:
        return {tag for image in self.client.api.images() for tag in names_of(image)}

    @property
    def volumes(self) -> set[str]:
        return {str(volume.name) for volume in self.client.volumes.list()}

    @property
    def containers(self) -> set[str]:
        return {str(each.name) for each in self.client.containers.list(all=True)}

    def records(self) -> dict[str, str]:
        return {each["ID"]: each["Description"] for each in self.client.df()["BuildCache"] or ()}

    def disk(self) -> int:
        said = self.client.df()
        cache = sum(each["Size"] for each in said["BuildCache"] or () if not each["Shared"])
        volumes = sum(each["UsageData"]["Size"] for each in said["Volumes"] or ())
        layers: int = said["LayersSize"]
        return layers + int(cache) + int(volumes)

    def close(self) -> None:
        for container in self.client.containers.list(all=True):
            container.remove(force=True, v=True)
        self.client.close()
        self.engine._client.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[str]:
    with private_engine(tmp_path_factory.mktemp("engine")) as address:
        copy_image(base_image, address, name=BASE)
        yield address


@pytest.fixture
def scene(address: str, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(address, tmp_path)
    made.client.images.prune(filters={"dangling": True})
    yield made
    made.close()


def kinds(document: dict[str, Any]) -> set[str]:
    return {each["kind"] for each in document["removed"]}


def names(document: dict[str, Any], kind: str) -> set[str]:
    return {each["name"] for each in document["removed"] if each["kind"] == kind}


def test_old_images_ended_services_and_their_caches_go(scene: Scene) -> None:
    first, second, third = (scene.ours("iris", number) for number in (1, 2, 3))
    scene.start(first, "ended", "true").wait(20)
    scene.start(second, "running", *FOREVER)
    told = scene.prune("--dry-run")
    assert {first, second, third} <= scene.tags
    assert "aml-emu-ended" in scene.containers
    before = scene.disk()
    done = scene.prune()
    assert names(done, "container") == names(told, "container") == {"aml-emu-ended"}
    assert names(done, "image") == names(told, "image") == {first}
    assert names(done, "volume") == names(told, "volume")
    assert len(names(done, "volume")) == 1
    assert scene.tags & {first, second, third} == {second, third}
    assert scene.containers == {"aml-emu-running"}
    assert BASE in scene.tags
    assert done["freed"] == pytest.approx(before - scene.disk(), abs=100_000)
    assert done["freed"] > 2_900_000  # the layer of the first image, random bytes
    assert told["dry_run"]
    assert not done["dry_run"]


def test_nothing_of_anybody_else_is_touched(scene: Scene) -> None:
    kept = scene.ours("wine", 1, "mine/wine:1")
    plain = scene.ours("plain", 1)
    scene.theirs("other/tool:1", f"FROM {BASE}\nRUN echo tool > /tool\n")
    scene.theirs("mine/derived:1", f"FROM {plain}\nRUN echo derived > /derived\n")
    scene.theirs("aml-emu/by-hand:1", f"FROM {plain}\nRUN echo hand > /hand\n")
    scene.theirs(
        "", f"FROM {plain}\nRUN --mount=type=cache,target=/root/.cache echo x > /root/.cache/x\n"
    )
    nameless = {image["Id"] for image in scene.client.api.images() if not names_of(image)}
    scene.client.volumes.create("postgres")
    scene.client.volumes.create("aml-emu-pyc-not-ours-0123456789ab")  # without our label
    scene.client.containers.run(plain, "true", name="debug")
    scene.client.containers.run("other/tool:1", "true", name="their-job")
    theirs = {i: text for i, text in scene.records().items() if "/root/.cache" in text}
    done = scene.prune("--all")
    assert {"other/tool:1", "mine/derived:1", "aml-emu/by-hand:1", "mine/wine:1"} <= scene.tags
    assert {plain, kept} <= scene.tags  # used by a container of theirs; named by them
    assert nameless
    assert nameless <= {image["Id"] for image in scene.client.api.images()}
    assert {"postgres", "aml-emu-pyc-not-ours-0123456789ab"} <= scene.volumes
    assert {"debug", "their-job"} <= scene.containers
    assert theirs
    assert theirs.keys() <= scene.records().keys()
    assert not [
        text
        for text in scene.records().values()
        if text.startswith("cached mount /var/cache/aml-emu-")
    ]
    assert "build cache" in kinds(done)


def test_names_limit_it(scene: Scene) -> None:
    before = [scene.ours(name, number) for name in ("red", "white") for number in (1, 2)]
    done = scene.prune("red")
    assert names(done, "image") == {before[0]}
    assert kinds(done) == {"image"}
    assert set(before[1:]) <= scene.tags


def test_with_all_the_packages_kept_for_the_base_go(scene: Scene) -> None:
    folder = Path(scene.environ["XDG_CACHE_HOME"]) / "aml-emu" / "debian"
    folder.mkdir(parents=True)
    (folder / "bash.deb").write_bytes(os.urandom(5000))
    assert "folder" not in kinds(scene.prune())
    done = scene.prune("--all")
    assert names(done, "folder") == {str(folder)}
    assert not folder.exists()


def test_it_is_told_in_words(scene: Scene) -> None:
    tag = scene.ours("words", 1)
    scene.ours("words", 2)
    outcome = scene.project.run("prune", environ=scene.environ).assert_success()
    assert f"image         3.0 MB  {tag}\n" in outcome.out
    assert "aml-emu  freed " in outcome.err


def test_without_an_engine_it_says_so(scene: Scene) -> None:
    nowhere = {**scene.environ, "DOCKER_HOST": "unix:///nowhere.sock"}
    scene.project.run("prune", environ=nowhere).assert_failed(3)

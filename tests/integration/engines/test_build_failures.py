"""Builds that cannot succeed, on real engines: the message says what is missing, and where."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.integration.private_engine import private_engine
from tests.project import Project, Tree
from toolkit.engines.base import BuildOptions
from toolkit.engines.buildkit import BuildRequest, build_image, context_of
from toolkit.engines.docker import DockerEngine
from toolkit.engines.docker.connect import connect
from toolkit.engines.events import BuildEvent, StepStarted
from toolkit.errors import BuildFailed, EngineUnavailable
from toolkit.plans.model import ImagePlan, PlacedFile

pytestmark = pytest.mark.docker

MakeProject = Callable[[Tree], Project]
MakeBase = Callable[[str], str]
COMPILED = "name: {name}\ndependencies:\n  - python=3.11\n  - pip:\n      - numpy==2.3.5\n"


@pytest.fixture
def base_without(base_image: str) -> Iterator[MakeBase]:
    """`base_without("rm …")`: our base image after that command."""
    client, made = connect(os.environ), []

    def make(command: str) -> str:
        tag = f"aml-emu-test-base:{os.urandom(4).hex()}"
        text = f"FROM {base_image}\nRUN {command}\n".encode()
        file = PlacedFile(path=PurePosixPath("Dockerfile"), content=text)
        request = BuildRequest(context=context_of([file]), tags=(tag,))
        build_image(client.api, request, on_event=lambda _: None)
        made.append(tag)
        return tag

    yield make
    for tag in made:
        client.images.remove(tag, force=True)
    client.close()


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (
            "rm -f /usr/bin/python3*",
            "the base image has no Python 3.8 or newer, which fetches the packages",
        ),
        (
            "rm -f /usr/lib/*/libstdc++.so*",
            "the base image has no libstdc++.so.6, which compiled packages of this environment",
        ),
    ],
    ids=["python", "libstdc++"],
)
def test_what_the_base_lacks_is_named(
    project: MakeProject,
    base_without: MakeBase,
    fresh_name: Callable[[], str],
    command: str,
    problem: str,
) -> None:
    made = project({"env.yml": COMPILED.format(name=fresh_name()), ".aml-emu": {}})
    base = base_without(command)
    outcome = made.run(
        "build", "--env", "env.yml", "--kind", "training", "--base", base
    ).assert_failed(4)
    assert f"error: {problem}" in outcome.err
    assert "--base" in outcome.err.rpartition("hint: ")[2]
    assert "Traceback" not in outcome.err


NO_PIP = "rm -rf /usr/share/python-wheels /usr/lib/python3*/ensurepip"


@pytest.mark.parametrize("command", ["rm -f /usr/lib/*/libstdc++.so*", NO_PIP])
def test_what_the_packages_do_not_need_may_be_missing(
    project: MakeProject, base_without: MakeBase, fresh_name: Callable[[], str], command: str
) -> None:
    text = COMPILED.format(name=fresh_name()).replace("numpy==2.3.5", "six==1.17.0")
    made = project({"env.yml": text, ".aml-emu": {}})
    base = base_without(command)
    made.run("build", "--env", "env.yml", "--kind", "training", "--base", base).assert_success()


def test_two_pins_that_clash_are_named(project: MakeProject) -> None:
    text = COMPILED.format(name="x").replace("numpy==2.3.5", "numpy==1.19.5")
    made = project({"env.yml": text + "      - pandas==2.3.3\n", ".aml-emu": {}})
    outcome = made.run("build", "--env", "env.yml", "--kind", "training").assert_failed(2)
    assert (
        "error: env.yml:5: no set of versions meets these requirements: "
        "`numpy==1.19.5` and `pandas==2.3.3` (line 6)\n"
    ) in outcome.err
    assert "because" in outcome.err.lower(), "uv's explanation is the evidence"


def test_a_step_that_hits_a_full_disk_says_so(project: MakeProject, base_image: str) -> None:
    made = project({"Dockerfile": f"FROM {base_image}\nRUN cp /etc/passwd /dev/full\n"})
    outcome = made.run("build", "--env", "Dockerfile", "--kind", "training").assert_failed(4)
    assert "error: the disk of the container engine is full\n" in outcome.err
    assert "/dev/full" in outcome.err
    assert "aml-emu prune" in outcome.err.rpartition("hint: ")[2]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder whose `data` is a file system of 48 MB."""
    data = tmp_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(data)], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(data)], check=True)


@pytest.mark.own_engine
def test_an_engine_whose_disk_fills_up_in_the_middle(small_disk: Path) -> None:
    big = small_disk / "big"
    big.write_bytes(os.urandom(1 << 20) * 60)
    plan = ImagePlan(
        name="aml-emu-test-full",
        base="scratch",
        dockerfile="FROM scratch\nCOPY big /\n",
        context=(PlacedFile(path=PurePosixPath("big"), content=big),),
    )
    with private_engine(small_disk) as address:
        engine = DockerEngine({"DOCKER_HOST": address})
        with pytest.raises(BuildFailed) as caught:
            engine.build(plan, BuildOptions(), lambda _: None)
        assert caught.value.message == "the disk of the container engine is full"
        engine.check()  # it is still there


@pytest.mark.own_engine
def test_an_engine_that_stops_in_the_middle_ends_the_build(tmp_path: Path) -> None:
    """As a restart does; the next build finds the engine again."""
    plan = ImagePlan(
        name="aml-emu-test-restart",
        base="scratch",
        dockerfile='FROM scratch\nCOPY root/ /\nRUN ["/bin/sleep", "600"]\n',
        context=tuple(sleep_and_its_libraries()),
    )
    started = time.monotonic()
    with private_engine(tmp_path) as address:
        pid = int((tmp_path / "pid").read_text())

        def on_event(event: BuildEvent) -> None:
            if isinstance(event, StepStarted) and "sleep" in event.name:
                threading.Timer(0.5, os.kill, (pid, signal.SIGTERM)).start()

        with pytest.raises(EngineUnavailable) as caught:
            DockerEngine({"DOCKER_HOST": address}).build(plan, BuildOptions(), on_event)
        assert caught.value.message == "the container engine does not answer"
        assert "aml-emu doctor" in caught.value.hint
    assert time.monotonic() - started < 60


def sleep_and_its_libraries() -> Iterator[PlacedFile]:
    """The smallest image that can wait."""
    program = shutil.which("sleep") or ""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = [word for word in said.split() if word.startswith("/")]
    for source, target in ((program, "/bin/sleep"), *((path, path) for path in libraries)):
        yield PlacedFile(
            path=PurePosixPath("root") / target.lstrip("/"), content=Path(source), mode=0o755
        )

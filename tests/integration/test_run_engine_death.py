"""A Docker engine that goes away while a run is on it: told, recorded, and nothing hangs."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.integration.private_engine import copy_image, private_engine
from tests.integration.runs import Runs
from tests.integration.test_run_hardships import SLOW_PY

pytestmark = [pytest.mark.docker, pytest.mark.own_engine]


@pytest.fixture
def address(tmp_path: Path, base_image: str) -> Iterator[str]:
    """A private engine with what a run of the project needs."""
    (tmp_path / "engine").mkdir()
    usual = Runs(tmp_path / "project", f"test-{os.urandom(4).hex()}", "docker", {})
    usual.write({"slow.py": SLOW_PY})
    built = usual.project.run("build", "--env", "env.yml", "--kind", "training", *usual.flags)
    tag = built.assert_success().out.strip()
    with private_engine(tmp_path / "engine") as where:
        copy_image(base_image, where, name=base_image)
        copy_image(tag, where, name=tag)
        try:
            yield where
        finally:
            _end_containers(where)


def _end_containers(address: str) -> None:
    """What runs on after its engine was killed."""
    sockets = str(Path(address.removeprefix("unix://")).parent)
    for process in psutil.process_iter():
        try:
            ours = any(sockets in word for word in process.cmdline())
            left = [process, *process.children(recursive=True)] if ours else []
        except psutil.Error:
            continue
        for each in left:
            with suppress(psutil.NoSuchProcess):  # it ended with its parent
                if "shim" in each.name() or each.pid != process.pid:
                    each.kill()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGKILL, "the Docker engine does not answer any more"),
        (signal.SIGTERM, "somebody else stopped it, or its engine was stopped"),
    ],
)
def test_a_run_fails_with_its_engine(
    tmp_path: Path, address: str, number: signal.Signals, told: str, fresh_name: Callable[[], str]
) -> None:
    runs = Runs(tmp_path / "project", fresh_name(), "docker", {"DOCKER_HOST": address})
    process = runs.start("slow.py", "--env", "env.yml")
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n", process.communicate()
    daemon = int((tmp_path / "engine" / "pid").read_text())
    os.kill(daemon, number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 3, said
    assert f"run {runs.name} Failed: {told}" in said
    assert "Traceback" not in said
    assert (runs.folder / "outputs" / "kept.txt").read_text() == "kept"
    assert runs.shown()["status"] == "Failed"

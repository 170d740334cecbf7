"""A pipeline on a disk that becomes full: it says so, the step has failed, and nothing hangs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.test_pipeline import CHAIN, ENV, MAKE, Pipelines, document
from tests.project import Project, Tree, write_tree
from toolkit.workspace.workspace import Workspace

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk is mounted by root only")
MEGABYTES = 12
# as much as there is room for, and a little after that: the step's own error
FILLS = "dd if=/dev/zero of=${{outputs.out}}/big bs=64k 2>&1; echo filled; exit 1; cat"
SWALLOWS = "dd if=/dev/zero of=${{outputs.out}}/big bs=64k; exit 0; cat"


@pytest.fixture(params=[pytest.param("docker", marks=pytest.mark.docker), "process"])
def small(
    request: pytest.FixtureRequest, project: Callable[[Tree], Project]
) -> Iterator[Pipelines]:
    """A project whose state lies on a disk of its own; the packages of the steps do not."""
    if request.param == "docker":
        request.getfixturevalue("base_image")
    made = project({"env.yml": ENV, "src": {"make.py": MAKE}, "pipeline.yml": CHAIN})
    state = made.path / ".aml-emu"
    state.mkdir()
    size = f"size={MEGABYTES}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", state], check=True)
    try:
        yield Pipelines(made, request.param)
    finally:
        subprocess.run(["umount", "--lazy", state], check=True)


def statuses(folder: Path) -> dict[str, tuple[str, str]]:
    with Workspace.open(folder / ".aml-emu") as workspace:
        return {
            run.display_name or "": (run.status, run.error.message if run.error else "")
            for run in workspace.runs.list(top=False)
        }


@pytest.mark.parametrize("command", [FILLS, SWALLOWS])
def test_a_step_that_fills_the_disk_has_failed(small: Pipelines, command: str) -> None:
    text = CHAIN.replace("wc -l < ${{inputs.made}}/rows.txt", f"{command} ${{{{inputs.made}}}}/x")
    write_tree(small.path, {"pipeline.yml": text})
    outcome = small.run(timeout=120)
    assert outcome.exit_code in {1, 3}, outcome.err
    assert "the disk is full" in outcome.err
    assert "this is a bug" not in outcome.err
    found = statuses(small.path)
    assert found["first"] == ("Completed", "")
    assert found["second"][0] == "Failed"
    assert "the disk is full" in found["second"][1]
    assert found["pipeline"][0] == "Failed"
    for big in (small.path / ".aml-emu").rglob("big"):
        big.unlink()
    write_tree(small.path, {"pipeline.yml": CHAIN})
    assert small.states() == {"first": "reused", "second": "completed"}


def test_code_for_which_there_is_no_room(small: Pipelines) -> None:
    (small.path / "src/weights.bin").write_bytes(os.urandom((MEGABYTES + 1) << 20))
    outcome = small.run("--json", timeout=120).assert_failed(3)
    assert "the disk is full" in outcome.err
    assert document(outcome)["steps"]["first"]["state"] == "failed"
    found = statuses(small.path)
    assert found["first"][0] == found["pipeline"][0] == "Failed"

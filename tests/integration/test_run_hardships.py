"""Runs that meet with hard things: a flood of output, a full disk, namesakes, an engine's death."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fakes import wait_for
from tests.integration.engines.process_bench import processes_of
from tests.integration.runs import Runs
from toolkit.live.collect import collect
from toolkit.plans.run import LABEL_RUN

MEGABYTES = 100
FLOOD_PY = """
import sys
line = "x" * 1023 + "\\n"
for _ in range(int(sys.argv[1])):
    sys.stdout.write(line * 1024)
print("the end")
"""
SLOW_PY = """
import pathlib, time
pathlib.Path("outputs/kept.txt").write_text("kept")
print("begun", flush=True)
time.sleep(3600)
"""
FORK_PY = """
import os, subprocess, time
subprocess.Popen(["sleep", "3600"], start_new_session=True)
if os.fork() == 0:
    time.sleep(3600)
print("gone", flush=True)
"""
FILL_PY = """
import pathlib, sys
print("begun", flush=True)
pathlib.Path("outputs/first.txt").write_text("first")
with open("outputs/big", "wb", buffering=0) as big:
    try:
        while True:
            big.write(bytes(4096))
    except OSError as error:
        if "--raise" in sys.argv:
            raise
"""


def spent(runs: Runs, megabytes: int, output: Path) -> tuple[float, int]:
    """Seconds, and the most memory the command had, in KB; it writes to a file."""
    began = time.monotonic()
    words = [*runs.words("flood.py", "--env", "env.yml"), "--", str(megabytes)]
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "toolkit.cli", *words],
            cwd=runs.project.path,
            env={**os.environ, **runs.environ, "NO_COLOR": "1"},
            stdout=file,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return time.monotonic() - began, usage.ru_maxrss


def test_a_flood_of_output_takes_no_memory_and_loses_nothing(runs: Runs, tmp_path: Path) -> None:
    runs.write({"flood.py": FLOOD_PY})
    name = runs.name
    _, usual = spent(runs, 0, tmp_path / "little")
    runs.name = f"{name}-flood"
    seconds, most = spent(runs, MEGABYTES, tmp_path / "much")
    assert (tmp_path / "much").stat().st_size == MEGABYTES * 2**20 + len("the end\n")
    with (tmp_path / "much").open("rb") as much:
        much.seek(-18, os.SEEK_END)
        assert much.read() == b"xxxxxxxxx\nthe end\n"
    assert most < usual + 20_000
    assert seconds < 60
    log = runs.project.run("runs", "logs", runs.name, environ=runs.environ).assert_success().out
    assert "x\nthe end\n" in log[-2000:]


def test_a_script_that_forks_and_exits_ends_its_run(runs: Runs) -> None:
    runs.write({"fork.py": FORK_PY})
    began = time.monotonic()
    assert runs.run("fork.py", "--env", "env.yml").assert_success().out == "gone\n"
    assert time.monotonic() - began < 60
    assert runs.shown()["status"] == "Completed"
    assert not runs.engine.find({LABEL_RUN: runs.name})


def test_of_two_runs_with_one_name_one_runs(runs: Runs) -> None:
    runs.write({"slow.py": SLOW_PY})
    words = ("slow.py", "--env", "env.yml")
    two = [runs.start(*words), runs.start(*words)]
    try:
        assert wait_for(lambda: any(each.poll() is not None for each in two), timeout=60)
        loser, winner = sorted(two, key=lambda each: each.poll() is None)
        assert loser.communicate()[1].startswith(f"error: a run of that name exists: `{runs.name}`")
        assert loser.returncode == 6
        assert winner.stdout is not None
        assert winner.stdout.readline() == "begun\n"
        third = runs.run(*words)
        assert runs.name in third.assert_failed(6).err
        assert runs.shown()["status"] == "Running"
    finally:
        for each in two:
            if each.poll() is None:
                os.killpg(each.pid, signal.SIGINT)
            each.communicate(timeout=30)
    assert runs.shown()["status"] == "Canceled"


def test_ctrl_c_in_the_first_moment_of_a_run_is_heard(runs: Runs) -> None:
    runs.write({"slow.py": SLOW_PY})
    runs.run("slow.py", "--env", "env.yml", "--detach").assert_success()  # its image is there now
    runs.project.run("runs", "cancel", runs.name, environ=runs.environ).assert_success()
    runs.name = f"{runs.name}-again"
    process = runs.start("slow.py", "--env", "env.yml")
    assert process.stderr is not None
    assert any(line.startswith(f"aml-emu  run {runs.name}") for line in process.stderr)
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert time.monotonic() - began < 2.5
    assert runs.shown()["status"] == "Canceled"
    assert not runs.engine.find({LABEL_RUN: runs.name})


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of that size in this folder."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted: that takes root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("words", [(), ("--", "--raise")])
def test_a_disk_that_gets_full_fails_the_run_and_keeps_its_logs(
    runs: Runs, words: tuple[str, ...]
) -> None:
    runs.write({"fill.py": FILL_PY})
    state = runs.project.path / ".aml-emu"
    with small_disk(state, "4m"):
        outcome = runs.run("fill.py", "--env", "env.yml", at_end=words)
        told = f"run {runs.name} Failed: the disk is full, free some space for {state}"
        assert f"error: {told}\n" in outcome.assert_failed(3).err
        assert outcome.out.startswith("begun\n")
        assert (runs.folder / "outputs" / "first.txt").read_text() == "first"
        assert "begun" in (runs.folder / "azureml-logs" / "70_driver_log.txt").read_text()
        (runs.folder / "outputs" / "big").unlink()
        shown = runs.shown()
        assert shown["status"] == "Failed"
        assert shown["error"] == {"code": "DiskFull", "message": told.partition(": ")[2]}
        assert not runs.engine.find({LABEL_RUN: runs.name})


def test_code_that_does_not_fit_on_the_disk_fails_the_run(runs: Runs) -> None:
    runs.write({"fill.py": FILL_PY, "big.bin": bytes(6 << 20)})
    state = runs.project.path / ".aml-emu"
    with small_disk(state, "4m"):
        outcome = runs.run("fill.py", "--env", "env.yml").assert_failed(3)
        assert f"error: the disk is full, free some space for {state}\n" in outcome.err
        (runs.folder / "code" / "big.bin").unlink()
        assert runs.shown()["status"] == "Failed"


def test_what_does_not_fit_is_left_where_it_was_and_never_in_halves(tmp_path: Path) -> None:
    code, small = tmp_path / "code", tmp_path / "small"
    (code / "outputs" / "deep").mkdir(parents=True)
    (code / "outputs" / "a").write_text("a")
    (code / "outputs" / "deep" / "b").write_text("b")
    (code / "outputs" / "deep" / "big").write_bytes(bytes(200_000))
    (code / "outputs" / "z").write_text("z")
    with small_disk(small, "64k"):
        (small / "outputs").mkdir()
        problem = collect(code, small, {"outputs": "outputs"})
        assert problem == "while collecting outputs: the disk is full: outputs/deep"
        assert (small / "outputs" / "z").read_text() == "z"
        assert (small / "outputs" / "deep" / "b").read_text() == "b"
        assert not (small / "outputs" / "deep" / "big").exists()
        assert (code / "outputs" / "deep" / "big").stat().st_size == 200_000


@pytest.mark.parametrize("runs", ["bwrap", "plain"], indirect=True)
def test_the_death_of_what_keeps_a_process_fails_the_run(runs: Runs) -> None:
    runs.write({"slow.py": SLOW_PY})
    process = runs.start("slow.py", "--env", "env.yml")
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n", process.communicate()
    (handle,) = runs.engine.find({LABEL_RUN: runs.name})
    keeper, *others = processes_of(handle)
    keeper.kill()
    said = process.communicate(timeout=20)[1]
    assert process.returncode == 3, said
    assert f"run {runs.name} Failed: what it ran in was killed: exit code 137" in said
    assert runs.shown()["status"] == "Failed"
    assert (runs.folder / "outputs" / "kept.txt").exists()
    assert wait_for(lambda: not any(each.is_running() for each in others))

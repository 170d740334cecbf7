"""Runs in a series of the process engine: what they see, how they end, what is left of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil
import pytest

from tests.integration.engines.process_bench import (
    ProcessBench,
    alive,
    described,
    needs,
    said,
    soon,
)
from toolkit.engines.automatic import AutomaticEngine
from toolkit.engines.base import EngineInfo, Handle, Serial
from toolkit.engines.process import ProcessEngine
from toolkit.engines.process.nursery import NurseryHandle
from toolkit.errors import EngineUnavailable, NotReady
from toolkit.plans.model import Mount, Port

LAUNCH = """
import json, os, sys
from pathlib import Path
from toolkit.engines.process import ProcessEngine
from toolkit.plans.model import LaunchPlan
told = json.loads(sys.argv[2])
told["command"] = tuple(told["command"])
engine = ProcessEngine(os.environ, cache=Path(sys.argv[1]))
with engine.series():
    engine.launch(LaunchPlan(kind="run", **told))
    print("launched", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c") / "c"


@pytest.fixture
def bench(request: pytest.FixtureRequest, cache: Path) -> ProcessBench:
    needs("unshare", request)
    return ProcessBench(cache, "unshare")


@pytest.fixture
def engine(bench: ProcessBench) -> Iterator[ProcessEngine]:
    made = bench.engine
    with made.series():
        yield made


def run(engine: ProcessEngine, bench: ProcessBench, line: str, **fields: object) -> Handle:
    handle = engine.launch(bench.plan("sh", "-c", line, **fields))
    assert isinstance(handle, NurseryHandle)
    return handle


def test_output_and_exit_code(engine: ProcessEngine, bench: ProcessBench) -> None:
    handle = run(engine, bench, "echo out; echo err >&2; exit 7")
    assert b"".join(handle.logs(follow=True)) == b"out\nerr\n"
    assert handle.wait(10).exit_code == 7
    assert handle.state().status == "exited"


def test_a_killed_command_counts_as_in_a_shell(engine: ProcessEngine, bench: ProcessBench) -> None:
    assert run(engine, bench, "sh -c 'kill -9 $$'; exit $?").wait(10).exit_code == 137


def test_mounts_variables_and_folder(
    engine: ProcessEngine, bench: ProcessBench, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/x").write_text("given")
    (tmp_path / "out").mkdir()
    handle = run(
        engine,
        bench,
        "pwd; echo $NAME; cat /data/in/x; touch /data/in/y || echo refused; cp /data/in/x .",
        env={"NAME": "value"},
        working_dir=PurePosixPath("/data/out"),
        mounts=(
            Mount(source=tmp_path / "in", target=PurePosixPath("/data/in"), read_only=True),
            Mount(source=tmp_path / "out", target=PurePosixPath("/data/out")),
        ),
    )
    text = b"".join(handle.logs(follow=True)).decode()
    assert text.startswith("/data/out\nvalue\ngiven")
    assert "refused" in text
    assert (tmp_path / "out/x").read_text() == "given"


def test_runs_do_not_see_each_other(engine: ProcessEngine, bench: ProcessBench) -> None:
    first = run(engine, bench, "touch /tmp/left /root/left; sleep 600")
    second = run(engine, bench, "ls /tmp /root; ps -e 2>/dev/null | wc -l; ls -d /proc/[0-9]*")
    text = b"".join(second.logs(follow=True)).decode()
    assert "left" not in text
    assert "/proc/1\n" in text
    first.stop(grace=0)


def test_many_at_once(engine: ProcessEngine, bench: ProcessBench) -> None:
    handles = [run(engine, bench, f"echo {number}; exit {number}") for number in range(20)]
    assert [handle.wait(20).exit_code for handle in handles] == list(range(20))


def test_standard_input_is_the_leash(engine: ProcessEngine, bench: ProcessBench) -> None:
    handle = run(engine, bench, "cat; echo let go")
    handle.stop(grace=10)
    assert said(handle) == "let go\n"
    assert handle.state().exit_code == 0


def test_what_does_not_listen_is_killed(engine: ProcessEngine, bench: ProcessBench) -> None:
    handle = run(engine, bench, "trap '' TERM; sleep 600 & echo $!; wait")
    assert soon(lambda: said(handle))
    handle.stop(grace=0.1)
    assert handle.state().exit_code == 137
    assert not [p for p in psutil.Process().children(recursive=True) if "600" in p.cmdline()]


def test_the_end_of_the_series_is_the_end_of_all(bench: ProcessBench) -> None:
    engine = bench.engine
    with engine.series():
        handle = run(engine, bench, "sleep 600")
        below = psutil.Process().children(recursive=True)
        assert alive(below)
    assert handle.wait(10).exit_code == 137
    assert not alive(below)
    assert not list((bench.cache / "run").iterdir())


def test_a_killed_command_leaves_nothing(bench: ProcessBench) -> None:
    plan = bench.plan("sleep", "600")
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(bench.cache), described(plan)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "launched\n"
        below = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    assert soon(lambda: not alive(below))
    bench.engine.find({})  # any later command cleans up
    assert not list((bench.cache / "run").iterdir())


def test_what_needs_a_port_is_launched_as_ever(engine: ProcessEngine, bench: ProcessBench) -> None:
    plan = bench.plan("sleep", "600", ports=(Port(container=5678),), port_variables={5678: "PORT"})
    handle = engine.launch(plan)
    assert not isinstance(handle, NurseryHandle)
    handle.stop(grace=0)


def test_what_cannot_be_started(engine: ProcessEngine, bench: ProcessBench) -> None:
    with pytest.raises(EngineUnavailable, match="could not be started: No such file"):
        engine.launch(bench.plan("/no/such/program"))
    mount = Mount(source=Path("/no/such/folder"), target=PurePosixPath("/x"))
    with pytest.raises(EngineUnavailable, match="nothing to mount"):
        engine.launch(bench.plan("true", mounts=(mount,)))


def test_it_runs_no_further_commands(engine: ProcessEngine, bench: ProcessBench) -> None:
    handle = run(engine, bench, "sleep 600")
    with pytest.raises(NotReady):
        handle.exec(["true"])
    with pytest.raises(KeyError):
        handle.address(5678)
    handle.stop(grace=0)


def test_the_automatic_engine_passes_it_on(bench: ProcessBench) -> None:
    class Nobody(ProcessEngine):
        def check(self) -> EngineInfo:
            raise EngineUnavailable("nobody answers")

    engine = AutomaticEngine(Nobody({}), lambda: bench.engine)
    assert isinstance(engine, Serial)
    with engine.series():
        assert isinstance(engine.launch(bench.plan("true")), NurseryHandle)

"""Launching and building where the machine gives less than is usual, or others are in the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.engines.process_bench import ProcessBench, soon, with_lock
from tests.integration.engines.test_process_environment import command
from tests.integration.engines.test_process_ladder import FORBIDDEN, needs_forbidding
from tests.integration.served import ENV_YML, SCORE_PY
from tests.project import write_tree
from toolkit.engines.base import BuildOptions
from toolkit.engines.ports import free_port
from toolkit.engines.process import ProcessEngine
from toolkit.engines.process.sandbox import choose
from toolkit.plans.emulation import LABEL_NAME

BEST = choose(os.environ).rung
BIG = "numpy==2.3.5\nscipy==1.16.3\nscikit-learn==1.7.2\njoblib==1.5.2\nthreadpoolctl==3.6.0\n"
# What root may do although nobody allowed it, an ordinary user may not.
WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if not os.getuid() else []
NOBODY = 65534
LISTEN = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
input()
"""
LAUNCH = """
import os, sys
from pathlib import Path
from tests.integration.engines.process_bench import ProcessBench
from toolkit.errors import EmuError
bench = ProcessBench(Path(sys.argv[1]), sys.argv[2])
plan = bench.plan("sleep", "600")
with (bench.cache / "filler").open("wb") as filler:
    try:
        while True:
            os.write(filler.fileno(), bytes(4096))
    except OSError:
        pass
try:
    bench.engine.launch(plan)
except EmuError as error:
    print(f"{type(error).__name__}: {error.message}")
(bench.cache / "filler").unlink()
print([handle.name for handle in bench.engine.find({})])
"""
IN_PLAIN = """
import os, sys
from pathlib import Path
from tests.integration.engines.process_bench import PLAN
from toolkit.engines.base import BuildOptions
from toolkit.engines.process import ProcessEngine
from toolkit.plans.model import LaunchPlan
engine = ProcessEngine(os.environ, cache=Path(sys.argv[1]))
tag = engine.build(PLAN, BuildOptions(), lambda _: None).tag
handle = engine.launch(LaunchPlan(kind="run", name="forbidden", image=tag, command=("pwd",)))
print(handle.wait(30).exit_code, b"".join(handle.logs()).decode().strip())
print(engine.check().notes[0])
handle.stop(grace=0)
"""


def told(*argv: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, cwd=cwd)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ProcessBench]:
    made = ProcessBench(tmp_path / "c", BEST)
    yield made
    made.close()


def test_with_all_namespaces_forbidden_it_launches_all_the_same(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    needs_forbidding()
    cache = str(tmp_path_factory.mktemp("n"))
    done = told(*FORBIDDEN, sys.executable, "-c", IN_PLAIN, cache)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "0 /"
    assert "no containers: using plain processes (" in done.stdout


def test_a_cache_of_somebody_else_is_named(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o555)
    done = told(*WITHOUT_RIGHTS, *command(theirs / "c"))
    assert done.stderr.startswith(
        f"EngineUnavailable: the cache folder cannot be written: {theirs / 'c'}"
    ), done
    assert "XDG_CACHE_HOME" in done.stderr


@pytest.mark.parametrize("rung", [BEST, "plain"])
def test_a_cache_that_gets_full_fails_the_launch_and_leaves_nothing(
    tmp_path_factory: pytest.TempPathFactory, rung: str
) -> None:
    folder = tmp_path_factory.mktemp("f")
    mount = f'mount -t tmpfs -o size=80m tmpfs "{folder}" && exec "$@"'
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if told(*apart, "true").returncode:
        pytest.skip("no user namespaces: a small file system cannot be mounted")
    done = told(*apart, sys.executable, "-c", LAUNCH, str(folder / "c"), rung)
    assert done.stdout.splitlines() == [
        f"EngineUnavailable: the cache folder is full: {folder / 'c'}",
        "[]",
    ], done


def test_a_build_that_was_killed_is_made_again(bench: ProcessBench) -> None:
    def begun() -> bool:
        return any((bench.cache / "envs").glob(".new-*/lib/python*/site-packages/*"))

    with subprocess.Popen(
        command(bench.cache, BIG), stdout=subprocess.DEVNULL, start_new_session=True
    ) as build:
        assert soon(begun, 120)
        build.send_signal(signal.SIGKILL)
    assert [path for path in (bench.cache / "envs").glob("[!.]*") if path.is_dir()] == []
    image = bench.engine.build(with_lock(BIG), BuildOptions(), lambda _: None)
    assert image.built
    handle = bench.launch("python3", "-c", "import sklearn, scipy.linalg", image=image.tag)
    assert handle.wait(60).exit_code == 0
    bench.engine.build(with_lock("six==1.17.0\n"), BuildOptions(), lambda _: None)
    assert not list((bench.cache / "envs").glob(".new-*"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start another user's process")
def test_a_port_held_by_another_users_process_is_taken(tmp_path: Path) -> None:
    """Who may not look into the other's process says so much as can be known."""
    write_tree(tmp_path / "p", {"env.yml": ENV_YML, "score.py": SCORE_PY})
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin")
    if python is None:
        pytest.skip("no Python that another user may run")
    other = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    with subprocess.Popen(
        [*other, python, "-c", LISTEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        port = holder.stdout.readline().strip()
        serve = [sys.executable, "-m", "toolkit.cli", "serve", "score.py", "--env", "env.yml"]
        flags = ["--engine", "process", "--name", f"test-{os.urandom(4).hex()}", "--port", port]
        done = told(*WITHOUT_RIGHTS, *serve, *flags, cwd=tmp_path / "p")
        holder.kill()
    assert done.returncode == 6, done
    assert f"error: port {port} is in use by another process" in done.stderr
    assert "hint: stop it, or choose another with `--port`" in done.stderr


def test_of_two_commands_that_start_one_service_one_serves(tmp_path: Path) -> None:
    write_tree(tmp_path / "p", {"env.yml": ENV_YML, "score.py": SCORE_PY})
    name, port = f"test-{os.urandom(4).hex()}", free_port()
    uv_cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache/uv")
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "UV_CACHE_DIR": uv_cache}
    serve = [
        sys.executable, "-m", "toolkit.cli", "serve", "score.py", "--env", "env.yml",
        "--engine", "process", "--name", name, "--port", str(port), "--detach",
    ]  # fmt: skip
    both = [
        subprocess.Popen(serve, cwd=tmp_path / "p", env=environ, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in both]
    engine = ProcessEngine(environ)
    left = engine.find({LABEL_NAME: name})
    try:
        assert sorted(process.returncode for process in both) == [0, 6], errors
        (loser,) = [text for text, process in zip(errors, both, strict=True) if process.returncode]
        assert name in loser.splitlines()[-2], loser
        assert [handle.state().is_running for handle in left] == [True]
    finally:
        for handle in left:
            handle.stop(grace=0)

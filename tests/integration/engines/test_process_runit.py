"""Our own runsvdir, runsv and sv: the contract of runit, side by side with runit's own programs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.engines.process_bench import soon
from toolkit.engines.process.root import INSIDE, own_program

REAL = pytest.param("real", marks=pytest.mark.runit)
PROGRAMS = ("runsvdir", "runsv", "sv")


def program(kind: str, name: str, *arguments: str) -> list[str]:
    if kind == "real":
        return [shutil.which(name) or name, *arguments]
    return own_program(sys.executable, "runit", INSIDE.parent, name, *arguments)


@dataclass
class Tree:
    """Services in a folder under one kind of runsvdir, asked by one kind of sv."""

    folder: Path
    supervisor: str
    asked_by: str
    log: Path = field(init=False)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.log = self.folder.parent / "log"
        self.folder.mkdir()
        self.log.touch()

    def script(self, service: str, name: str, text: str) -> None:
        path = self.folder / service / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def start(self) -> None:
        # `killall` in a script would hit every tree of this machine: the scripts use their parent
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                program(self.supervisor, "runsvdir", str(self.folder)),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def sv(self, verb: str, service: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            program(self.asked_by, "sv", verb, str(self.folder / service)),
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    @property
    def said(self) -> list[str]:
        return self.log.read_text().splitlines()

    def says(self, line: str, count: int = 1) -> bool:
        return soon(lambda: self.said.count(line) >= count)

    def pid(self, service: str) -> int:
        try:
            return int((self.folder / service / "supervise/pid").read_text().strip() or 0)
        except FileNotFoundError:  # the service may say something before its supervisor does
            return 0

    def close(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGHUP)
            self.process.wait(10)


@pytest.fixture(
    params=[
        ("own", "own"),
        pytest.param(("own", "real"), marks=pytest.mark.runit),
        pytest.param(("real", "own"), marks=pytest.mark.runit),
        pytest.param(("real", "real"), marks=pytest.mark.runit),
    ],
    ids=lambda pair: f"{pair[0]} runsvdir, {pair[1]} sv",
)
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tree]:
    supervisor, asked_by = request.param
    made = Tree(tmp_path / "tree", supervisor, asked_by)
    yield made
    made.close()


SLEEPER = "echo run; exec sleep 600"


def test_a_service_is_started_and_told_of(tree: Tree) -> None:
    tree.script("one", "run", SLEEPER)
    tree.start()
    assert tree.says("run")
    assert soon(lambda: tree.pid("one"))
    told = tree.sv("status", "one")
    assert told.returncode == 0
    assert told.stdout.startswith(f"run: {tree.folder}/one: (pid {tree.pid('one')}) ")


def test_one_that_ends_is_started_again_after_finish(tree: Tree) -> None:
    tree.script("one", "run", "echo run; sleep 1.1; exit 3")
    tree.script("one", "finish", 'echo "finish $1 $2"')
    tree.start()
    assert tree.says("run", 2)
    assert tree.said[:3] == ["run", "finish 3 0", "run"]


def test_finish_is_told_the_signal(tree: Tree) -> None:
    tree.script("one", "run", SLEEPER)
    tree.script("one", "finish", 'echo "finish $1 $2"')
    tree.start()
    assert tree.says("run")
    assert soon(lambda: tree.pid("one"))
    os.kill(tree.pid("one"), signal.SIGKILL)
    assert tree.says("finish -1 9")
    assert tree.says("run", 2)


def test_restart_waits_for_the_new_process(tree: Tree) -> None:
    tree.script("one", "run", SLEEPER)
    tree.script("one", "finish", "echo finish $1 $2")
    tree.start()
    assert tree.says("run")
    assert soon(lambda: tree.pid("one"))
    before = tree.pid("one")
    told = tree.sv("restart", "one")
    assert (told.returncode, told.stdout[:8]) == (0, "ok: run:"), told.stdout
    assert tree.says("finish -1 15")
    assert tree.says("run", 2)
    assert soon(lambda: tree.pid("one") not in {0, before})


def test_down_keeps_it_down_and_up_brings_it_back(tree: Tree) -> None:
    tree.script("one", "run", SLEEPER)
    tree.start()
    assert tree.says("run")
    assert tree.sv("stop", "one").stdout.startswith("ok: down:")
    assert tree.pid("one") == 0
    assert tree.sv("status", "one").stdout.startswith("down: ")
    assert tree.sv("start", "one").stdout.startswith("ok: run:")
    assert tree.says("run", 2)


def test_down_does_not_wait(tree: Tree) -> None:
    tree.script("one", "run", "trap '' TERM; echo run; while :; do sleep 1; done")
    tree.start()
    assert tree.says("run")
    told = tree.sv("down", "one", SVWAIT="60")
    assert (told.returncode, told.stdout) == (0, "")
    assert soon(lambda: "want down" in tree.sv("status", "one").stdout)
    assert tree.sv("kill", "one").returncode == 0
    assert soon(lambda: tree.sv("status", "one").stdout.startswith("down: "))


def test_finish_can_keep_its_own_service_down(tree: Tree) -> None:
    """What the server's `finish` does while code is being edited."""
    sv = " ".join(f"'{word}'" for word in program(tree.asked_by, "sv", "down"))
    tree.script("one", "run", "echo run; exit 1")
    tree.script("one", "finish", f'{sv} "$PWD"; echo finished')
    tree.start()
    assert tree.says("finished")
    assert soon(lambda: tree.sv("status", "one").stdout.startswith("down: "))
    assert tree.said.count("run") == 1


def test_finish_can_end_the_whole_tree(tree: Tree) -> None:
    """As the server's `finish` does: the grandparent is the runsvdir, by its name too."""
    tree.script("one", "run", "sleep 0.2; exit 3")
    tree.script("two", "run", SLEEPER)
    tree.script(
        "one",
        "finish",
        """read -r status <"/proc/$PPID/stat"
        set -- ${status##*) }
        read -r name <"/proc/$2/comm"
        echo "$name"
        kill -HUP "$2\"""",
    )
    tree.start()
    assert tree.process is not None
    assert tree.says("run")
    assert soon(lambda: tree.pid("two"))
    other = tree.pid("two")
    assert tree.process.wait(10) == 111
    assert "runsvdir" in tree.said
    assert soon(lambda: not Path(f"/proc/{other}").exists())


def test_a_service_that_comes_later_is_started(tree: Tree) -> None:
    tree.script("one", "run", SLEEPER)
    tree.start()
    assert tree.says("run")
    tree.script("two", "run.new", "echo later; exec sleep 600")
    (tree.folder / "two/run.new").rename(tree.folder / "two/run")
    assert tree.says("later")


def test_what_is_not_supervised_cannot_be_asked(tree: Tree) -> None:
    tree.script("one", "run", SLEEPER)
    told = tree.sv("status", "one")
    assert told.returncode != 0
    assert told.stdout.startswith(("fail: ", "warning: "))


def test_a_script_that_cannot_be_run_is_told_of(tree: Tree) -> None:
    tree.script("one", "run", SLEEPER)
    (tree.folder / "one/run").chmod(0o644)
    tree.start()
    assert soon(lambda: any("run" in line for line in tree.said))
    assert tree.process is not None
    assert tree.process.poll() is None


@pytest.mark.parametrize("finishes", [False, True])
def test_a_service_that_dies_at_once_does_not_spin(tree: Tree, *, finishes: bool) -> None:
    tree.script("one", "run", "echo run; exit 1")
    if finishes:
        tree.script("one", "finish", "exit 0")
    tree.start()
    assert tree.says("run", 2)
    assert tree.said.count("run") <= 3

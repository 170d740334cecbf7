"""Reloads: the new code is served when it works, the old code goes on when it does not."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.integration.runtime.conftest import MakeTree
from tests.integration.runtime.service_tree import SCORE, ServiceTree, wait_until

pytestmark = pytest.mark.runit

MODES = ["restart", "fork", "swap"]

WITH_HELPER = """\
import json
from helper import Model, scale

model = None

def init():
    global model
    model = Model(2)

def run(data):
    x = json.loads(data)["x"]
    return {
        "y": scale(model.predict(x)),
        "version": 1,
        "made": id(model),
        "is_model": isinstance(model, Model),
    }
"""

HELPER = """\
def scale(y):
    return y * 10

class Model:
    def __init__(self, weight):
        self.weight = weight

    def predict(self, x):
        return x * self.weight
"""


@pytest.mark.parametrize("mode", MODES)
def test_new_code_is_served_and_broken_code_is_not(make_tree: MakeTree, mode: str) -> None:
    tree = make_tree(AML_EMU_RELOAD=mode, AML_EMU_INIT_TIMEOUT="1.5")
    tree.start()
    tree.edit("score.py", ('"version": 1', '"version": 2'))
    reloaded = tree.reload()
    assert (reloaded["ok"], reloaded["mode"]) == (True, mode)
    assert tree.score(1) == {"y": 2, "version": 2}

    good = (tree.app / "score.py").read_text()
    broken = {
        "compile": good.replace('"version": 2', '"version": )'),
        "import": "import not_there\n" + good,
        "init": good.replace("    global model\n", "    global model\n    model = 1 / 0\n"),
        "timeout": good.replace("    global model\n", "    global model\n    while True: pass\n"),
    }
    if mode == "restart":  # each costs a boot; one that fails is as good as another
        del broken["import"], broken["timeout"]
    for stage, text in broken.items():
        tree.write("score.py", text)
        failed = tree.reload()
        assert (failed["ok"], failed["stage"]) == (False, stage), failed
        assert "score.py" in failed["traceback"]
        assert "site-packages" not in failed["traceback"]
        if mode != "restart" or stage == "compile":
            assert tree.score(1) == {"y": 2, "version": 2}

    tree.write("score.py", good.replace('"version": 2', '"version": 3'))
    assert tree.reload()["ok"]
    assert tree.score(1) == {"y": 2, "version": 3}
    assert not tree.has_ended()


def test_server_that_dies_at_boot_stays_down_until_a_reload_that_works(
    make_tree: MakeTree,
) -> None:
    tree = make_tree(AML_EMU_RELOAD="fork")
    tree.start()
    tree.edit("score.py", ("    global model", "    raise ValueError(1)"))
    failed = tree.reload(mode="restart")
    assert (failed["ok"], failed["stage"]) == (False, "init")
    wait_until(lambda: "stays down" in tree.log_text(), "the finish script gave up")
    assert not tree.is_healthy()
    assert tree.reload()["stage"] == "init"
    tree.write("score.py", SCORE)
    repaired = tree.reload()
    assert (repaired["ok"], repaired["mode"]) == (True, "restart")
    assert tree.score(1)["y"] == 2
    assert not tree.has_ended()


def test_first_boot_that_fails_ends_the_container(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_RELOAD="fork")
    tree.write("score.py", SCORE.replace("    global model", "    raise ValueError(1)"))
    tree.start(ready=False)
    wait_until(tree.has_ended, "runsvdir ended")
    assert "Exit code 3 is not normal. Killing image." in tree.log_text()


def test_helper_modules_and_kept_objects_in_swap(make_tree: MakeTree) -> None:
    """Objects live on until `init()`, or what it uses, changes; their class is the new one."""
    tree = make_tree(AML_EMU_RELOAD="swap")
    tree.write("score.py", WITH_HELPER)
    tree.write("helper.py", HELPER)
    tree.start()
    first = tree.score(1)
    assert first["y"] == 20

    tree.edit("helper.py", ("y * 10", "y * 100"))
    reloaded = tree.reload("helper.py")
    assert reloaded["said"] == "kept the objects init() made"
    second = tree.score(1)
    assert (second["y"], second["made"], second["is_model"]) == (200, first["made"], True)

    tree.edit("helper.py", ("x * self.weight", "x * self.weight + 1"))
    assert tree.reload("helper.py")["said"].startswith("init() ran again")
    third = tree.score(1)
    assert (third["y"], third["is_model"]) == (300, True)
    assert third["made"] != first["made"]

    tree.write("helper.py", "def scale(y):\n    return y\n")
    failed = tree.reload("helper.py")
    assert (failed["ok"], failed["stage"]) == (False, "import")
    assert tree.score(1) == third

    (tree.app / "helper.py").unlink()
    failed = tree.reload("helper.py")
    assert (failed["ok"], failed["stage"]) == (False, "import")
    assert tree.score(1) == third

    # Two saves of equal size within a second: the clock of cached bytecode cannot tell them.
    for factor in ("20", "30", "40"):
        tree.write("helper.py", HELPER.replace("10", factor))
        assert tree.reload("helper.py")["ok"]
        assert tree.score(1)["y"] == 2 * int(factor)
    assert list(tree.app.rglob("__pycache__")) == []


@pytest.mark.parametrize("mode", ["fork", "swap"])
def test_script_that_is_gone_or_unreadable(make_tree: MakeTree, mode: str) -> None:
    tree = make_tree(AML_EMU_RELOAD=mode)
    tree.start()
    (tree.app / "score.py").unlink()
    failed = tree.reload()
    assert (failed["ok"], failed["stage"]) == (False, "compile")
    assert "FileNotFoundError" in failed["traceback"]
    (tree.app / "score.py").mkdir()
    assert not tree.reload()["ok"]
    assert tree.score(1)["version"] == 1
    (tree.app / "score.py").rmdir()
    tree.write("score.py", SCORE.replace('"version": 1', '"version": 2'))
    assert tree.reload()["ok"]
    assert tree.score(1)["version"] == 2


@contextmanager
def light_load(tree: ServiceTree) -> Iterator[list[str]]:
    """Requests one after the other from two threads; the list takes what went wrong."""
    over = threading.Event()
    wrong: list[str] = []

    def ask() -> None:
        while not over.wait(0.02):
            try:
                status, text = tree.call("POST", "/score", '{"x": 1}', timeout=10)
            except OSError as error:
                wrong.append(repr(error))
            else:
                if status != 200:
                    wrong.append(text)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield wrong
    finally:
        over.set()
        for thread in threads:
            thread.join(20)


@pytest.mark.parametrize(("mode", "debug"), [("fork", ""), ("swap", ""), ("fork", "1")])
def test_no_request_is_dropped_over_ten_reloads(make_tree: MakeTree, mode: str, debug: str) -> None:
    tree = make_tree(AML_EMU_RELOAD=mode, AML_EMU_DEBUG=debug)
    tree.start()
    with light_load(tree) as wrong:
        for version in range(2, 12):
            tree.edit("score.py", (f'"version": {version - 1}', f'"version": {version}'))
            assert tree.reload()["ok"]
            assert tree.score(1)["version"] == version
    assert wrong == []


@pytest.mark.parametrize("mode", MODES)
def test_reload_while_a_request_stands_at_a_breakpoint(make_tree: MakeTree, mode: str) -> None:
    """It finishes on the old code when it is let go; new requests go to the new code at once."""
    tree = make_tree(AML_EMU_RELOAD=mode, AML_EMU_DEBUG="1")
    tree.start()
    with tree.debug() as session:
        worker = session.wait_for_worker()
        session.set_breakpoints(tree.app / "score.py", [12])
        paused = tree.score_later(1)
        stop = session.wait_for_stop()
        session.set_breakpoints(tree.app / "score.py", [])
        tree.edit("score.py", ('"version": 1', '"version": 2'))
        assert tree.reload()["ok"]
        assert tree.score(1)["version"] == 2
        if mode == "restart":
            with pytest.raises(OSError):  # noqa: PT011  # reset or closed: either is a cut connection
                paused.result()
            return
        assert not paused.done
        if mode == "fork":
            session.wait_for_worker(other_than=worker)
            tree.edit("score.py", ('"version": 2', '"version": 3'))
            assert tree.reload()["ok"]
            assert tree.score(1)["version"] == 3
        assert session.locals(stop)["y"] == "2"
        session.continue_(stop)
        assert paused.json()["version"] == 1


@pytest.mark.parametrize("mode", ["fork", "swap"])
def test_two_workers_are_both_reloaded(make_tree: MakeTree, mode: str) -> None:
    tree = make_tree(AML_EMU_RELOAD=mode, WORKER_COUNT="2")
    tree.start()
    wait_until(lambda: len(tree.ready_workers()) == 2, "both workers are ready")
    tree.edit("score.py", ('"version": 1', '"version": 2'))
    assert tree.reload()["ok"]
    assert {tree.score(1)["version"] for _ in range(20)} == {2}
    tree.edit("score.py", ("    global model", "    raise ValueError(1)"))
    assert tree.reload()["stage"] == "init"
    assert {tree.score(1)["version"] for _ in range(20)} == {2}
    assert len(tree.ready_workers()) == 2


def test_requests_that_arrive_during_a_reload_become_one(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_RELOAD="fork")
    tree.start()
    tree.edit(
        "score.py", ("    global model", "    global model\n    import time; time.sleep(0.5)")
    )
    running = tree.reload_later()
    wait_until(lambda: tree.status()["reloading"], "the first reload runs")
    tree.edit("score.py", ("time.sleep(0.5)", "pass"), ('"version": 1', '"version": 2'))
    answers = [later.answer() for later in [tree.reload_later() for _ in range(5)]]
    assert running.answer()["ok"]
    assert all(answer["ok"] for answer in answers)
    assert tree.status()["generation"] == 3
    assert tree.score(1)["version"] == 2


def test_preloads_what_is_safe_and_names_what_is_not(make_tree: MakeTree) -> None:
    libraries = make_tree().folder / "libraries"
    libraries.mkdir()
    (libraries / "harmless.py").write_text("A = 1\n")
    (libraries / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    )
    (libraries / "failing.py").write_text("raise RuntimeError('no licence')\n")
    (libraries / "crashing.py").write_text("import os, signal; os.kill(os.getpid(), 11)\n")
    tree = make_tree(AML_EMU_RELOAD="fork", PYTHONPATH=str(libraries))
    tree.write("helper.py", "import harmless\n")
    tree.write(
        "score.py",
        "import sys\nimport helper\nimport threaded\n"
        "def never():\n    import failing, crashing\n" + SCORE,
    )
    tree.edit("score.py", ('"version": 1', '"version": "debugpy" in sys.modules'))
    tree.start()
    wait_until(lambda: tree.status()["preloaded"], "the master has preloaded")
    status = tree.status()
    assert {"harmless", "json"} <= set(status["preloaded"])
    assert "helper" not in status["preloaded"]
    assert set(status["left_out"]) == {"threaded", "failing", "crashing"}
    assert "starts threads" in status["left_out"]["threaded"]
    assert "no licence" in status["left_out"]["failing"]
    assert "ends the interpreter" in status["left_out"]["crashing"]
    assert tree.reload()["ok"]
    # Nobody asked for a debugger, so nothing of it was imported.
    assert tree.score(1) == {"y": 2, "version": False}


def test_preloads_what_init_imported_unseen(make_tree: MakeTree) -> None:
    """As a pickled model does: its library is named nowhere in the text."""
    libraries = make_tree().folder / "site-packages"
    libraries.mkdir()
    (libraries / "pickled_for.py").write_text("A = 1\n")
    tree = make_tree(AML_EMU_RELOAD="fork", PYTHONPATH=str(libraries))
    hidden = "import importlib\n" + SCORE
    tree.write("score.py", hidden)
    tree.edit(
        "score.py",
        ("def init():\n", "def init():\n    importlib.import_module('pickled' + '_for')\n"),
    )
    tree.start()
    wait_until(lambda: "pickled_for" in tree.status()["preloaded"], "what init() brought")
    assert tree.reload()["ok"]
    assert "pickled_for" in tree.status()["preloaded"]


def test_next_start_preloads_before_its_first_worker(make_tree: MakeTree) -> None:
    cache = make_tree().folder / "cache"

    def start() -> ServiceTree:
        tree = make_tree(AML_EMU_RELOAD="fork", PYTHONPYCACHEPREFIX=str(cache))
        note = "import sys\nHAD = 'colorsys' in sys.modules\nimport colorsys\n"
        tree.write("score.py", note + SCORE.replace('"version": 1', '"version": HAD'))
        tree.start()
        return tree

    first = start()
    assert first.score(1)["version"] is False
    wait_until(lambda: "colorsys" in first.status()["preloaded"], "the master has preloaded")
    wait_until(lambda: list(cache.glob("aml-emu-preload/*.json")), "it is remembered")
    first.stop()
    second = start()
    assert second.score(1)["version"] is True
    assert "colorsys" in second.status()["preloaded"]
    second.edit("score.py", ("import colorsys", "import wave, colorsys"))
    assert second.reload()["ok"]
    wait_until(lambda: "wave" in second.status()["preloaded"], "what is new is tried")


def test_what_comes_after_a_change_of_the_environment_is_left_to_the_worker(
    make_tree: MakeTree,
) -> None:
    tree = make_tree(AML_EMU_RELOAD="fork")
    tree.write("score.py", "import os\nos.environ['A_SWITCH'] = 'on'\nimport colorsys\n" + SCORE)
    tree.start()
    wait_until(lambda: tree.status()["preloaded"], "the master has preloaded")
    status = tree.status()
    assert "colorsys" not in status["preloaded"]
    assert status["left_out"]["colorsys"] == "is imported after your code changes os.environ"
    assert "not preloaded: colorsys" in tree.log_text()


def test_control_port_refuses_strangers_and_tells_lines(make_tree: MakeTree) -> None:
    tree = make_tree(AML_EMU_RELOAD="fork")
    tree.start()
    assert tree.ask("ping", token="another")["ok"] is False
    assert tree.ask("ping", token="")["ok"] is False
    assert "none of" in tree.ask("explode")["error"]
    assert tree.ask("reload", mode="teleport")["ok"] is False
    lines = tree.ask("lines", file=str(tree.app / "score.py"))
    assert lines["lines"] == [1, 3, 5, 7, 9, 10, 11, 12]
    assert set(lines["loaded_sha256"].values()) == {lines["sha256"]}
    assert tree.ask("lines", file="/not/there.py")["exists"] is False

    # What the server reads only when it starts takes a restart.
    tree.write("config.json", '{"SERVICE_NAME": "renamed"}')
    reloaded = tree.reload("config.json")
    assert (reloaded["ok"], reloaded["mode"]) == (True, "restart")

"""Several processes in one workspace, one of them killed in the middle of writing."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from toolkit.workspace.model import NewRun
from toolkit.workspace.workspace import Workspace

WRITER = """
import sys
from pathlib import Path
from toolkit.workspace.model import Metric, NewAsset, NewRun
from toolkit.workspace.workspace import Workspace

state, worker, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Workspace.open(state) as workspace:
    print("open", flush=True)
    for index in range(count):
        run = workspace.runs.create(NewRun(experiment="shared", definition={"x": "y" * 2000})).name
        metrics = [Metric(key="m", value=i, step=i, timestamp=i) for i in range(9)]
        workspace.metrics.log(run, metrics)
        workspace.runs.tag("common", {f"{worker}-{index}": "x"})
        workspace.experiments.get_or_create(f"experiment {index}")
        asset = NewAsset(kind="model", name="m", path=Path(sys.argv[4]), copied=True)
        workspace.assets.register(asset)
        print(run, flush=True)
"""


def writer(state: Path, worker: str, count: int, model: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(state), worker, str(count), str(model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def a_model(folder: Path) -> Path:
    path = folder / "model.bin"
    path.write_bytes(b"x" * 100_000)
    return path


def test_several_processes_begin_and_write_at_once(tmp_path: Path) -> None:
    state, model = tmp_path / ".aml-emu", a_model(tmp_path)
    waiting = state / "runs" / "common"  # made by whoever is first, so that nobody has a start
    with Workspace.open(state) as workspace:
        workspace.runs.create(NewRun(experiment="a", name="common"))
    assert waiting.is_dir()
    processes = [writer(state, str(number), 15, model) for number in range(4)]
    outcomes = [(*process.communicate(timeout=120), process.returncode) for process in processes]
    assert [outcome[1:] for outcome in outcomes] == [("", 0)] * 4
    with Workspace.open(state) as workspace:
        runs = workspace.runs.list(experiment="shared")
        assert sorted(run.number for run in runs) == list(range(1, 61))
        assert {run.name for run in runs} == {
            name for out, _, _ in outcomes for name in out.split()[1:]
        }
        assert all(len(workspace.metrics.history(run.name, "m")) == 9 for run in runs)
        assert len(workspace.runs.get("common").tags) == 60
        assert len(workspace.experiments.list()) == 15
        versions = [int(asset.version) for asset in workspace.assets.list("model", "m")]
        assert sorted(versions) == list(range(1, 61))


def test_a_workspace_is_made_by_several_at_once(tmp_path: Path) -> None:
    state = tmp_path / ".aml-emu"
    make = (
        "from toolkit.workspace.workspace import Workspace; from pathlib import Path; import sys; "
    )
    make += "w = Workspace.open(Path(sys.argv[1])); print(w.id)"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", make, str(state)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    said = [process.communicate(timeout=60) for process in processes]
    assert [err for _, err in said] == [""] * 6
    assert len({out for out, _ in said}) == 1


def test_after_kill_9_everything_committed_is_there_and_whole(tmp_path: Path) -> None:
    state, model = tmp_path / ".aml-emu", a_model(tmp_path)
    with Workspace.open(state) as workspace:
        workspace.runs.create(NewRun(experiment="a", name="common"))
    promised: list[str] = []
    for turn in range(5):
        with writer(state, str(turn), 10_000, model) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(3 + 2 * turn)]
            process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().split()
        assert lines[0] == "open"
        promised += lines[1:]
    with Workspace.open(state) as workspace:
        runs = {run.name: run for run in workspace.runs.list(experiment="shared")}
        assert set(promised) <= set(runs)
        assert len(runs) <= len(promised) + 5  # at most the one that each was busy with
        for name in promised:
            assert len(workspace.metrics.history(name, "m")) == 9
            assert workspace.folder_of(name).is_dir()
        for name in runs:
            assert len(workspace.metrics.history(name, "m")) in {0, 9}
        for asset in workspace.assets.list("model"):
            assert asset.path is not None
            assert asset.path.stat().st_size == 100_000
        assert {run.name for run in workspace.runs.orphans()} == {"common", *runs}

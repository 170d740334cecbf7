"""`aml-emu python` with real jobs: an experiment under a debugger, a pipeline, the rough ends."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Final

import pytest

from tests.dap import DapSession
from tests.fakes import wait_for
from tests.integration.scripts import Script
from tests.project import Project, Tree
from toolkit.workspace.workspace import Workspace

ENGINES = [pytest.param("docker", marks=pytest.mark.docker), "process"]
BEGIN: Final = """
from azureml.core import Dataset, Environment, Experiment, ScriptRunConfig, Workspace
from azureml.core.conda_dependencies import CondaDependencies

ws = Workspace.from_config()
env = Environment("tiny")
env.python.conda_dependencies = CondaDependencies.create(pip_packages=["azureml-sdk==1.15.0"])
"""
EXPERIMENT: Final = """
store = ws.get_default_datastore()
store.upload("data", "tables", overwrite=True)
table = Dataset.File.from_files((store, "tables/t.csv")).register(ws, "table")
config = ScriptRunConfig(
    "src", "train.py", arguments=[table.as_named_input("table").as_mount()], environment=env
)
run = Experiment(ws, "first").submit(config, tags={"by": "test"})
run.wait_for_completion(show_output=True)
print("METRICS", run.get_metrics())
model = run.register_model("tiny-model", "outputs/model.txt")
print("MODEL", model.id, [name for name in run.get_file_names() if name.startswith("outputs")])
"""
TRAIN: Final = """
import os
import sys

import debugpy
from azureml.core import Run

debugpy.listen(("0.0.0.0", 5678))
debugpy.wait_for_client()
run = Run.get_context()
rows = len(open(sys.argv[1]).readlines())
run.log("rows", rows)
assert run.input_datasets["table"] == sys.argv[1]
os.makedirs("outputs", exist_ok=True)
open("outputs/model.txt", "w").write("weights")
"""
LINE: Final = 11  # run.log("rows", rows)
PIPELINE: Final = """
from azureml.core.runconfig import RunConfiguration
from azureml.data import OutputFileDatasetConfig
from azureml.pipeline.core import Pipeline, PipelineData, PipelineParameter
from azureml.pipeline.steps import ParallelRunConfig, ParallelRunStep, PythonScriptStep

config = RunConfiguration()
config.environment = env
made = PipelineData("made")
counted = OutputFileDatasetConfig("counted").register_on_complete("counts")
count = PipelineParameter("count", 2)
make = PythonScriptStep(
    "make.py", name="make", arguments=[made, count], outputs=[made], params={"word": "hello"},
    runconfig=config, source_directory="steps",
)
use = PythonScriptStep(
    "use.py", name="use", arguments=[made, counted], inputs=[made], runconfig=config,
    source_directory="steps",
)
parallel = ParallelRunStep(
    "each-file",
    ParallelRunConfig(
        environment=env, entry_script="each.py", error_threshold=0, output_action="append_row",
        mini_batch_size="2", source_directory="steps",
    ),
    inputs=[made.as_dataset().as_named_input("files")],
    output=PipelineData("scores"),
)
pipeline = Pipeline(ws, [use, parallel])
assert pipeline.validate() == []
first = pipeline.submit("steps", pipeline_parameters={"count": 4})
first.wait_for_completion(show_output=True)
[used] = first.find_step_run("use")
used.get_output_data("counted").download("downloaded")
first.find_step_run("each-file")[0].get_output_data("scores").download("downloaded")
published = pipeline.publish("mine")
again = published.submit(ws, "steps", {"count": 4})
again.wait_for_completion(show_output=False)
print("REUSED", sorted(step.properties.get("azureml.isreused", "no") for step in again.get_steps()))
"""
STEPS: Tree = {
    "make.py": """
        import os
        import sys

        os.makedirs(sys.argv[1])
        for number in range(int(sys.argv[2])):
            with open(os.path.join(sys.argv[1], "%d.txt" % number), "w") as file:
                file.write(os.environ["AML_PARAMETER_word"])
        """,
    "use.py": """
        import os
        import sys

        print("files:", sorted(os.listdir(sys.argv[1])))
        with open(os.path.join(sys.argv[2], "count.txt"), "w") as file:
            file.write(str(len(os.listdir(sys.argv[1]))))
        """,
    "each.py": """
        import os

        def init():
            pass

        def run(batch):
            return [os.path.basename(path) for path in batch]
        """,
}


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    if request.param == "docker":
        request.getfixturevalue("base_image")
    return str(request.param)


@pytest.fixture
def folder(project: Callable[[Tree], Project]) -> Callable[[Tree], Project]:
    """A project of its own, whatever lies above it."""

    def make(tree: Tree) -> Project:
        made = project(tree)
        (made.path / ".aml-emu").mkdir()
        return made

    return make


def test_an_experiment_under_a_debugger(
    engine_name: str, folder: Callable[[Tree], Project]
) -> None:
    """Submitted, shown as it goes, attached to at the port it listens on, and finished."""
    here = folder(
        {
            "submit.py": BEGIN + EXPERIMENT,
            "src": {"train.py": TRAIN},
            "data": {"t.csv": "a,b\n1,2\n3,4\n"},
        }
    ).path
    with Script(here, "submit.py", engine=engine_name) as running:
        running.says("Streaming azureml-logs/60_control_log.txt")
        running.says("or any DAP client")
        [run] = running.runs()
        port = int((run.debug_address or "").rpartition(":")[2])
        where = {str(here / "src" / "train.py"): [LINE]}
        mappings = [(str(here / "src"), "/azureml-run")]
        with DapSession("127.0.0.1", port, path_mappings=mappings, breakpoints=where) as session:
            stop = session.wait_for_stop()
            assert session.locals(stop)["rows"] == "3"
            session.continue_(stop)
            running.says("The experiment completed successfully")
        running.says("METRICS {'rows': 3}")
        running.says("MODEL tiny-model:1 ['outputs/model.txt']")
        running.ends()
        assert [dict(run.tags) for run in running.runs()] == [{"by": "test"}]


def test_a_pipeline_with_data_parameters_and_reuse(
    engine_name: str, folder: Callable[[Tree], Project]
) -> None:
    here = folder({"submit.py": BEGIN + PIPELINE, "steps": STEPS})
    said = here.run("python", "--engine", engine_name, "submit.py").assert_success().out
    assert "files: ['0.txt', '1.txt', '2.txt', '3.txt']" in said
    assert "StepRun( use ) Status: Completed" in said
    assert "REUSED ['true', 'true', 'true']" in said
    downloaded = {path.name: path.read_text() for path in (here.path / "downloaded").rglob("*.txt")}
    assert downloaded["count.txt"] == "4"
    assert sorted(downloaded["parallel_run_step.txt"].split()) == [
        "0.txt",
        "1.txt",
        "2.txt",
        "3.txt",
    ]
    with Workspace.open(here.path / ".aml-emu") as workspace:
        assert workspace.assets.get("data", "counts").version == "1"


def test_a_failing_run_is_an_exception_and_its_log_is_shown(
    folder: Callable[[Tree], Project],
) -> None:
    submit = """
from azureml.exceptions import ActivityFailedException

run = Experiment(ws, "bad").submit(ScriptRunConfig("src", "bad.py", environment=env))
try:
    run.wait_for_completion(show_output=True)
except ActivityFailedException as error:
    print("FAILED", run.get_status(), "boom" in str(error))
"""
    bad = "raise ValueError('boom')\n"
    here = folder({"submit.py": BEGIN + submit, "src": {"bad.py": bad}})
    said = here.run("python", "--engine", "process", "submit.py").assert_success().out
    assert "ValueError: boom" in said
    assert "FAILED Failed True" in said


def test_ctrl_c_cancels_what_the_script_has_submitted(
    folder: Callable[[Tree], Project],
) -> None:
    submit = """
run = Experiment(ws, "long").submit(ScriptRunConfig("src", "long.py", environment=env))
print("SUBMITTED", run.id)
"""
    long = "import time\nprint('begun', flush=True)\ntime.sleep(600)\n"
    here = folder({"submit.py": BEGIN + submit, "src": {"long.py": long}}).path
    with Script(here, "submit.py", engine="process") as running:
        running.says("the script has ended; waiting for its runs")
        assert wait_for(lambda: running.runs()[0].status == "Running", timeout=120)
        running.interrupt(signal.SIGTERM)
        running.ends(130)
        assert [run.status for run in running.runs()] == ["Canceled"]


def test_the_script_cancels_its_runs_and_a_failed_step_ends_the_rest(
    folder: Callable[[Tree], Project],
) -> None:
    submit = """
import time

from azureml.core.runconfig import RunConfiguration
from azureml.exceptions import ActivityFailedException
from azureml.pipeline.core import Pipeline, StepSequence
from azureml.pipeline.steps import PythonScriptStep

config = RunConfiguration()
config.environment = env
early = Experiment(ws, "e").submit(ScriptRunConfig("src", "long.py", environment=env))
early.cancel()
print("EARLY", early.wait_for_completion(raise_on_error=False)["status"])
steps = [
    PythonScriptStep(name, source_directory="src", runconfig=config)
    for name in ("bad.py", "long.py")
]
failing = Pipeline(ws, StepSequence(steps)).submit("e")
try:
    failing.wait_for_completion(show_output=False)
except ActivityFailedException as error:
    print("FAILED", error, [step.name for step in failing.get_steps()])
long = Pipeline(ws, steps[1], resolve_closure=False)
steps[1]._after.clear()
going = long.submit("e")
while not [step for step in going.get_steps() if step.get_status() == "Running"]:
    time.sleep(0.1)
going.cancel()
print("PIPELINE", going.wait_for_completion(show_output=False))
"""
    sources: Tree = {"bad.py": "raise SystemExit(3)\n", "long.py": "import time\ntime.sleep(600)\n"}
    here = folder({"submit.py": BEGIN + submit, "src": sources})
    said = here.run("python", "--engine", "process", "submit.py").assert_success().out
    assert "EARLY Canceled" in said
    assert "FAILED 1 of 2 steps failed: bad.py ['bad.py']" in said
    assert "PIPELINE Canceled" in said

"""The guide's second part, with its own lines: train.py as a step that waits for a debugger."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from tests.dap import DapSession
from tests.integration.guide import block, launch_configuration, needs_guide
from tests.integration.scripts import Script
from tests.project import Project, Tree

pytestmark = needs_guide

# what the guide takes for granted
BEFORE: Final = """
from azureml.core import Experiment, Workspace
from azureml.core.compute import AmlCompute, ComputeTarget
from azureml.pipeline.core import Pipeline
from azureml.pipeline.steps import PythonScriptStep

ws = Workspace.from_config()
aml_compute = ComputeTarget.create(ws, "cluster", AmlCompute.provisioning_configuration("D2"))
source_directory = "step1"
"""
AFTER: Final = """
run = Experiment(ws, "guide").submit(Pipeline(ws, steps=[step1]))
run.wait_for_completion(show_output=True)
print("STEPS", [(step.name, step.get_status()) for step in run.get_steps()])
"""
CLIENT: Final = "127.0.0.1"
ENGINES = [pytest.param("docker", marks=pytest.mark.docker), "process"]


@pytest.mark.parametrize("engine_name", ENGINES)
def test_the_guides_step_waits_and_is_attached_to(
    engine_name: str, project: Callable[[Tree], Project], request: pytest.FixtureRequest
) -> None:
    """Its train.py, environment and step as they stand; its log lines; its launch.json."""
    if engine_name == "docker":
        request.getfixturevalue("base_image")
    train = block("python", 'parser = argparse.ArgumentParser("train")')
    environment = block("python", "run_config = RunConfiguration()")
    step = block("python", "step1 = PythonScriptStep").replace("<VS-CODE-CLIENT-IP>", CLIENT)
    script = BEFORE + environment.replace("<SDK-VERSION>", "1.15.0") + step + AFTER
    folder = project({"step1": {"train.py": train}, "submit.py": script}).path
    (folder / ".aml-emu").mkdir()
    attach = launch_configuration("Azure Machine Learning Compute: remote debug")
    assert attach["pathMappings"][0]["remoteRoot"] == "."
    line = 1 + next(
        number for number, text in enumerate(train.splitlines()) if "Argument 1" in text
    )
    with Script(folder, "submit.py", engine=engine_name) as running:
        running.says("Timeout for debug connection: 300")
        running.says(f"ip_address: {CLIENT}")
        running.says("or any DAP client")
        [under_debugger] = [run for run in running.runs() if run.debug_address]
        port = int((under_debugger.debug_address or "").rpartition(":")[2])
        mappings = [(str(folder / "step1"), "/azureml-run")]
        where = {str(folder / "step1" / "train.py"): [line]}
        with DapSession(CLIENT, port, path_mappings=mappings, breakpoints=where) as session:
            stop = session.wait_for_stop()
            assert "remote_debug=True" in session.evaluate(stop, "args")
            session.continue_(stop)
            running.says("Debugger attached = True")
            running.says("Argument 1: None")
        running.says("STEPS [('train_step', 'Completed')]")
        running.ends()

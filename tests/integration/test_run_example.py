"""The example that trains: its job logs and registers a model, which is served then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.integration.runs import ENGINES, Runs
from tests.integration.served import Served

EXAMPLE = Path(__file__).parents[2] / "examples" / "training"


@pytest.mark.parametrize("runs", ENGINES, indirect=True)
def test_the_example_trains_and_registers_a_model_that_is_served(runs: Runs) -> None:
    shutil.copytree(EXAMPLE, runs.project.path, dirs_exist_ok=True)
    document = json.loads(runs.run("job.yml", "--json").assert_success().out)
    assert document["status"] == "Completed"
    shown = runs.shown()
    assert shown["metrics"]
    registered = runs.project.run("assets", "show", "iris", "--json", environ=runs.environ)
    assert json.loads(registered.assert_success().out)["kind"] == "model"
    runs.project.run("runs", "outputs", "--to", "served", environ=runs.environ).assert_success()
    flags = ("--model", "served/model", *runs.flags)
    with Served(runs.project.path, *flags, name=runs.name, environ=runs.environ) as served:
        sample = json.loads((EXAMPLE / "sample-request.json").read_text())
        assert served.score(sample) == {"species": ["setosa", "virginica"]}

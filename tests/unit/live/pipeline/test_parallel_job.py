"""The command of a parallel step: what the driver is given."""

from __future__ import annotations

import json
import shlex

from tests.unit.live.pipeline.test_step import ENVIRONMENT
from toolkit.live.pipeline.parallel import PROGRAM, parallel_job
from toolkit.plans.pipeline.graph import ParallelWork
from toolkit.specs.component import ParallelTask
from toolkit.specs.expressions import Reference, parse_expression
from toolkit.specs.job import CommandJob
from toolkit.specs.parallel import BatchSize, Parallel

PATHS = {
    "${{inputs.data}}": "/mnt/INPUT_data/my data.csv",
    "${{outputs.scores}}": "/mnt/scores/scores",
    "${{inputs.model}}": "/mnt/INPUT_model",
}


def words(task: ParallelTask) -> list[str]:
    """As the shell splits it."""
    parallel = Parallel(task=task, input="data", batch=BatchSize(files=2))
    job = parallel_job(
        ParallelWork(parallel=parallel, body=CommandJob(command="", environment=ENVIRONMENT))
    )

    def path(reference: Reference) -> str | None:
        return PATHS.get(str(reference))

    return shlex.split(parse_expression(job.command or "").resolve(path))


def test_the_input_is_one_word_whatever_it_is_called() -> None:
    python, program, told, data, target = words(ParallelTask(entry_script="score it.py"))
    assert (python, program) == ("python", str(PROGRAM))
    assert json.loads(told)["entry_script"] == "score it.py"
    assert (data, target) == ("/mnt/INPUT_data/my data.csv", "")


def test_the_target_and_what_the_script_is_given() -> None:
    task = ParallelTask(
        entry_script="score.py",
        append_row_to="${{outputs.scores}}",
        program_arguments="--model ${{inputs.model}} $[[--top ${{inputs.top}}]] --name 'a b'",
    )
    assert words(task)[4:] == [
        "/mnt/scores/scores",
        "--model",
        "/mnt/INPUT_model",
        "--name",
        "a b",
    ]

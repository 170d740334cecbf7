"""Fingerprints and results: what makes a step run again, and what does not."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from tests.unit.plans.pipeline.test_choice import PLACE
from toolkit.live.pipeline.digest import Digests, of_output, signature_of
from toolkit.live.pipeline.fingerprint import fingerprint
from toolkit.live.pipeline.outcome import Outcome
from toolkit.live.pipeline.reuse import PIPELINE, Results, take_again
from toolkit.live.pipeline.run import unfinished_before
from toolkit.plans.pipeline.graph import ParallelWork, Step, StepOutput
from toolkit.specs.component import ParallelTask, RetrySettings
from toolkit.specs.environment import (
    CondaEnvironment,
    Dependency,
    Environment,
    ImageEnvironment,
)
from toolkit.specs.job import CommandJob
from toolkit.specs.parallel import BatchSize, Parallel
from toolkit.workspace.model import NewRun, Run, RunStatus
from toolkit.workspace.owners import this_process
from toolkit.workspace.workspace import Workspace


def step(code: Path, **changes: object) -> Step:
    environment = CondaEnvironment(
        name="e", path=Path("env.yml"), pip=(Dependency(text="numpy==1", line=3),)
    )
    job = CommandJob(command="train", code=code, environment=environment)
    return Step(
        name="train",
        work=replace(job, **changes),  # type: ignore[arg-type]  # fields of a job
        place=PLACE,
        outputs={"o": StepOutput(name="o", type="uri_folder")},
    )


def mark(step: Step, inputs: dict[str, str], marks: Digests) -> str:
    return fingerprint(step, inputs, marks, unnamed)


def unnamed(environment: Environment | str) -> Environment:
    assert not isinstance(environment, str)
    return environment


def digests(tmp_path: Path) -> Digests:
    return Digests(Workspace.open(tmp_path / ".aml-emu").documents)


class TestFingerprint:
    def test_the_same_is_the_same(self, tmp_path: Path) -> None:
        code = folder(tmp_path / "src", "x = 1")
        one = mark(step(code), {"rows": "int 1"}, digests(tmp_path))
        assert one == mark(step(code), {"rows": "int 1"}, digests(tmp_path))

    def test_what_decides(self, tmp_path: Path) -> None:
        code = folder(tmp_path / "src", "x = 1")
        marks = digests(tmp_path)
        other = CondaEnvironment(
            name="e", path=Path("env.yml"), pip=(Dependency(text="numpy==2", line=3),)
        )
        found = {
            mark(step(code), {}, marks),
            mark(step(code), {"rows": "int 2"}, marks),
            mark(step(code), {"rows": "str 2"}, marks),
            mark(step(code, command="train --fast"), {}, marks),
            mark(step(code, environment_variables={"A": "1"}), {}, marks),
            mark(step(code, environment=other), {}, marks),
            mark(step(folder(tmp_path / "other", "x = 2")), {}, marks),
        }
        assert len(found) == 7

    def test_how_long_a_mini_batch_may_take_decides(self, tmp_path: Path) -> None:
        """A step completes without the rows of those that took too long."""

        def parallel(**retry: float) -> Step:
            task = ParallelTask(entry_script="s.py")
            settings = RetrySettings.model_validate(retry)
            work = Parallel(task=task, input="i", batch=BatchSize(files=1), retry=settings)
            job = CommandJob(command="", environment=ImageEnvironment(name="e", image="i:1"))
            return Step(name="p", work=ParallelWork(parallel=work, body=job), place=PLACE)

        found = {
            mark(parallel(), {}, digests(tmp_path)),
            mark(parallel(timeout=5), {}, digests(tmp_path)),
            mark(parallel(max_retries=5), {}, digests(tmp_path)),
        }
        assert len(found) == 3
        assert mark(parallel(timeout=60), {}, digests(tmp_path)) in found

    def test_what_lies_beside_the_code_decides(self, tmp_path: Path) -> None:
        code = folder(tmp_path / "src", "x = 1")
        shared = folder(tmp_path / "shared", "y = 1")
        one = step(code, includes={"shared": shared})
        found = {
            mark(step(code), {}, digests(tmp_path)),
            mark(one, {}, digests(tmp_path)),
            mark(step(code, includes={"shared.zip": shared}), {}, digests(tmp_path)),
            mark(step(code, includes={"lib": shared}), {}, digests(tmp_path)),
        }
        folder(shared, "y = 22")
        found.add(mark(one, {}, digests(tmp_path)))
        assert len(found) == 5
        folder(shared, "y = 1")
        assert mark(one, {}, digests(tmp_path)) in found

    def test_a_folder_that_is_linked_into_the_code_decides(self, tmp_path: Path) -> None:
        """A snapshot follows links, so it is part of what runs."""
        code, shared = folder(tmp_path / "src", "x = 1"), folder(tmp_path / "shared", "y = 1")
        (code / "lib").symlink_to(shared)
        before = mark(step(code), {}, digests(tmp_path))
        folder(shared, "y = 22")
        assert mark(step(code), {}, digests(tmp_path)) != before

    def test_what_does_not(self, tmp_path: Path) -> None:
        code = folder(tmp_path / "src", "x = 1")
        marks = digests(tmp_path)
        moved = CondaEnvironment(
            name="f", path=Path("other.yml"), pip=(Dependency(text="numpy==1", line=9),)
        )
        found = {
            mark(step(code), {}, marks),
            mark(step(code, environment=moved), {}, marks),
            mark(step(code, timeout=5.0, display_name="x"), {}, marks),
            mark(step(folder(tmp_path / "copy", "x = 1")), {}, marks),
        }
        assert len(found) == 1


class TestDigests:
    def test_ignored_files_do_not_count(self, tmp_path: Path) -> None:
        code = folder(tmp_path / "src", "x = 1")
        (code / ".amlignore").write_text("*.log\ndata/\n")
        before = digests(tmp_path).code(code)
        (code / "a.log").write_text("noise")
        folder(code / "data", "noise")
        folder(code / "__pycache__", "noise")
        assert digests(tmp_path).code(code) == before
        (code / "main.py").write_text("x = 2")
        assert digests(tmp_path).code(code) != before

    def test_a_file_is_its_bytes_and_a_folder_its_files(self, tmp_path: Path) -> None:
        one, other = tmp_path / "one.csv", tmp_path / "other.csv"
        one.write_text("1")
        other.write_text("1")
        marks = digests(tmp_path)
        assert marks.data(one) == marks.data(other)
        assert marks.data(folder(tmp_path / "a", "1")) == marks.data(folder(tmp_path / "b", "1"))

    def test_where_a_link_in_it_leads_is_part_of_a_folder(self, tmp_path: Path) -> None:
        data = folder(tmp_path / "data", "0")
        folder(data / "v1", "1")
        folder(data / "v2", "2")
        current = data / "current"
        current.symlink_to("v1")
        before = digests(tmp_path).data(data)
        current.unlink()
        current.symlink_to("v2")
        assert digests(tmp_path).data(data) != before

    def test_a_folder_linked_in_circles_has_an_end(self, tmp_path: Path) -> None:
        data = folder(tmp_path / "data", "0")
        (data / "again").symlink_to(data)
        (data / "itself").symlink_to("itself")
        assert digests(tmp_path).data(data)

    def test_what_is_no_file_is_not_read(self, tmp_path: Path) -> None:
        """A step may leave a link to a path of its container, or a pipe that nobody writes to."""
        written = folder(tmp_path / "out", "1")
        plain = of_output(written)
        (written / "last.ckpt").symlink_to("/mnt/azureml/cr/j/1/cap/wd/model/epoch=3.ckpt")
        linked = of_output(written)
        os.mkfifo(written / "pipe")
        assert len({plain, linked, of_output(written)}) == 3
        assert signature_of(written) == of_output(written)[0]


class TestResults:
    def test_taken_again_until_changed(self, tmp_path: Path) -> None:
        workspace = Workspace.open(tmp_path / ".aml-emu")
        parent, outputs = finished(workspace, tmp_path)
        kept = Results(workspace).keep(
            "mark", "p#train", Outcome(state="completed", run="done", outputs=outputs), "parent"
        )
        assert kept.digests["o"]
        result = Results(workspace).equal("mark")
        assert result is not None
        again = take_again(workspace, step(tmp_path), result, parent, properties={})
        run = workspace.runs.get(again.run)
        assert (run.status, run.kind, run.parent) == ("Completed", "step", parent.name)
        assert run.properties["azureml.isreused"] == "true"
        assert run.properties["azureml.reusedrunid"] == "done"
        assert run.outputs == outputs
        (outputs["o"] / "model.txt").write_text("somebody changed it")
        assert Results(workspace).equal("mark") is None

    def test_not_without_its_run(self, tmp_path: Path) -> None:
        workspace = Workspace.open(tmp_path / ".aml-emu")
        _, outputs = finished(workspace, tmp_path)
        outcome = Outcome(state="completed", run="done", outputs=outputs)
        Results(workspace).keep("mark", "p#train", outcome, "parent")
        assert Results(workspace).last("p#train") is not None
        workspace.runs.delete("done")
        assert Results(workspace).last("p#train") is None
        assert Results(workspace).equal("other") is None


class TestUnfinished:
    """Whose results the next run of a file goes on with."""

    def test_all_that_failed_since_one_completed(self, tmp_path: Path) -> None:
        """A step that one of them took from the one before is that one's result still."""
        workspace = Workspace.open(tmp_path / ".aml-emu")
        began(workspace, "a", "Failed")
        began(workspace, "b", "Completed")
        began(workspace, "c", "Canceled")
        began(workspace, "d", "Failed", file="other.yml")
        began(workspace, "e", "Failed")
        assert unfinished_before(workspace, Path("p.yml")) == {"c", "e"}

    def test_not_one_that_still_runs(self, tmp_path: Path) -> None:
        workspace = Workspace.open(tmp_path / ".aml-emu")
        began(workspace, "a", "Failed")
        began(workspace, "b", "Running")
        assert unfinished_before(workspace, Path("p.yml")) == {"a"}


def began(workspace: Workspace, name: str, status: RunStatus, *, file: str = "p.yml") -> None:
    properties = {PIPELINE: file}
    workspace.runs.create(
        NewRun(
            experiment="x", kind="pipeline", name=name, owner=this_process(), properties=properties
        )
    )
    workspace.runs.advance(name, status)


def folder(path: Path, text: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "main.py").write_text(text)
    return path


def finished(workspace: Workspace, tmp_path: Path) -> tuple[Run, dict[str, Path]]:
    parent = workspace.runs.create(NewRun(experiment="x", kind="pipeline", name="parent"))
    workspace.runs.create(NewRun(experiment="x", kind="step", name="done"))
    workspace.runs.advance("done", "Completed")
    outputs = {"o": tmp_path / "out"}
    outputs["o"].mkdir()
    (outputs["o"] / "model.txt").write_text("a model")
    return parent, outputs

"""Fingerprints and results: what makes a step run again, and what does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.unit.plans.pipeline.test_choice import PLACE
from toolkit.live.pipeline.digest import Digests
from toolkit.live.pipeline.fingerprint import fingerprint
from toolkit.live.pipeline.outcome import Outcome
from toolkit.live.pipeline.reuse import Results, take_again
from toolkit.plans.pipeline.graph import Step, StepOutput
from toolkit.specs.environment import CondaEnvironment, Dependency, Environment
from toolkit.specs.job import CommandJob
from toolkit.workspace.model import NewRun, Run
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

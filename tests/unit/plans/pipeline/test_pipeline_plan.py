"""From a pipeline file to its graph: every binding, and what is said of each mistake."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from toolkit.errors import NotFound, SpecError
from toolkit.plans.pipeline.choice import step_of_run
from toolkit.plans.pipeline.graph import (
    FromInput,
    FromStep,
    Given,
    GivenData,
    LoopWork,
    ParallelWork,
    Pipeline,
    SweepWork,
)
from toolkit.plans.pipeline.plan import plan_pipeline, plan_sweep
from toolkit.specs.job import CommandJob

COMPONENT = """
    name: prep
    type: command
    inputs:
      rows: {type: integer, default: 3, min: 1, max: 10}
      raw: {type: uri_folder, optional: true}
      file: {type: uri_file, optional: true}
      how: {type: string, default: fast, enum: [fast, slow]}
    outputs:
      out: {type: uri_folder}
    environment: azureml:tiny:1
    command: prep ${{inputs.rows}} $[[--raw ${{inputs.raw}}]] --out ${{outputs.out}}
    """
NESTED = """
    type: pipeline
    inputs:
      data: {type: uri_folder}
      rows: {type: integer, default: 4}
    outputs:
      result: {type: uri_folder}
    jobs:
      one:
        component: ./prep.yml
        inputs: {rows: "${{parent.inputs.rows}}", raw: "${{parent.inputs.data}}"}
      two:
        component: file:./prep.yml
        inputs: {raw: "${{parent.jobs.one.outputs.out}}"}
        outputs: {out: "${{parent.outputs.result}}"}
    """
HEAD = "type: pipeline\n"


def plan(
    tmp_path: Path, text: str, files: Mapping[str, str] | None = None, **overrides: str
) -> Pipeline:
    every = {"prep.yml": COMPONENT, "nested.yml": NESTED, **(files or {})}
    for name, content in every.items():
        (tmp_path / name).write_text(textwrap.dedent(content))
    path = tmp_path / "pipeline.yml"
    path.write_text(HEAD + textwrap.dedent(text))
    return plan_pipeline(path, overrides=overrides)


def problem(tmp_path: Path, text: str, files: Mapping[str, str] | None = None) -> SpecError:
    with pytest.raises(SpecError) as caught:
        plan(tmp_path, text, files)
    return caught.value


class TestBindings:
    def test_literals_defaults_and_inputs_of_the_pipeline(self, tmp_path: Path) -> None:
        steps = plan(
            tmp_path,
            """
            inputs: {rows: 7, where: {type: uri_folder, path: ./data}}
            jobs:
              a:
                component: ./prep.yml
                inputs: {rows: "${{parent.inputs.rows}}", raw: "${{parent.inputs.where}}"}
            """,
        ).graph.steps
        inputs = steps["a"].inputs
        assert inputs["rows"].source == Given(7)
        assert inputs["how"].source == Given("fast")
        assert inputs["raw"].source == GivenData("uri_folder", "./data", tmp_path)
        assert "file" not in inputs

    def test_an_edge_comes_from_an_output(self, tmp_path: Path) -> None:
        graph = plan(
            tmp_path,
            """
            jobs:
              b:
                component: ./prep.yml
                inputs: {raw: "${{parent.jobs.a.outputs.out}}"}
              a: {component: ./prep.yml}
            """,
        ).graph
        assert list(graph.steps) == ["a", "b"]
        assert graph.steps["b"].inputs["raw"].source == FromStep("a", "out")
        assert list(graph.edges()) == [("a", "b")]

    @pytest.mark.parametrize(
        "binding", ["${{jobs.a.outputs.out}}", "${{ parent.jobs.a.outputs.out }}"]
    )
    def test_older_forms_and_spaces(self, tmp_path: Path, binding: str) -> None:
        graph = plan(
            tmp_path,
            f"""
            jobs:
              a: {{component: ./prep.yml}}
              b: {{component: ./prep.yml, inputs: {{raw: "{binding}"}}}}
            """,
        ).graph
        assert graph.steps["b"].inputs["raw"].source == FromStep("a", "out")

    def test_an_input_may_read_an_output_of_the_pipeline(self, tmp_path: Path) -> None:
        graph = plan(
            tmp_path,
            """
            outputs: {made: {type: uri_folder}}
            jobs:
              a: {component: ./prep.yml, outputs: {out: "${{parent.outputs.made}}"}}
              b: {component: ./prep.yml, inputs: {raw: {path: "${{parent.outputs.made}}"}}}
            """,
        ).graph
        assert graph.steps["b"].inputs["raw"].source == FromStep("a", "out")
        assert graph.outputs == {"made": FromStep("a", "out")}

    def test_an_input_is_part_of_a_longer_path(self, tmp_path: Path) -> None:
        steps = plan(
            tmp_path,
            """
            inputs: {dir: {type: uri_folder, path: ./data/}}
            jobs:
              a: {component: ./prep.yml, inputs: {file: "${{parent.inputs.dir}}/x.csv"}}
            """,
        ).graph.steps
        assert steps["a"].inputs["file"].source == GivenData("uri_file", "./data/x.csv", tmp_path)

    def test_nested_pipelines_are_laid_open(self, tmp_path: Path) -> None:
        graph = plan(
            tmp_path,
            """
            outputs: {final: {type: uri_folder, path: azureml://datastores/x/paths/y}}
            jobs:
              first: {component: ./prep.yml}
              sub:
                type: pipeline
                component: ./nested.yml
                inputs: {data: "${{parent.jobs.first.outputs.out}}"}
                outputs: {result: "${{parent.outputs.final}}"}
              last: {component: ./prep.yml, inputs: {raw: "${{parent.jobs.sub.outputs.result}}"}}
            """,
        ).graph
        assert list(graph.steps) == ["first", "sub.one", "sub.two", "last"]
        assert graph.steps["sub.one"].inputs["rows"].source == Given(4)
        assert graph.steps["sub.one"].inputs["raw"].source == FromStep("first", "out")
        assert graph.steps["sub.two"].outputs["out"].path == "azureml://datastores/x/paths/y"
        assert graph.steps["last"].inputs["raw"].source == FromStep("sub.two", "out")
        assert graph.outputs == {"final": FromStep("sub.two", "out")}

    def test_values_from_the_command_line(self, tmp_path: Path) -> None:
        text = """
            inputs: {rows: 7}
            jobs: {a: {component: ./prep.yml, inputs: {rows: "${{parent.inputs.rows}}"}}}
            """
        found = plan(tmp_path, text, rows="9").graph.steps["a"].inputs["rows"].source
        assert found == Given(9)

    def test_an_inline_step_takes_the_types_of_what_flows_in(self, tmp_path: Path) -> None:
        steps = plan(
            tmp_path,
            """
            jobs:
              a: {component: ./prep.yml}
              b:
                type: command
                environment: azureml:tiny:1
                command: cat ${{inputs.x}} ${{inputs.n}} > ${{outputs.o}}
                inputs: {x: "${{parent.jobs.a.outputs.out}}", n: 0.5}
                outputs: {o: {type: uri_file}}
            """,
        ).graph.steps
        assert steps["b"].inputs["x"].type == "uri_folder"
        assert steps["b"].inputs["n"].source == Given(0.5)
        assert steps["b"].outputs["o"].type == "uri_file"

    def test_the_node_overrides_its_component(self, tmp_path: Path) -> None:
        job = (
            plan(
                tmp_path,
                """
            jobs:
              a:
                component: ./prep.yml
                environment_variables: {A: 1}
                limits: {timeout: 5}
                resources: {instance_count: 2}
            """,
            )
            .graph.steps["a"]
            .work
        )
        assert isinstance(job, CommandJob)
        assert (job.timeout, job.instance_count) == (5, 2)
        assert job.environment_variables == {"A": "1"}


class TestOtherKinds:
    def test_sweep(self, tmp_path: Path) -> None:
        step = plan(
            tmp_path,
            """
            jobs:
              hunt:
                type: sweep
                trial: ./prep.yml
                search_space: {rows: {type: choice, values: [1, 2]}}
                objective: {goal: maximize, primary_metric: score}
                limits: {max_total_trials: 2}
            """,
        ).graph.steps["hunt"]
        assert isinstance(step.work, SweepWork)
        assert "rows" not in step.inputs

    def test_a_sweep_on_its_own(self, tmp_path: Path) -> None:
        path = tmp_path / "sweep.yml"
        path.write_text(
            textwrap.dedent(
                """
                type: sweep
                trial:
                  environment: azureml:tiny:1
                  command: train ${{search_space.lr}} ${{inputs.epochs}}
                inputs: {epochs: 3}
                search_space: {lr: {type: uniform, min_value: 0, max_value: 1}}
                objective: {goal: minimize, primary_metric: loss}
                """
            )
        )
        pipeline = plan_sweep(path, overrides={"epochs": "5"})
        assert list(pipeline.graph.steps) == ["sweep"]
        assert pipeline.graph.steps["sweep"].inputs["epochs"].source == Given("5")

    def test_parallel(self, tmp_path: Path) -> None:
        (tmp_path / "src").mkdir()
        (tmp_path / "src/entry.py").write_text("def run(batch): return batch")
        work = plan(tmp_path, PARALLEL).graph.steps["p"].work
        assert isinstance(work, ParallelWork)
        assert (work.parallel.batch.size, work.parallel.batch.files) == (1024, None)
        assert (work.parallel.retry.max_retries, work.parallel.error_threshold) == (3, -1)

    def test_a_condition_puts_gates_before_steps(self, tmp_path: Path) -> None:
        graph = plan(tmp_path, CONDITION).graph
        assert [gate.wanted for gate in graph.steps["yes"].gates] == [True]
        assert [gate.wanted for gate in graph.steps["no"].gates] == [False]
        assert ("check", "yes") in list(graph.edges())

    def test_a_loop_is_one_step_with_a_body(self, tmp_path: Path) -> None:
        work = plan(tmp_path, LOOP).graph.steps["body"].work
        assert isinstance(work, LoopWork)
        assert work.limit == 5
        assert work.mapping == {"n2": ("n",)}
        assert work.body.steps["body"].inputs["n"].source == FromInput("n")


PARALLEL = """
    inputs: {data: {type: uri_folder, path: .}}
    jobs:
      p:
        type: parallel
        inputs: {data: "${{parent.inputs.data}}"}
        input_data: ${{inputs.data}}
        mini_batch_size: 1kb
        task: {code: ./src, entry_script: entry.py, environment: "azureml:tiny:1"}
    """
CONDITION = """
    jobs:
      check:
        command: test
        environment: azureml:tiny:1
        outputs: {ok: {type: boolean, is_control: true}}
      choose:
        type: if_else
        condition: ${{parent.jobs.check.outputs.ok}}
        true_block: ${{parent.jobs.yes}}
        false_block: ${{parent.jobs.no}}
      yes: {component: ./prep.yml}
      no: {component: ./prep.yml}
    """
LOOP = """
    jobs:
      body:
        command: next ${{inputs.n}} ${{outputs.n2}} ${{outputs.again}}
        environment: azureml:tiny:1
        inputs: {n: 0}
        outputs:
          n2: {type: integer, is_control: true}
          again: {type: boolean, is_control: true}
      loop:
        type: do_while
        body: ${{parent.jobs.body}}
        condition: ${{parent.jobs.body.outputs.again}}
        mapping: {n2: [n]}
        limits: {max_iteration_count: 5}
    """


def job(rest: str) -> str:
    return f"jobs:\n  a: {{component: ./prep.yml}}\n  b:\n    component: ./prep.yml\n    {rest}\n"


def inline(rest: str) -> str:
    return f"jobs:\n  a: {{command: x, environment: 'azureml:e:1', {rest}}}\n"


@pytest.mark.parametrize(
    ("text", "line", "said", "hint"),
    [
        (job('inputs: {raw: "${{parent.jobs.aa.outputs.out}}"}'), 6, "no step", "`a`"),
        (job('inputs: {raw: "${{parent.jobs.a.outputs.outt}}"}'), 6, "no output `outt`", "`out`"),
        (job("inputs: {rwa: ./x}"), 6, "no input `rwa`", "`raw`"),
        (job('inputs: {raw: "${{parent.inputs.nothing}}"}'), 6, "no input `nothing`", "none"),
        (job('inputs: {raw: "${{parent.input.x}}"}'), 6, "not a binding", "parent.inputs"),
        (job('inputs: {raw: "${{parent.jobs.a}}"}'), 6, "not a value", "outputs"),
        (job('inputs: {raw: "${{parent.jobs.a.outputs.out}}/x"}'), 6, "part of a longer", "join"),
        (job("inputs: {rows: many}"), 6, "not an integer", ""),
        (job("inputs: {rows: 11}"), 6, "more than 10", ""),
        (job("inputs: {how: slowly}"), 6, "none of fast, slow", ""),
        (job('inputs: {file: "${{parent.jobs.a.outputs.out}}"}'), 6, "takes `uri_file`", "type"),
        (job('inputs: {rows: "${{parent.jobs.a.outputs.out}}"}'), 6, "takes `integer`", "type"),
        (job("outputs: {outt: {mode: upload}}"), 6, "no output `outt`", "`out`"),
        (job('outputs: {out: "${{parent.outputs.x}}"}'), 6, "no output `x`", "none"),
        (job("inputz: {}"), 6, "unknown key `inputz`", "`inputs`"),
        ("jobs: {}\n", 2, "at least one step", ""),
        ("jobs:\n  a: {component: ./perp.yml}\n", 3, "component not found", "`prep.yml`"),
        ("jobs:\n  a: {component: 'azureml://registries/x/components/y'}\n", 3, "registry", ""),
        ("jobs:\n  a: {component: 'azureml:x:1'}\n", 3, "no workspace", ""),
        ("jobs:\n  a: {type: automl}\n", 3, "`automl` needs a service", ""),
        ("jobs:\n  a: {type: spark, code: .}\n", 3, "`spark` needs a service", ""),
        ("jobs:\n  a: {type: parallel_for}\n", 3, "`parallel_for` needs a service", ""),
        ("jobs:\n  a: {type: comand}\n", 3, "unknown type of step: comand", "`command`"),
        ("jobs:\n  a: {type: command, command: x}\n", 3, "no `environment`", "--env"),
        ("jobs:\n  a: {type: command, environment: 'azureml:e:1'}\n", 3, "neither", "runs"),
        ("jobs:\n  a: {type: sweep, component: ./prep.yml}\n", 3, "", ""),
        (job("inputs: {file: {type: uri_fil, path: ./x}}"), 6, "unknown type: uri_fil", ""),
        (job("inputs: {file: {path: ./x, mode: mounted}}"), 6, "`mode`: input should be", ""),
        (job("inputs: {rows: {value: [1]}}"), 6, "neither text, a number nor", ""),
        (job("outputs: {out: {type: uri_foldr}}"), 6, "unknown type: uri_foldr", ""),
        (job("outputs: {out: {mode: mounted}}"), 6, "`mode`: input should be", ""),
        (job("outputs: {out: {pth: ./x}}"), 6, "unknown key `pth`", "`path`"),
        (job("outputs: {out: ./x}"), 6, "neither a binding nor a mapping", "parent.outputs"),
        ("inputs: {x: {type: strng, value: 3}}\n" + job(""), 2, "unknown type: strng", ""),
        ("inputs: {x: {enum: [{}], value: 3}}\n" + job(""), 2, "neither text", ""),
        ("outputs: {x: uri_fil}\n" + job(""), 2, "unknown type: uri_fil", ""),
        ("jobs:\n  a.b: {component: ./prep.yml}\n", 3, "not a name for a step: `a.b`", "letters"),
        (inline("inputs: {n: {type: integer, value: x}}"), 3, "not an integer", ""),
        (inline("outputs: {o: {type: uri_fil}}"), 3, "unknown type: uri_fil", ""),
        ("inputs: {x: }\njobs:\n  a: {component: ./prep.yml}\n", 2, "has no value", "--set"),
    ],
)
def test_mistakes_are_named_with_file_and_line(
    tmp_path: Path, text: str, line: int, said: str, hint: str
) -> None:
    error = problem(tmp_path, text)
    assert error.message.startswith(f"{tmp_path}/pipeline.yml:{line}:"), error.message
    assert said in error.message
    assert hint in error.hint


@pytest.mark.parametrize(
    ("key", "written", "said"),
    [
        ("program_arguments", "--model ${{inputs.modle}}", "`${{inputs.modle}}` is not defined"),
        ("append_row_to", "scores", "`append_row_to` names no output: scores"),
        ("append_row_to", "${{outputs.scors}}", "`append_row_to` names no output"),
    ],
)
def test_what_a_parallel_task_names_must_be_there(
    tmp_path: Path, key: str, written: str, said: str
) -> None:
    text = PARALLEL.replace("entry.py,", f'entry.py, {key}: "{written}",')
    with_output = text.replace(
        "mini_batch", "outputs: {scores: {type: uri_file}}\n        mini_batch"
    )
    (tmp_path / "src").mkdir()
    error = problem(tmp_path, with_output, {"src/entry.py": ""})
    assert error.message.startswith(f"{tmp_path}/pipeline.yml:11: "), error.message
    assert said in error.message


def test_a_component_that_is_not_registered_is_named_with_its_line(tmp_path: Path) -> None:
    def find(reference: str) -> Path:
        raise NotFound(f"no component of that name: `{reference}`", hint="did you mean `y`?")

    (tmp_path / "pipeline.yml").write_text(HEAD + "jobs:\n  a: {component: 'azureml:x:1'}\n")
    with pytest.raises(SpecError, match=r"pipeline.yml:3: no component of that name") as caught:
        plan_pipeline(tmp_path / "pipeline.yml", find_component=find)
    assert caught.value.hint == "did you mean `y`?"


def test_a_value_for_a_sweeps_input_replaces_the_one_that_is_written(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yml"
    path.write_text(
        textwrap.dedent(
            """
            type: sweep
            inputs: {n: {type: integer, value: 3}, m: 4, d: {type: uri_file, path: ./a.csv}}
            search_space: {x: {type: choice, values: [1]}}
            objective: {goal: maximize, primary_metric: score}
            trial: {command: x, environment: "azureml:e:1"}
            """
        )
    )
    (step,) = plan_sweep(path, overrides={"n": "5", "m": "6", "d": "b.csv"}).graph.steps.values()
    assert step.inputs["n"].source == Given(5)
    assert step.inputs["m"].source == Given("6")
    assert step.inputs["d"].source == GivenData("uri_file", "b.csv", tmp_path)


def test_two_loops_cannot_share_a_body(tmp_path: Path) -> None:
    loop = LOOP[LOOP.index("      loop:") :]
    twice = f"{LOOP.rstrip()}\n{loop.replace('loop:', 'other:', 1)}"
    assert "two loops have the same body: `body`" in problem(tmp_path, twice).message


def test_a_steps_memory_is_limited_as_a_jobs(tmp_path: Path) -> None:
    resources = "resources: {shm_size: 1g, docker_args: --memory 2g}"
    (step,) = plan(tmp_path, inline(resources)).graph.steps.values()
    assert step.command is not None
    assert (step.command.shm_size, step.command.memory) == ("1g", "2g")


def test_a_default_must_fit_its_own_limits(tmp_path: Path) -> None:
    files = {"prep.yml": COMPONENT.replace("default: 3", "default: 30")}
    error = problem(tmp_path, "jobs:\n  a: {component: ./prep.yml}\n", files)
    assert "pipeline.yml:3: input `rows` of type `integer`: more than 10: 30" in error.message


def test_a_loops_condition_is_no_folder(tmp_path: Path) -> None:
    text = LOOP.replace("again: {type: boolean, is_control: true}", "again: {type: uri_folder}")
    assert "takes a boolean output, and this is `uri_folder`" in problem(tmp_path, text).message


def test_a_cycle_is_named(tmp_path: Path) -> None:
    error = problem(
        tmp_path,
        """
        jobs:
          x: {component: ./prep.yml}
          a: {component: ./prep.yml, inputs: {raw: "${{parent.jobs.c.outputs.out}}"}}
          b: {component: ./prep.yml, inputs: {raw: "${{parent.jobs.a.outputs.out}}"}}
          c: {component: ./prep.yml, inputs: {raw: "${{parent.jobs.b.outputs.out}}"}}
        """,
    )
    assert "wait for each other: a -> b -> c -> a" in error.message


@pytest.mark.parametrize("path", ["p", "./p//", "${{output_name}}/p", "${{default_datastore}}/p"])
def test_two_steps_writing_one_path(tmp_path: Path, path: str) -> None:
    where = f"{{out: {{path: 'azureml://datastores/d/paths/{path}'}}}}"
    error = problem(
        tmp_path,
        f"""
        jobs:
          a: {{component: ./prep.yml, outputs: {where}}}
          b: {{component: ./prep.yml, outputs: {where}}}
        """,
    )
    assert "two steps write one path, `a` (out) and `b` (out)" in error.message


@pytest.mark.parametrize(
    ("settings", "datastore"),
    [("{}", "workspaceblobstore"), ("{default_datastore: azureml:mine}", "mine")],
)
def test_paths_of_each_steps_run_are_apart(tmp_path: Path, settings: str, datastore: str) -> None:
    where = "{out: {path: 'azureml://datastores/${{default_datastore}}/paths/${{ name }}/p'}}"
    found = plan(
        tmp_path,
        f"""
        settings: {settings}
        jobs:
          a: {{component: ./prep.yml, outputs: {where}}}
          b: {{component: ./prep.yml, outputs: {where}}}
        """,
    )
    paths = {step.outputs["out"].path for step in found.graph.steps.values()}
    assert paths == {f"azureml://datastores/{datastore}/paths/${{{{ name }}}}/p"}


def test_a_pipeline_that_contains_itself(tmp_path: Path) -> None:
    files = {
        "self.yml": """
            type: pipeline
            jobs: {inner: {type: pipeline, component: ./self.yml}}
            """
    }
    error = problem(tmp_path, "jobs: {a: {type: pipeline, component: ./self.yml}}\n", files)
    assert "contains itself: pipeline.yml -> self.yml -> self.yml" in error.message


def test_a_component_with_a_mistake_is_named_itself(tmp_path: Path) -> None:
    files = {"bad.yml": "type: command\nenvironment: 'azureml:e:1'\ncommand: x ${{inputs.q}}\n"}
    error = problem(tmp_path, "jobs: {a: {component: ./bad.yml}}\n", files)
    assert error.message.startswith(f"{tmp_path}/bad.yml:3:")


def test_what_lies_beside_the_code_is_part_of_the_step(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    files = {"more.yml": textwrap.dedent(COMPONENT) + "additional_includes: [./shared]\n"}
    found = plan(tmp_path, "jobs: {a: {component: ./more.yml}, b: {component: ./prep.yml}}", files)
    works = [step.work for step in found.graph.steps.values()]
    assert [isinstance(work, CommandJob) and work.includes for work in works] == [
        {"shared": tmp_path / "shared"},
        {},
    ]


def test_a_file_beside_the_component_counts_for_it_alone(tmp_path: Path) -> None:
    """Not for a component that is written in a pipeline of the same name."""
    (tmp_path / "shared").mkdir()
    files = {"prep.additional_includes": "./shared\n", "pipeline.additional_includes": "./none\n"}
    text = """
        jobs:
          a: {component: ./prep.yml}
          b: {component: {command: x, environment: "azureml:e:1"}}
        """
    works = [step.work for step in plan(tmp_path, text, files).graph.steps.values()]
    assert [isinstance(work, CommandJob) and [*work.includes] for work in works] == [["shared"], []]


def test_a_condition_must_be_a_boolean(tmp_path: Path) -> None:
    text = CONDITION.replace("{type: boolean, is_control: true}", "{type: uri_file}")
    assert "takes a boolean output" in problem(tmp_path, text).message


def test_a_loop_asks_for_an_output_of_its_body(tmp_path: Path) -> None:
    text = LOOP.replace("outputs.again}}\n        mapping", "outputs.agian}}\n        mapping")
    error = problem(tmp_path, text)
    assert "names no output of `body`" in error.message
    assert "`again`" in error.hint


def test_a_run_of_an_iteration_is_a_part_of_the_loops_body(tmp_path: Path) -> None:
    graph = plan(tmp_path, LOOP).graph
    found = step_of_run(graph, "body[7]")
    assert found is not None
    assert isinstance(found.work, CommandJob)
    assert step_of_run(graph, "body") is graph.steps["body"]
    assert [step_of_run(graph, name) for name in ("body[7].x", "other[1]", "other")] == [None] * 3


def test_nothing_said_of_failures_is_said(tmp_path: Path) -> None:
    notes = plan(tmp_path, "jobs: {a: {component: ./prep.yml}}\n").notes
    assert any("continue_on_step_failure" in note for note in notes)


def test_a_path_from_the_command_line_counts_from_the_file(tmp_path: Path) -> None:
    """As `az ml job create --set` has it, and as jobs and sweeps do here."""
    text = """
        inputs: {data: {type: uri_folder, path: ./old}}
        jobs:
          a: {component: ./prep.yml, inputs: {raw: "${{parent.inputs.data}}"}}
        """
    (step,) = plan(tmp_path, text, data="./new").graph.steps.values()
    assert step.inputs["raw"].source == GivenData("uri_folder", "./new", tmp_path)

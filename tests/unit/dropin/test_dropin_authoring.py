"""What a script describes, as the emulator is told it: environments, jobs, steps. Asks nobody."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toolkit.dropin.azureml._aml_emu.wiring import Wiring
from toolkit.dropin.azureml._aml_emu.yamltext import to_yaml
from toolkit.dropin.azureml.core import Environment, RunConfiguration, ScriptRunConfig
from toolkit.dropin.azureml.core.environment import DockerBuildContext
from toolkit.dropin.azureml.core.runconfig import (
    DataReferenceConfiguration,
    DockerConfiguration,
    MpiConfiguration,
    PyTorchConfiguration,
)
from toolkit.dropin.azureml.data.data_reference import DataReference
from toolkit.dropin.azureml.data.dataset_consumption_config import DatasetConsumptionConfig
from toolkit.dropin.azureml.data.dataset_factory import TabularDatasetFactory
from toolkit.dropin.azureml.data.output_dataset_config import OutputFileDatasetConfig
from toolkit.dropin.azureml.exceptions import UserErrorException
from toolkit.dropin.azureml.pipeline.core import (
    Pipeline,
    PipelineData,
    PipelineParameter,
    PublishedPipeline,
    StepSequence,
)
from toolkit.dropin.azureml.pipeline.steps import (
    CommandStep,
    ParallelRunConfig,
    ParallelRunStep,
    PythonScriptStep,
)
from toolkit.specs.environment import CondaEnvironment, load_environment
from toolkit.specs.runconfig import run_configuration
from toolkit.specs.yamlfile import load_yaml

STORE = SimpleNamespace(name="workspaceblobstore")


class Table:
    """A dataset, as far as jobs ask."""

    def as_named_input(self, name: str) -> DatasetConsumptionConfig:
        return DatasetConsumptionConfig(name, self)

    def _reference(self) -> str:
        return "azureml:table:1"


def wired(*steps: Any) -> dict[str, Any]:
    pipeline = Pipeline(None, list(steps))
    return {step["name"]: step for step in pipeline.graph["steps"]}


@pytest.mark.parametrize("name", ["AzureML-mine", "microsoft-mine"])
def test_reserved_names_are_refused(name: str) -> None:
    with pytest.raises(UserErrorException, match="can not start with"):
        Environment(name)


def test_one_way_to_say_the_image_clears_the_others() -> None:
    env = Environment("e")
    env.docker.base_dockerfile = "FROM a"
    assert env.docker.base_image is None
    env.docker.base_image = None
    assert env.docker.base_dockerfile == "FROM a"
    env.docker.build_context = DockerBuildContext("folder")
    assert env.docker.base_dockerfile is None
    env.docker.base_image = "b"
    assert env.docker.build_context is None


def test_an_environment_comes_back_from_its_folder_and_the_emulator_reads_it(
    tmp_path: Path,
) -> None:
    env = Environment.from_docker_image("mine", "python:3.11")
    env.python.user_managed_dependencies = False
    env.python.conda_dependencies.set_python_version("3.11")
    env.environment_variables["A"] = "1"
    env.save_to_directory(str(tmp_path / "saved"))
    again = Environment.load_from_directory(str(tmp_path / "saved"))
    assert json.loads(repr(again)) == json.loads(repr(env))
    found = load_environment(tmp_path / "saved" / "azureml_environment.json")
    assert isinstance(found, CondaEnvironment)
    assert (found.base, found.variables["A"]) == ("python:3.11", "1")
    with pytest.raises(UserErrorException, match="overwrite=True"):
        env.save_to_directory(str(tmp_path / "saved"))


def test_requirements_become_the_pip_part(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# all\nnumpy==1.2  # why\n\npandas\n")
    env = Environment.from_pip_requirements("r", str(file), pip_version="21")
    assert list(env.python.conda_dependencies.pip_packages) == ["numpy==1.2", "pandas"]
    assert "pip=21" in list(env.python.conda_dependencies.conda_packages)


def test_an_image_alone_brings_its_own_python() -> None:
    env = Environment.from_dockerfile("d", "FROM x")
    assert env.python.user_managed_dependencies
    with pytest.raises(UserErrorException, match="either"):
        Environment.from_docker_image("d", "x", conda_specification="a", pip_requirements="b")


def test_a_saved_run_configuration_is_one_that_the_emulator_reads(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("")
    config = RunConfiguration("train.py", ["--rate", 0.5])
    config.environment.python.conda_dependencies.set_python_version("3.11")
    config.data_references["in"] = DataReferenceConfiguration("store", path_on_datastore="a/b")
    config.save(str(tmp_path), "mine")
    job = run_configuration(load_yaml(tmp_path / ".azureml" / "mine", what="run configuration"))
    assert (job.script, job.arguments) == ("train.py", ("--rate", "0.5"))
    assert job.inputs["in"].path == "azureml://datastores/store/paths/a/b"
    assert isinstance(job.environment, CondaEnvironment)
    assert (tmp_path / ".azureml" / "conda_dependencies.yml").is_file()


def test_text_that_yaml_would_misread_is_quoted() -> None:
    text = to_yaml({"a": "no", "b": "1.0", "c": [], "d": {"e": None}, "f": ["x: y"]}, {"a": "why"})
    assert text == '# why\na: "no"\nb: "1.0"\nc: []\nd:\n  e: null\nf:\n- "x: y"\n'


def test_arguments_become_tokens_and_ports() -> None:
    out = OutputFileDatasetConfig("out", destination=(STORE, "to/{output-name}"))
    reference = DataReference(STORE, "ref", "in/here")
    told = ScriptRunConfig(
        ".", "a.py", arguments=["--t", Table().as_named_input("t"), reference, out.as_upload(), 3]
    )._wire()
    assert told["arguments"] == [
        "--t",
        "$t",
        "$AZUREML_DATAREFERENCE_ref",
        "$AZUREML_DATAREFERENCE_out",
        "3",
    ]
    assert told["inputs"]["t"] == {"name": "t", "reference": "azureml:table:1", "mode": "direct"}
    assert told["outputs"]["out"]["path"].endswith("/paths/to/out")


def test_a_distribution_is_taken_over() -> None:
    told = ScriptRunConfig(".", "a.py", distributed_job_config=MpiConfiguration(4))._wire()
    assert told["run_configuration"]["communicator"] == "IntelMpi"
    assert told["run_configuration"]["mpi"]["processCountPerNode"] == 4
    torch = PyTorchConfiguration(process_count=2)
    told = ScriptRunConfig(".", "a.py", distributed_job_config=torch)._wire()
    assert told["run_configuration"]["framework"] == "PyTorch"


def test_a_run_config_makes_the_other_arguments_idle(capsys: pytest.CaptureFixture[str]) -> None:
    config = RunConfiguration()
    made = ScriptRunConfig(".", "a.py", run_config=config, compute_target="x")
    assert made.run_config is config
    assert "compute_target" in capsys.readouterr().out


def test_data_is_read_where_it_is_an_input_and_written_elsewhere() -> None:
    data = PipelineData("made")
    one = PythonScriptStep("one.py", arguments=[data], outputs=[data])
    two = PythonScriptStep("two.py", arguments=[data], inputs=[data])
    steps = wired(two)
    assert list(steps) == ["two.py", "one.py"], "the step that was left out is there"
    assert steps["one.py"]["job"]["outputs"] == {
        "made": {"name": "made", "mode": "mount", "is_open": True}
    }
    told = steps["two.py"]["job"]["inputs"]["made"]
    assert told["from"] == {"step": "one.py", "output": "made"}
    assert not steps["two.py"]["job"]["outputs"]
    assert one.name == "one.py"


def test_data_that_nobody_writes_has_no_step() -> None:
    data = PipelineData("made")
    steps = wired(PythonScriptStep("two.py", inputs=[data]))
    assert steps["two.py"]["job"]["inputs"]["made"]["from"]["step"] is None


def test_steps_of_one_name_are_numbered_and_ordered() -> None:
    steps = [PythonScriptStep("a.py", name="same") for _ in range(3)]
    told = wired(StepSequence([steps[0], [steps[1], steps[2]]]))
    assert list(told) == ["same", "same (2)", "same (3)"]
    assert told["same (3)"]["after"] == ["same"]


def test_a_parameter_stays_open_until_the_pipeline_is_submitted() -> None:
    count = PipelineParameter("count", 3)
    pipeline = Pipeline(
        None, PythonScriptStep("a.py", arguments=["-n", count], params={"c": count})
    )
    [step] = pipeline.graph["steps"]
    assert step["job"]["arguments"] == ["-n", {"parameter": "count"}]
    assert step["job"]["params"] == {"c": {"parameter": "count"}}
    assert pipeline.graph["parameters"] == {"count": 3}
    with pytest.raises(UserErrorException, match="PipelineParameter"):
        PipelineParameter("bad", object())


def test_errors_know_the_line_of_the_script() -> None:
    steps = wired(PythonScriptStep("a.py"))
    assert steps["a.py"]["file"] == __file__
    assert "PythonScriptStep" in Path(__file__).read_text().splitlines()[steps["a.py"]["line"] - 1]


def test_a_command_is_its_words() -> None:
    steps = wired(CommandStep(["echo", OutputFileDatasetConfig("out")], name="say"))
    assert steps["say"]["job"]["command"] == "words"
    assert steps["say"]["job"]["arguments"] == ["echo", "$AZUREML_DATAREFERENCE_out"]


def test_a_parallel_step_is_checked() -> None:
    config = ParallelRunConfig(Environment("e"), "each.py", 0, "append_row")
    with pytest.raises(UserErrorException, match="not a name"):
        ParallelRunStep("No", config, [PipelineData("x")])
    with pytest.raises(UserErrorException, match="append_row needs an output"):
        ParallelRunStep("each-file", config, [PipelineData("x")])
    with pytest.raises(UserErrorException, match="only one input"):
        ParallelRunStep("each-file", config, [PipelineData("x"), PipelineData("y")])


@pytest.mark.parametrize("value", ["text", 3, None])
def test_what_is_no_data_is_no_input(value: Any) -> None:
    with pytest.raises(UserErrorException, match="not an input"):
        Wiring().add_inputs([value])


def test_bad_names_of_data_are_refused() -> None:
    with pytest.raises(UserErrorException, match="alphanumeric"):
        PipelineData("a-b")
    with pytest.raises(UserErrorException, match="not a name for an input"):
        Table().as_named_input("1a")
    with pytest.raises(UserErrorException, match="mode must be"):
        DataReference(STORE, "a", mode="copy")


def test_a_step_that_was_left_out_is_named() -> None:
    first, second = PythonScriptStep("a.py", name="first"), PythonScriptStep("b.py", name="second")
    second.run_after(first)
    with pytest.raises(UserErrorException, match=r"`second` comes after `first`.*resolve_closure"):
        _ = Pipeline(None, [second], resolve_closure=False).graph


def test_a_published_pipeline_has_no_address_and_says_what_to_do() -> None:
    told = dict.fromkeys(("id", "name", "description", "version", "status"), "x")
    with pytest.raises(AttributeError, match=r"published\.submit"):
        _ = PublishedPipeline(None, told).endpoint


@pytest.mark.parametrize("given", [{"allowed_failed_count": 3}, {"allowed_failed_percent": 5.0}])
def test_limits_of_a_parallel_step_that_nobody_would_keep(given: dict[str, Any]) -> None:
    with pytest.raises(UserErrorException, match="not emulated: use error_threshold"):
        ParallelRunConfig(Environment("e"), "score.py", -1, "append_row", **given)


@pytest.mark.parametrize("given", [{"include_path": True}, {"partition_format": "{day}.csv"}])
def test_columns_that_nobody_would_add(given: dict[str, Any]) -> None:
    with pytest.raises(UserErrorException, match="not emulated: add such columns"):
        TabularDatasetFactory.from_delimited_files("t.csv", **given)


def test_a_run_configuration_comes_back_as_it_was() -> None:
    config = RunConfiguration(script="a.py", arguments=["1"])
    config.docker = DockerConfiguration(
        use_docker=True, shared_volumes=False, arguments=["--gpus"], shm_size="1g"
    )
    config.history.snapshot_project = False
    config.history.directories_to_watch = ["logs", "more"]
    config.mpi = MpiConfiguration(2, 3)
    config.pytorch = PyTorchConfiguration("Gloo", 4, 2)
    config.data_references["d"] = DataReferenceConfiguration(
        "s", "download", "a", "b", overwrite=True
    )
    said = config._as_json()
    assert RunConfiguration._of(said)._as_json() == said

"""Small values that scripts make: what they mean, and what is refused of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from toolkit.dropin.azureml.core import VERSION, Run, RunConfiguration
from toolkit.dropin.azureml.core.runconfig import (
    DEFAULT_CPU_IMAGE,
    DEFAULT_GPU_IMAGE,
    DockerConfiguration,
    TensorflowConfiguration,
)
from toolkit.dropin.azureml.data.datapath import DataPath, DataPathComputeBinding
from toolkit.dropin.azureml.data.dataset_factory import DataType
from toolkit.dropin.azureml.exceptions import UserErrorException
from toolkit.dropin.azureml.pipeline.core import (
    PipelineData,
    PipelineDataset,
    PipelineParameter,
    PipelineRun,
    StepRun,
)
from toolkit.dropin.azureml.pipeline.core.graph import InputPortBinding, OutputPortBinding
from toolkit.dropin.azureml.widgets import RunDetails
from toolkit.live.authoring.era import as_of_today

STORE = SimpleNamespace(name="blob")


def test_the_version_is_one_that_packages_can_be_asked_for_in() -> None:
    pip = [f"azureml-sdk=={VERSION}"]
    today = as_of_today(
        {"python": {"condaDependencies": {"dependencies": [{"pip": pip}]}}},
        kind="training",
        base="base",
        stand_in=str,
        has_wheel=lambda _requirement, _python: True,
    )
    assert today.definition["python"]["condaDependencies"]["dependencies"] == [{"pip": []}]


@pytest.mark.parametrize("image", [DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE])
def test_the_default_images_are_of_the_time_of_the_scripts(image: str) -> None:
    today = as_of_today(
        {"docker": {"baseImage": image}},
        kind="training",
        base="base",
        stand_in=str,
        has_wheel=lambda _requirement, _python: True,
    )
    assert today.definition["docker"]["baseImage"] is None
    assert today.notes == [f"`{image}`: Azure has retired this image, `base` is used"]


def test_how_a_job_is_distributed_and_contained() -> None:
    configuration = RunConfiguration()
    configuration.docker = DockerConfiguration(use_docker=True, shm_size="1g")
    assert (configuration.docker.use_docker, configuration.docker.shm_size) == (True, "1g")
    servers = TensorflowConfiguration(worker_count=2, parameter_server_count=1)
    assert (servers.communicator, servers.worker_count) == ("ParameterServer", 2)


def test_a_path_is_the_value_of_a_parameter() -> None:
    path = DataPath(datastore=STORE, path_on_datastore="in/a.csv")
    binding = DataPathComputeBinding(mode="download")
    reference = PipelineParameter("where", path).create_data_reference("where", binding)
    assert (reference.data_reference_name, reference.mode) == ("where", "download")
    with pytest.raises(UserErrorException, match="number is no DataPath"):
        PipelineParameter("number", 1).create_data_reference("number", binding)


def test_ports_of_a_step() -> None:
    made = OutputPortBinding("made")
    assert isinstance(made, PipelineData)
    assert InputPortBinding("read", made) is not None
    with pytest.raises(UserErrorException, match="not data that can be bound to `read`"):
        InputPortBinding("read", 42)
    table: Any = PipelineDataset(made)
    with pytest.raises(AttributeError, match="read the files in the script"):
        table.parse_delimited_files()


def test_types_of_columns_are_pandas_own() -> None:
    assert DataType.to_long() == "int64"
    assert DataType.to_datetime("%Y") == "datetime64[ns]"


def test_a_widget_says_that_it_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    RunDetails(SimpleNamespace(id="exp_1")).show()
    assert "`aml-emu runs show exp_1`" in capsys.readouterr().out


def test_the_run_of_a_pipeline_logs_nothing_itself() -> None:
    run = PipelineRun(SimpleNamespace(workspace=SimpleNamespace(_link=None)), "id")
    for method in ("log", "complete", "fail", "child_run"):
        with pytest.raises(UserErrorException, match="its steps do"):
            getattr(run, method)("a", 1)


def test_the_run_of_a_step_logs_from_its_script_only() -> None:
    run = StepRun(SimpleNamespace(workspace=SimpleNamespace(_link=None)), "id")
    assert isinstance(run, Run)
    for method in ("log", "complete", "fail", "child_run"):
        with pytest.raises(UserErrorException, match="from its own script"):
            getattr(run, method)("a", 1)

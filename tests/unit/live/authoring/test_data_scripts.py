"""Data, environments and computes as a v1 script asks for them, over the real calls."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.project import write_tree
from toolkit.dropin.azureml.core.compute import AmlCompute, ComputeTarget
from toolkit.dropin.azureml.core.dataset import Dataset, FileDataset, TabularDataset
from toolkit.dropin.azureml.core.datastore import Datastore
from toolkit.dropin.azureml.core.environment import Environment
from toolkit.dropin.azureml.core.experiment import Experiment
from toolkit.dropin.azureml.core.runconfig import RunConfiguration
from toolkit.dropin.azureml.core.script_run_config import ScriptRunConfig
from toolkit.dropin.azureml.exceptions import (
    ComputeTargetException,
    ExperimentExecutionException,
    UserErrorException,
)
from toolkit.dropin.azureml.widgets import RunDetails


def test_files_on_a_datastore_are_a_dataset(here: Any, home: Path) -> None:
    write_tree(home, {"in": {"a.csv": "x\n1\n", "b.csv": "x\n2\n"}})
    store = here.get_default_datastore()
    store.upload("in", "tables")
    files = Dataset.File.from_files((store, "tables"))
    assert isinstance(files, FileDataset)
    assert files.to_path() == ["/a.csv", "/b.csv"]
    registered = files.register(here, "tables", tags={"by": 1})
    assert (registered.name, registered.version, registered.tags) == ("tables", 1, {"by": "1"})
    again = Dataset.get_by_name(here, "tables")
    assert [Path(path).read_text() for path in again.download("out")] == ["x\n1\n", "x\n2\n"]
    assert "tables" in here.datasets


def test_a_table_is_read_as_it_was_described(
    here: Any, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a pandas that tells what it was asked."""
    asked: list[Any] = []
    pandas = ModuleType("pandas")
    pandas.read_csv = lambda path, **how: asked.append((os.path.basename(path), how))  # type: ignore[attr-defined]  # noqa: PTH119  # it is text
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    write_tree(home, {"t.dat": "1;2\n"})
    table = Dataset.Tabular.from_delimited_files("t.dat", separator=";", header=False)
    assert isinstance(table, TabularDataset)
    table.to_pandas_dataframe()
    assert asked == [("t.dat", {"sep": ";", "header": None})]
    again = Dataset.get_by_id(here, table.id)
    assert isinstance(again, TabularDataset), "whatever its file is called"


def test_data_that_is_not_there_is_the_scripts_mistake(here: Any, home: Path) -> None:
    with pytest.raises(UserErrorException, match="nothing is there"):
        Dataset.File.from_files(str(home / "none.csv"))
    with pytest.raises(UserErrorException, match="Cannot find registered dataset"):
        Dataset.get_by_name(here, "none")
    with pytest.raises(UserErrorException, match="other"):
        Datastore.register_azure_blob_container(here, "other", "container")
    with pytest.raises(UserErrorException, match="not a path"):
        Dataset.File.from_files(3)


def test_an_environment_is_kept_and_found(here: Any) -> None:
    made = Environment("mine")
    made.python.conda_dependencies.add_pip_package("numpy")
    assert made.register(here).version == "1"
    found = here.environments["mine"]
    assert "numpy" in list(found.python.conda_dependencies.pip_packages)
    curated = Environment.get(here, "AzureML-Minimal").clone("own")
    assert curated.python.conda_dependencies.get_python_version()
    with pytest.raises(UserErrorException, match="no environment `none`"):
        Environment.get(here, "none")
    with pytest.raises(AttributeError, match=r"get_image_details.*build_local"):
        made.get_image_details(here)


def test_a_conda_file_stays_as_it_was_written(here: Any, home: Path) -> None:
    text = "# mine\nname: x\ndependencies:\n- python=3.11 # this one\n- pip: [numpy]\n"
    write_tree(home, {"env.yml": text, "bad.yml": "dependencies: {"})
    made = Environment.from_conda_specification("mine", "env.yml")
    assert here is not None
    assert made.python.conda_dependencies.serialize_to_string() == text
    made.python.conda_dependencies.add_pip_package("pandas")
    assert "  - pandas\n" in made.python.conda_dependencies.serialize_to_string()
    with pytest.raises(UserErrorException, match=r"bad.yml:\d+: not YAML"):
        Environment.from_conda_specification("bad", "bad.yml")
    with pytest.raises(UserErrorException, match=r"is not there: none.yml"):
        Environment.from_conda_specification("none", "none.yml")


def test_a_run_configuration_comes_back(here: Any, home: Path) -> None:
    config = RunConfiguration("train.py", ["--rate", "1"])
    config.environment.python.conda_dependencies.add_conda_package("numpy=1.2")
    config.environment_variables["A"] = "b"
    config.save(str(home), "mine")
    found = RunConfiguration.load(str(home), "mine")
    assert (found.script, found.arguments, found.environment_variables) == (
        "train.py",
        ["--rate", "1"],
        {"A": "b"},
    )
    assert "numpy=1.2" in list(found.environment.python.conda_dependencies.conda_packages)
    assert here is not None
    with pytest.raises(UserErrorException, match="no run configuration is there; tried"):
        RunConfiguration.load(str(home), "none")


def test_a_compute_is_made_of_its_name(here: Any) -> None:
    with pytest.raises(ComputeTargetException, match=r"ComputeTargetNotFound.*--compute cpu"):
        ComputeTarget(here, "cpu")
    wanted = AmlCompute.provisioning_configuration(vm_size="D2", max_nodes=4)
    made = ComputeTarget.create(here, "cpu", wanted)
    made.wait_for_completion(show_output=True)
    assert isinstance(here.compute_targets["cpu"], AmlCompute)
    assert made.get_status().serialize()["properties"]["vmSize"] == "D2"
    made.delete()
    assert here.compute_targets == {}


def test_what_cannot_be_submitted_says_so(here: Any, home: Path) -> None:
    experiment = Experiment(here, "e")
    with pytest.raises(UserErrorException, match="a dict cannot be submitted"):
        experiment.submit({})
    write_tree(home, {"a.py": ""})
    config = ScriptRunConfig(".", "a.py", compute_target="gpu")
    with pytest.raises(ExperimentExecutionException, match=r"test_data_scripts.py:\d+: unknown"):
        experiment.submit(config)


def test_a_run_of_the_script_itself(here: Any, capsys: pytest.CaptureFixture[str]) -> None:
    experiment = Experiment(here, "e")
    run = experiment.start_logging()
    run.log("n", 1)
    run.complete()
    assert run.wait_for_completion(show_output=False)["status"] == "Completed"
    assert run.get_metrics() == {"n": 1}
    assert [each.name for each in Experiment.list(here)] == ["e"]
    RunDetails(run).show()
    assert f"aml-emu runs show {run.id}" in capsys.readouterr().out


def test_a_change_deep_in_a_folder_makes_another_dataset(here: Any, home: Path) -> None:
    write_tree(home, {"in": {"deep": {"a": "1"}}, "b": "b"})
    before = Dataset.File.from_files(["in", "b"])
    assert Dataset.File.from_files(["in", "b"]).id == before.id
    (home / "in/deep/a").write_text("other")
    after = Dataset.File.from_files(["in", "b"])
    assert after.id != before.id
    after.download("there")
    assert (home / "there/in/deep/a").read_text() == "other"


def test_environments_are_found_as_in_any_dictionary(here: Any) -> None:
    known = Environment.list(here)
    name = next(iter(known))
    found = known.get(name)
    assert found is not None
    assert found.name == name
    assert known.get("none") is None

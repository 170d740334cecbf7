"""The short calls of a script: computes, datasets, environments, YAML, published pipelines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.live.authoring.calls.conftest import Ask
from toolkit.errors import NameTaken, NotFound, SpecError
from toolkit.live.authoring.computes import add_computes, check_compute
from toolkit.live.authoring.service import Authoring, handlers
from toolkit.live.authoring.service import operation as operation_call
from toolkit.live.tracking.access import Caller
from toolkit.live.tracking.call import Call
from toolkit.live.tracking.failures import Refused

DEFINITION = {"name": "mine", "version": None, "python": {"userManagedDependencies": True}}


def test_a_job_may_not_author(authoring: Authoring) -> None:
    routes = handlers(authoring, {("GET", "operations/{operation}"): operation_call})
    [handler] = routes.values()
    call = Call(workspace=authoring.workspace, caller=Caller(run="job", root="job"))
    with pytest.raises(Refused, match="`job` is a job") as refused:
        handler(call)
    assert refused.value.status == 403


def test_a_compute_is_a_name(ask: Ask, authoring: Authoring) -> None:
    ask("POST", "computes", name="cpu", vm_size="D2", max_nodes=4)
    add_computes(authoring.workspace, ["cpu", "gpu"])
    assert [each["name"] for each in ask("GET", "computes")["computes"]] == ["cpu", "gpu"]
    for known in ("cpu", "local", None):
        check_compute(authoring.workspace, known, SpecError)
    with pytest.raises(SpecError, match="unknown compute target: cpuu") as error:
        check_compute(authoring.workspace, "cpuu", SpecError)
    assert "did you mean `cpu`?" in error.value.hint
    ask("DELETE", "computes/cpu")
    with pytest.raises(SpecError, match="unknown compute"):
        check_compute(authoring.workspace, "cpu", SpecError)


def test_a_dataset_of_a_path_is_a_reference(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n1\n")
    found = ask("POST", "datasets", paths=[str(tmp_path / "t.csv")], kind="tabular")
    assert found["is_file"]
    assert found["properties"] == {"aml-emu.dataset": "tabular"}
    assert ask("POST", "datasets", paths=[str(tmp_path / "t.csv")], kind="tabular") == found


def test_a_dataset_of_a_pattern_is_a_copy_of_what_matches(ask: Ask, tmp_path: Path) -> None:
    for name in ("a/1.csv", "b/1.csv", "b/2.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    found = ask("POST", "datasets", paths=[f"{tmp_path}/in/*/*.csv"])
    assert [file["path"] for file in found["files"]] == ["1.csv", "1_1.csv"]


@pytest.mark.parametrize("path", ["nowhere.csv", "nothing-*.csv"])
def test_a_dataset_that_is_not_there_is_an_error(ask: Ask, tmp_path: Path, path: str) -> None:
    with pytest.raises(NotFound, match="nothing"):
        ask("POST", "datasets", paths=[f"{tmp_path}/{path}"])


def test_another_content_under_a_name_needs_a_new_version(ask: Ask, tmp_path: Path) -> None:
    def registered(name: str, **more: Any) -> Any:
        (tmp_path / name).write_text(name)
        made = ask("POST", "datasets", paths=[str(tmp_path / name)])
        reference = f"{made['name']}:{made['version']}"
        return ask("POST", "datasets/registered", reference=reference, name="mine", **more)

    assert registered("one")["version"] == "1"
    assert registered("one")["version"] == "1"
    with pytest.raises(NameTaken, match="already a dataset"):
        registered("two")
    assert registered("two", new_version=True)["version"] == "2"


def test_an_environment_is_registered_once_as_long_as_it_is_the_same(ask: Ask) -> None:
    first = ask("POST", "environments/mine", definition=DEFINITION)
    assert ask("POST", "environments/mine", definition=DEFINITION) == first
    changed = {**DEFINITION, "environmentVariables": {"A": "1"}}
    assert ask("POST", "environments/mine", definition=changed)["version"] == "2"
    assert ask("GET", "environments/mine", version="1")["definition"] == first["definition"]
    assert ask("GET", "environments")["names"][0] == "mine"


def test_a_curated_environment_shows_what_it_is_made_of(ask: Ask) -> None:
    found = ask("GET", "environments/AzureML-Minimal")
    assert found["curated"]
    assert found["definition"]["python"]["condaDependencies"]["dependencies"][0].startswith("pyth")


def test_an_unknown_environment_is_told_with_the_nearest(ask: Ask) -> None:
    with pytest.raises(NotFound, match="no environment `AzureML-Minimall`") as error:
        ask("GET", "environments/AzureML-Minimall")
    assert "AzureML-Minimal" in error.value.hint
    ask("POST", "environments/mine", definition=DEFINITION)
    with pytest.raises(NotFound, match="9"):
        ask("GET", "environments/mine", version="9")


def test_a_run_configuration_comes_with_its_conda_file(ask: Ask, tmp_path: Path) -> None:
    folder = tmp_path / ".azureml"
    folder.mkdir()
    (folder / "conda.yml").write_text("name: x\ndependencies: [python=3.11]\n")
    text = "script: a.py\nenvironment:\n  python:\n    condaDependenciesFile: .azureml/conda.yml\n"
    (folder / "mine").write_text(text)
    found = ask("POST", "runconfig", path=str(folder / "mine"))["data"]
    assert found["environment"]["python"]["condaDependencies"]["dependencies"] == ["python=3.11"]
    (folder / "mine").write_text(text.replace("conda.yml", "gone.yml"))
    with pytest.raises(SpecError, match="conda file not found"):
        ask("POST", "runconfig", path=str(folder / "mine"))
    (folder / "mine").write_text("scrpt: a.py\nenvironment: {}\n")
    with pytest.raises(SpecError, match=r"mine:1: unknown key `scrpt`"):
        ask("POST", "runconfig", path=str(folder / "mine"))


def test_yaml_that_is_none_names_its_line(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "env.yml").write_text("dependencies: [\n")
    with pytest.raises(SpecError, match=r"env.yml:\d: not YAML"):
        ask("POST", "yaml", path=str(tmp_path / "env.yml"))


def test_a_published_pipeline_is_found_and_disabled(ask: Ask) -> None:
    id_ = ask("POST", "pipelines/published", pipeline={"steps": []}, name="mine")["id"]
    assert ask("GET", f"pipelines/published/{id_}")["name"] == "mine"
    ask("PATCH", f"pipelines/published/{id_}", status="Disabled")
    assert [each["status"] for each in ask("GET", "pipelines/published")["pipelines"]] == [
        "Disabled"
    ]
    with pytest.raises(Refused, match="disabled"):
        ask("POST", f"pipelines/published/{id_}/runs", experiment="e")
    with pytest.raises(NotFound, match="no published pipeline"):
        ask("GET", "pipelines/published/none")
    with pytest.raises(Refused, match="unknown status"):
        ask("PATCH", f"pipelines/published/{id_}", status="Lost")

from pathlib import Path

import pytest

from tests.project import Tree, write_tree
from tests.unit.specs.environment_files import loaded, refused
from toolkit.errors import NotFound, SpecError
from toolkit.specs.environment import (
    CondaEnvironment,
    CuratedEnvironment,
    DockerfileEnvironment,
    ImageEnvironment,
    PipEnvironment,
    load_environment,
)

CONDA = "dependencies: [python=3.11]\n"
FILES: Tree = {
    "conda.yml": CONDA,
    "conda.json": '{"dependencies": []}',
    "requirements.txt": "numpy\n",
    "asset.yml": "image: x\n",
    "v1.json": '{"name": "a", "docker": {"baseImage": "x"}, "python": {"condaDependencies": '
    '{"dependencies": []}}}',
    "Dockerfile": "FROM x\n",
    "gpu.Dockerfile": "FROM x\n",
    "Dockerfile.gpu": "FROM x\n",
    "noext": CONDA,
    "job.runconfig": "environment: {docker: {baseImage: x}, python: "
    "{userManagedDependencies: true}}\n",
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("conda.yml", CondaEnvironment),
        ("conda.json", CondaEnvironment),
        ("noext", CondaEnvironment),
        ("requirements.txt", PipEnvironment),
        ("asset.yml", ImageEnvironment),
        ("v1.json", CondaEnvironment),
        ("job.runconfig", ImageEnvironment),
        ("Dockerfile", DockerfileEnvironment),
        ("gpu.Dockerfile", DockerfileEnvironment),
        ("Dockerfile.gpu", DockerfileEnvironment),
    ],
)
def test_the_content_of_a_file_says_its_kind(tmp_path: Path, name: str, kind: type) -> None:
    assert isinstance(loaded(tmp_path, FILES, name), kind)


def test_a_file_wins_over_a_curated_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path, {"sklearn-1.5": CONDA})
    monkeypatch.chdir(tmp_path)
    assert isinstance(load_environment("sklearn-1.5"), CondaEnvironment)
    assert isinstance(load_environment("azureml:sklearn-1.5"), CuratedEnvironment)


def test_an_image_by_its_reference() -> None:
    assert load_environment("image:host:5000/a/My.Image:1") == ImageEnvironment(
        name="my-image", image="host:5000/a/My.Image:1"
    )


@pytest.mark.parametrize("reference", ["image:", "image:  ", "image:a b", "image:$a"])
def test_what_is_no_image_is_refused(reference: str) -> None:
    with pytest.raises(SpecError, match="not an image"):
        load_environment(reference)


@pytest.mark.parametrize(
    "reference",
    [
        "sklearn-1.5",
        "AzureML-sklearn-1.5",
        "azureml-SKLearn-1.5",
        "azureml:AzureML-sklearn-1.5@latest",
        "azureml:AzureML-sklearn-1.5",
        "azureml://registries/azureml/environments/sklearn-1.5",
        "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
    ],
)
def test_every_spelling_of_a_curated_name(reference: str) -> None:
    environment = load_environment(reference)
    assert isinstance(environment, CuratedEnvironment)
    assert environment.title == "sklearn-1.5"
    assert environment.notes == ()


@pytest.mark.parametrize(
    "reference",
    [
        "azureml://registries/azureml/environments/sklearn-1.5/versions/28",
        "azureml:AzureML-sklearn-1.5:28",
        "sklearn-1.5@28",
    ],
)
def test_another_version_is_said_not_to_be_that_one(reference: str) -> None:
    environment = load_environment(reference)
    assert isinstance(environment, CuratedEnvironment)
    assert environment.notes == (
        "version 28 of `sklearn-1.5` was asked for: this is the one that aml-emu has frozen",
    )


@pytest.mark.parametrize(
    "name", ["AzureML-Minimal", "AzureML-Scikit-learn-0.20.3", "azureml-scikit-learn-0.20.3"]
)
def test_names_of_the_first_sdk(name: str) -> None:
    environment = load_environment(name)
    assert isinstance(environment, CuratedEnvironment)
    assert (environment.era, environment.python) == ("2020", "3.6.2")
    assert environment.successor


@pytest.mark.parametrize(
    ("reference", "near"),
    [
        ("sklean-1.5", "`sklearn-1.5`"),
        ("azureml:AzureML-sklearn-1.4@latest", "`sklearn-1.5`"),
        ("AzureML-Minimall", "`AzureML-Minimal`"),
        ("azureml://registries/azureml/environments/lightgbm/labels/latest", "`lightgbm-3.3`"),
    ],
)
def test_an_unknown_name_names_the_nearest(reference: str, near: str) -> None:
    with pytest.raises(NotFound) as caught:
        load_environment(reference)
    assert caught.value.message == f"no curated environment of this name: {reference}"
    assert near in caught.value.hint


def test_a_name_like_no_other_leads_to_the_list() -> None:
    with pytest.raises(NotFound) as caught:
        load_environment("zzzzzz")
    assert caught.value.hint == "run `aml-emu env list` for the names"


def test_another_registry_is_refused() -> None:
    with pytest.raises(SpecError, match="only the registry `azureml` is known here"):
        load_environment("azureml://registries/mine/environments/a/versions/1")


@pytest.mark.parametrize("reference", ["azureml://subscriptions/x/environments/a", "a:b:c"])
def test_a_reference_of_another_form_is_refused(reference: str) -> None:
    with pytest.raises(SpecError):
        load_environment(reference)


@pytest.mark.parametrize("name", ["missing.yml", "missing.json", "Dockerfile", "a.Dockerfile"])
def test_what_looks_like_a_file_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SpecError, match="not found"):
        load_environment(name)


def test_a_folder_is_refused_and_names_the_file_in_it(tmp_path: Path) -> None:
    error = refused(tmp_path, {"project": {"env.yml": CONDA}}, "project")
    assert error.message.startswith("an environment is a file, this is a folder: ")
    assert error.hint == "did you mean `project/env.yml`?"


def test_a_run_configuration_without_an_environment(tmp_path: Path) -> None:
    error = refused(tmp_path, {"a.runconfig": "script: a.py\n"}, "a.runconfig")
    assert error.message == "a.runconfig:1: no `environment` in this run configuration"

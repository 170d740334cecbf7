"""The frozen files themselves: every one can be read, and says what was frozen."""

import re
from pathlib import Path

import pytest

from toolkit.errors import SpecError
from toolkit.resources import dockerfiles
from toolkit.specs.environment import (
    CondaEnvironment,
    DockerfileEnvironment,
    ImageEnvironment,
    curated_names,
    load_curated,
)

NAMES = curated_names()
FOLDER = dockerfiles() / "curated"


@pytest.mark.parametrize("name", NAMES)
def test_every_name_loads(name: str) -> None:
    environment = load_curated(name)
    assert environment.title == name
    assert environment.era
    match environment.recipe:
        case CondaEnvironment(base=base):
            assert isinstance(base, str)
        case DockerfileEnvironment(dockerfile=dockerfile):
            assert dockerfile.context == environment.folder
        case ImageEnvironment(image=image):
            assert image


def test_the_sets_that_people_use_are_there() -> None:
    wanted = {
        "sklearn-1.5", "lightgbm-3.3", "tensorflow-2.16-cuda12", "acpt-pytorch-2.8-cuda12.6",
        "minimal-py311-inference", "minimal-py312-cuda12.4-inference", "mlflow-py312-inference",
        "AzureML-Minimal", "AzureML-Scikit-learn-0.20.3", "AzureML-PyTorch-1.6-GPU",
        "AzureML-sklearn-0.24-ubuntu18.04-py37-cuda11-gpu", "responsibleai-tabular",
    }  # fmt: skip
    assert wanted <= set(NAMES)


def test_no_template_marker_is_left_but_in_the_record() -> None:
    for path in FOLDER.rglob("*"):
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
            lines = path.read_text("utf-8").splitlines()
            left = [line for line in lines if "{{" in line and not line.startswith("  - was: ")]
            assert not left, path


def test_paths_and_kinds_are_those_of_azure() -> None:
    environment = load_curated("minimal-py311-inference")
    assert (environment.kind, environment.python) == ("inference", "3.11")
    assert isinstance(environment.recipe, CondaEnvironment)
    assert str(environment.recipe.prefix) == "/azureml-envs/minimal"
    assert str(environment.recipe.base).startswith("mcr.microsoft.com/azureml/inference-base-2204:")


def test_later_installs_are_kept_apart() -> None:
    recipe = load_curated("lightgbm-3.3").recipe
    assert isinstance(recipe, CondaEnvironment)
    assert "distributed~=2021.10.0" in [dependency.text for dependency in recipe.pip]
    assert "distributed>=2026.1.0" in [dependency.text for dependency in recipe.upgrades]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/conda_dependencies.yaml")), ids=str)
def test_pins_of_packages_that_were_marked_are_exact(path: Path) -> None:
    record = (path.parent / "curated.yml").read_text("utf-8")
    for was, now in re.findall(r"- was: (\S+)==\{\{.*\n    now: (\S+)", record):
        assert re.fullmatch(rf"{re.escape(was)}==[\w.]+", now)


def test_a_frozen_file_with_a_mistake_names_its_line(tmp_path: Path) -> None:
    (tmp_path / "published.yml").write_text("source: x\nenvironments: {}\n")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/curated.yml").write_text("name: broken\nkinds: training\n")
    with pytest.raises(SpecError) as caught:
        load_curated("broken", tmp_path)
    assert caught.value.message == f"{tmp_path}/broken/curated.yml:2: unknown key `kinds`"

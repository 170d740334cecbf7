"""`CondaDependencies`: the file it writes, byte by byte, and what changes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.dropin.azureml.core.conda_dependencies import CondaDependencies
from toolkit.specs.yamlfile import load_yaml, plain

HEADER = """\
# Conda environment specification. The dependencies defined in this file will
# be automatically provisioned for runs with userManagedDependencies=False.

# Details about the Conda environment file format:
# https://conda.io/docs/user-guide/tasks/manage-environments.html#create-env-file-manually

name: project_environment
dependencies:
  # The python interpreter version.
  # Currently Azure ML only supports 3.5.2 and later.
"""
# as published files of the SDK of 2020 and 2021 are laid out
CREATED = """\
- python=3.6.2

- pip:
  - numpy
  - inference-schema[numpy-support]
  - azureml-defaults~=1.27.0
- numpy
- pandas
channels:
- anaconda
- conda-forge
"""
EDITED = """\
- python=3.7

- pip:
    # Required packages for AzureML execution, history, and data preparation.
  - azureml-defaults

  - pyyaml
- pytorch
- torchvision
channels:
- anaconda
- conda-forge
- pytorch
"""


def test_created_with_packages_is_laid_out_as_the_sdk_does() -> None:
    made = CondaDependencies.create(
        pip_packages=["numpy", "inference-schema[numpy-support]", "azureml-defaults~=1.27.0"],
        conda_packages=["numpy", "pandas"],
    )
    assert made.serialize_to_string() == HEADER + CREATED


def test_an_edited_one_keeps_the_defaults_and_their_comment() -> None:
    made = CondaDependencies()
    made.add_channel("pytorch")
    made.add_conda_package("python=3.7")
    made.add_conda_package("pytorch")
    made.add_conda_package("torchvision")
    made.add_pip_package("pyyaml")
    assert made.serialize_to_string() == HEADER + EDITED


def test_another_version_takes_the_place_of_the_first() -> None:
    made = CondaDependencies.create(pip_packages=["scikit_learn==0.1"], conda_packages=["numpy"])
    made.add_pip_package("scikit-learn==0.2")
    made.add_conda_package("numpy=1.2")
    assert list(made.pip_packages) == ["scikit-learn==0.2"]
    assert list(made.conda_packages) == ["python=3.6.2", "numpy=1.2"]


def test_options_stand_in_front_of_packages() -> None:
    made = CondaDependencies.create(pip_packages=["a"], pip_indexurl="https://one")
    made.set_pip_index_url("--index-url https://two")
    made.set_pip_option("--extra-index-url https://three")
    made.set_pip_option("--extra-index-url https://four")
    assert made.as_dict()["dependencies"][1] == {
        "pip": [
            "--index-url https://two",
            "--extra-index-url https://three",
            "--extra-index-url https://four",
            "a",
        ]
    }
    made.remove_pip_option("--extra-index-url")
    assert list(made.pip_options) == ["--index-url https://two"]


def test_packages_channels_and_python_are_changed_and_removed() -> None:
    made = CondaDependencies.create(pip_packages=["a"], conda_packages=["b"])
    made.remove_pip_package("a")
    made.remove_conda_package("b")
    made.remove_channel("anaconda")
    made.set_python_version("3.11")
    made.add_tensorflow_pip_package("gpu", "2.1")
    assert made.get_python_version() == "3.11"
    assert made.as_dict() == {
        "name": "project_environment",
        "dependencies": ["python=3.11", {"pip": ["tensorflow-gpu==2.1"]}],
        "channels": ["conda-forge"],
    }


def test_it_is_saved_under_a_name_in_a_folder_and_beside_a_project(tmp_path: Path) -> None:
    made = CondaDependencies()
    assert Path(made.save(str(tmp_path))).name == "conda_dependencies.yml"
    assert made.save_to_file(str(tmp_path)) == ".azureml/auto_conda_dependencies.yml"
    assert (tmp_path / ".azureml/auto_conda_dependencies.yml").read_text().startswith("# Conda")


def test_what_it_lacks_is_named() -> None:
    with pytest.raises(AttributeError, match=r"CondaDependencies.merge_requirements"):
        CondaDependencies().merge_requirements()


def test_variables_are_yaml(tmp_path: Path) -> None:
    said = {"dependencies": ["python=3.8"], "variables": {"PATTERN": "a\\b", "EMPTY": None}}
    path = CondaDependencies(_underlying_structure=said).save(str(tmp_path))
    assert plain(load_yaml(Path(path), what="conda file").data)["variables"] == said["variables"]

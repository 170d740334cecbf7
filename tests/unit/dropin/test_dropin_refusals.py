"""Names without Azure behind them: stand-ins that say so, refusals that say what to use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.project import write_tree
from toolkit.dropin.azureml.core.authentication import (
    AzureCliAuthentication,
    InteractiveLoginAuthentication,
    MsiAuthentication,
    ServicePrincipalAuthentication,
)
from toolkit.dropin.azureml.core.keyvault import Keyvault
from toolkit.dropin.azureml.exceptions import UserErrorException
from toolkit.dropin.azureml.telemetry import set_diagnostics_collection
from toolkit.plans.dropin import dropin_source


def python(code: str, *path: Path) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that has these folders first, as `aml-emu python` puts the drop-in."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("line", "name", "advice"),
    [
        (
            "from azureml.pipeline.core import TrainingOutput",
            "azureml.pipeline.core.TrainingOutput",
            "AutoML",
        ),
        ("from azureml.train.dnn import PyTorch", "azureml.train.dnn.PyTorch", "ScriptRunConfig"),
        (
            "from azureml.train.automl import AutoMLConfig",
            "azureml.train.automl.AutoMLConfig",
            "services of Azure only",
        ),
        (
            "from azureml.train.hyperdrive.sampling import choice",
            "azureml.train.hyperdrive.sampling.choice",
            "v2 sweep",
        ),
        (
            "from azureml.core.image import ContainerImage",
            "azureml.core.image.ContainerImage",
            "Model.package",
        ),
        ("from azureml.core import Image", "azureml.core.Image", "Model.package"),
        (
            "from azureml.core.webservice import AksWebservice",
            "azureml.core.webservice.AksWebservice",
            "aml-emu deploy",
        ),
        (
            "import azureml.opendatasets as o; o.MNIST",
            "azureml.opendatasets.MNIST",
            "Dataset.File.from_files",
        ),
    ],
)
def test_a_refusal_names_the_class_and_says_what_to_use(line: str, name: str, advice: str) -> None:
    done = python(line, dropin_source())
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert f"`{name}` is not part of aml-emu's azureml" in last
    assert advice in last
    assert "docs/reference/v1-compatibility.md" in last


def test_a_module_that_nobody_knows_is_just_not_there() -> None:
    done = python("import azureml.nowhere", dropin_source())
    assert "ModuleNotFoundError: No module named 'azureml.nowhere'" in done.stderr


def test_an_installed_package_of_a_refused_name_is_used(tmp_path: Path) -> None:
    extends = '__path__ = __import__("pkgutil").extend_path(__path__, __name__)\n'
    write_tree(
        tmp_path, {"azureml": {"__init__.py": extends, "opendatasets": {"__init__.py": "MNIST=1"}}}
    )
    done = python("from azureml.opendatasets import MNIST; print(MNIST)", dropin_source(), tmp_path)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_the_real_sdk_is_not_mixed_in(tmp_path: Path) -> None:
    """Its other modules want its own `core`, so none of them is found; and that is said."""
    real: Any = {
        "__init__.py": "",
        "core": {"__init__.py": "Run = 'real'"},
        "_base_sdk_common": {"__init__.py": ""},
    }
    write_tree(tmp_path, {"azureml": real})
    code = "from azureml.core import Run; print(Run.__module__)\nimport azureml._base_sdk_common"
    done = python(code, dropin_source(), tmp_path)
    assert done.stdout == "azureml.core.run\n"
    assert f"the real azureml-core is installed too, in {tmp_path / 'azureml'}" in done.stderr
    assert "`--python PATH`" in done.stderr
    assert done.stderr.count("aml-emu: ") == 1
    assert "No module named 'azureml._base_sdk_common'" in done.stderr


@pytest.mark.parametrize(
    "kind",
    [
        AzureCliAuthentication,
        InteractiveLoginAuthentication,
        MsiAuthentication,
        ServicePrincipalAuthentication,
    ],
)
def test_logins_are_not_needed(kind: Any, capsys: pytest.CaptureFixture[str]) -> None:
    login = kind(tenant_id="t", service_principal_id="i", service_principal_password="p")
    assert f"no login is needed, {kind.__name__} is a stand-in" in capsys.readouterr().err
    with pytest.raises(AttributeError, match="real subscription"):
        login.get_authentication_header()


def test_small_stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    set_diagnostics_collection(send_diagnostics=True)
    monkeypatch.setenv("A_B", "1")
    assert Keyvault().get_secrets(["a-b"]) == {"a-b": "1"}
    with pytest.raises(UserErrorException, match="`NONE`"):
        Keyvault().get_secret("none")

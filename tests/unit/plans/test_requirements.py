from pathlib import Path

import pytest

from toolkit.errors import SpecError
from toolkit.plans.model import CondaMode, ImageKind
from toolkit.plans.requirements import (
    DEFAULT_PYTHON,
    Requirements,
    plan_requirements,
    require_locked_server,
)
from toolkit.specs.environment import CondaEnvironment, Dependency, PipEnvironment

PATH = Path("env.yml")
SEEDS = ("pip", "setuptools", "wheel")
SERVER = "azureml-inference-server-http~=1.5"


def dependencies(*texts: str, first: int = 1) -> tuple[Dependency, ...]:
    return tuple(Dependency(text=text, line=n) for n, text in enumerate(texts, start=first))


def plan(
    *conda: str,
    pip: tuple[str, ...] = (),
    kind: ImageKind = "training",
    mode: CondaMode = "pip-only",
) -> Requirements:
    environment = CondaEnvironment(
        name="e", path=PATH, conda=dependencies(*conda), pip=dependencies(*pip, first=50)
    )
    return plan_requirements(environment, kind=kind, mode=mode)


def refused(
    *conda: str,
    pip: tuple[str, ...] = (),
    kind: ImageKind = "training",
    mode: CondaMode = "pip-only",
) -> SpecError:
    with pytest.raises(SpecError) as caught:
        plan(*conda, pip=pip, kind=kind, mode=mode)
    return caught.value


@pytest.mark.parametrize(
    ("text", "python", "notes"),
    [
        ("python=3.10", "3.10", 0),
        ("python==3.10", "3.10", 0),
        ("python>=3.9", "3.11", 1),
        ("python >=3.6", "3.11", 1),
        ("python>=3", "3.11", 1),
        ("python>3.8,<4.0", "3.11", 1),
        ("python>=3.13", "3.13", 1),
        ("python<3.11", "3.10", 1),
        ("python<=3.10", "3.10", 1),
        ("python<3.11.4", "3.11", 1),
        ("python>=3.8,!=3.11.*,<3.12", "3.10", 1),
        ("python>=3.8,!=3.11.2", "3.11", 1),
        ("python~=3.12", "3.12", 0),
        ("python 3.12", "3.12", 0),
        ("python = 3.12", "3.12", 0),
        ("python=3.11.*", "3.11", 0),
        ("python>=3.9,<3.11.0", "3.10", 1),
        ("python=3.11.4", "3.11", 1),
        ("python==3.10.12=h955ad1f_0", "3.10", 1),
        ("conda-forge::python=3.11", "3.11", 0),
        ("Python=3.11", "3.11", 0),
        ("python", DEFAULT_PYTHON, 1),
    ],
)
def test_every_form_of_a_python_pin(text: str, python: str, notes: int) -> None:
    requirements = plan(text)
    assert requirements.python == python
    assert len(requirements.notes) == notes
    assert requirements.lines == SEEDS


@pytest.mark.parametrize(
    "text",
    [
        "python=2.7",
        "python=3",
        "python=abc",
        "python=3.",
        "python>=3.9,<3.9",
        "python>=2.7",
        "python>=3.9,x",
        "python>=3.9|3.8",
    ],
)
def test_an_unusable_python_pin_is_refused(text: str) -> None:
    error = refused("numpy", text)
    assert error.message == f"env.yml:2: not a Python version: `{text}`"
    assert error.hint == "write for example `python=3.11`"


def test_options_that_have_no_effect_are_said() -> None:
    options = ("--pre", "--prefer-binary", "--trusted-host pypi.example", "--no-binary :all:")
    assert plan("python=3.11", pip=(*options, "numpy")).notes == (
        "`--pre` is left out: name the pre-release, as `name>=1.0b1`",
        "`--prefer-binary` is left out: it is no option of a list",
        "`--trusted-host pypi.example` is left out: it is no option of a list",
    )


def test_without_a_python_pin_the_default_is_used_and_said() -> None:
    requirements = plan("numpy")
    assert requirements.python == DEFAULT_PYTHON
    assert requirements.notes == (f"env.yml pins no Python: using {DEFAULT_PYTHON}",)


def test_a_dropped_patch_release_is_said() -> None:
    assert plan("python=3.11.4").notes == (
        "`python=3.11.4`: using Python 3.11, whatever its last part",
    )


def test_seeds_come_last_and_only_once() -> None:
    requirements = plan("python=3.11", "pip=23.1", pip=("numpy", "wheel==0.40", "Setuptools<70"))
    assert requirements.lines == ("pip==23.1.*", "numpy", "wheel==0.40", "Setuptools<70")


def test_auto_takes_seeds_and_pip_as_they_are() -> None:
    requirements = plan("python=3.11", "pip", "setuptools", pip=("numpy==2.0",), mode="auto")
    assert requirements.lines == ("pip", "setuptools", "numpy==2.0", "wheel")


def test_auto_refuses_a_conda_package_and_names_the_way_out() -> None:
    error = refused("python=3.11", "scipy=1.11", mode="auto")
    assert error.message == "env.yml:2: `scipy=1.11` is a conda package"
    assert "--conda pip-only" in error.hint


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("numpy", "numpy"),
        ("numpy=1.26", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy=1.26*", "numpy==1.26.*"),
        ("numpy==1.26.4", "numpy==1.26.4"),
        ("numpy==1.26.*", "numpy==1.26.*"),
        ("numpy 1.26", "numpy==1.26"),
        ("numpy 1.26.*", "numpy==1.26.*"),
        ("numpy >=1.2", "numpy>=1.2"),
        ("numpy>=1.2,<2", "numpy>=1.2,<2"),
        ("numpy >=1.2, <2", "numpy>=1.2,<2"),
        ("numpy=1.2,<1.2.9", "numpy==1.2.*,<1.2.9"),
        ("numpy>=1.2.*", "numpy>=1.2"),
        ("numpy!=1.2", "numpy!=1.2"),
        ("numpy~=1.2", "numpy~=1.2"),
        ("numpy<2", "numpy<2"),
        ("numpy=*", "numpy"),
        ("numpy *", "numpy"),
        ("numpy=1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("numpy=1.26.4=0", "numpy==1.26.4"),
        ("conda-forge::numpy=1.26", "numpy==1.26.*"),
        ("conda-forge/linux-64::numpy", "numpy"),
        ("pytorch=2.1", "torch==2.1.*"),
        ("py-xgboost-cpu", "xgboost"),
        ("PyTables", "tables"),
        ("conda-forge::dask-core>=2024", "dask>=2024"),
        ("msgpack-python", "msgpack"),
    ],
)
def test_pip_only_says_it_in_pips_words(conda: str, pip: str) -> None:
    requirements = plan("python=3.11", conda)
    assert requirements.lines == (pip, *SEEDS)
    said = f"`{conda}`: taken from PyPI as `{pip}`"
    assert requirements.notes == (() if conda == pip else (said,))


@pytest.mark.parametrize("text", ["mkl=2023.1", "_libgcc_mutex=0.1=main", "cudatoolkit=11.8", "tk"])
def test_pip_only_leaves_out_what_wheels_bring_and_says_so(text: str) -> None:
    requirements = plan("python=3.11", text)
    assert requirements.lines == SEEDS
    assert requirements.notes == (f"`{text}`: left out, wheels bring this library themselves",)


@pytest.mark.parametrize(
    ("text", "apt"),
    [("ffmpeg=6", "ffmpeg"), ("openjdk", "default-jre-headless"), ("gdal>=3", "gdal-bin")],
)
def test_pip_only_refuses_a_program_and_names_the_apt_package(text: str, apt: str) -> None:
    error = refused("python=3.11", text)
    assert error.message == f"env.yml:2: `{text}` is not on PyPI"
    assert f"Debian's `{apt}`" in error.hint


def test_pip_only_refuses_r_packages() -> None:
    assert "base image of your own" in refused("r-tidyverse").hint


@pytest.mark.parametrize("text", ["numpy=1.2|1.3", "numpy>>1", "numpy=>1.2", "numpy=1.2="])
def test_pip_only_refuses_what_pip_cannot_say(text: str) -> None:
    assert refused(text).message.startswith("env.yml:1: not a ")


def test_a_match_specification_with_brackets_is_refused() -> None:
    error = refused("numpy[build=py311*]")
    assert error.message == "env.yml:1: not a package: `numpy[build=py311*]`"


@pytest.mark.parametrize(
    "line",
    [
        "-e .",
        "--editable ./pkg",
        "./wheels/x.whl",
        ".",
        "/abs/x.whl",
        "file:///x.whl",
        "x @ file:///x",
    ],
)
def test_a_local_path_is_refused(line: str) -> None:
    error = refused(pip=("numpy", line))
    assert error.message == f"env.yml:51: a local path cannot be installed into an image: `{line}`"


@pytest.mark.parametrize("line", ["-r other.txt", "--requirement other.txt", "-c pins.txt"])
def test_another_file_is_refused(line: str) -> None:
    error = refused(pip=(line,))
    assert error.message == f"env.yml:50: another file cannot be included: `{line}`"


@pytest.mark.parametrize(
    "line",
    [
        "--extra-index-url https://a/simple",
        "torch @ https://a/torch.whl",
        "git+https://a/b",
        "x; python_version<'3.9'",
    ],
)
def test_everything_else_that_pip_reads_is_left_to_it(line: str) -> None:
    assert plan("python=3.11", pip=(line,)).lines[0] == line


@pytest.mark.parametrize(
    "server", [SERVER, "azureml-defaults==1.60", "Azureml_Inference_Server_HTTP[x]"]
)
def test_an_inference_environment_with_the_server_passes(server: str) -> None:
    assert server in plan("python=3.11", pip=(server,), kind="inference").lines


def test_an_inference_environment_without_the_server_is_refused() -> None:
    error = refused("python=3.11", pip=("numpy", "azureml-core"), kind="inference")
    assert error.message == "env.yml: no inference server in this environment"
    assert "azureml-inference-server-http" in error.hint


@pytest.mark.parametrize("kind", ["inference", "training"])
def test_azureml_defaults_of_no_version_is_one_that_has_the_server(kind: ImageKind) -> None:
    lines = plan("python=3.11", pip=("numpy", "azureml-defaults"), kind=kind).lines
    assert lines[:2] == ("numpy", "azureml-defaults>=1.35")


def test_an_old_azureml_defaults_is_refused_before_anything_is_built() -> None:
    with pytest.raises(SpecError) as caught:
        require_locked_server(Path("env.yml"), "azureml-core==1.0.85\nazureml-defaults==1.0.85\n")
    assert caught.value.message == "env.yml: `azureml-defaults==1.0.85` brings no inference server"
    assert "`azureml-defaults>=1.35`" in caught.value.hint


@pytest.mark.parametrize("of", ["==1.5.1", " @ https://a/server.whl"])
def test_a_lock_that_has_the_server_passes(of: str) -> None:
    lock = f"azureml-defaults==1.62.0\nazureml-inference-server-http{of}\n"
    require_locked_server(Path("env.yml"), lock)


def test_training_needs_no_server() -> None:
    assert plan("python=3.11", pip=("numpy",)).lines == ("numpy", *SEEDS)


def test_a_requirements_file_is_taken_line_by_line() -> None:
    environment = PipEnvironment(
        name="e", path=Path("requirements.txt"), pip=dependencies("numpy", SERVER)
    )
    assert plan_requirements(environment, kind="inference") == Requirements(
        python=DEFAULT_PYTHON,
        lines=("numpy", SERVER, *SEEDS),
        notes=(f"requirements.txt pins no Python: using {DEFAULT_PYTHON}",),
    )

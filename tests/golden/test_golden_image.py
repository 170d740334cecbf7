"""What the image of a few environments is made from, to be reviewed as text."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.plans.image import plan_image
from toolkit.plans.model import ImageKind, ImagePlan
from toolkit.plans.packages import Locked
from toolkit.plans.requirements import plan_requirements
from toolkit.specs.environment import CondaEnvironment, PipEnvironment, load_environment

PLAIN = """
    name: iris
    dependencies:
      - python=3.11
      - pip:
          - azureml-inference-server-http~=1.5
          - scikit-learn==1.7.2
    """
WITH_VARIABLES = PLAIN + (
    """
    variables:
      OMP_NUM_THREADS: 2
      GREETING: say "hi" for $5, café
    """
)
REQUIREMENTS_TXT = "azureml-inference-server-http\nnumpy\n"


def plan(
    folder: Path,
    *,
    text: str = PLAIN,
    name: str = "env.yml",
    kind: ImageKind = "inference",
    secrets: tuple[str, ...] = (),
) -> ImagePlan:
    project = folder / "iris"
    project.mkdir()
    (project / name).write_text(textwrap.dedent(text), "utf-8")
    environment = load_environment(project / name)
    assert isinstance(environment, CondaEnvironment | PipEnvironment)
    python = plan_requirements(environment, kind=kind).python
    return plan_image(
        environment,
        packages=Locked(python=python, lock="numpy==2.0.0\n"),
        kind=kind,
        base="aml-emu/base",
        secrets=secrets,
    )


@pytest.mark.parametrize("kind", ["inference", "training"])
def test_dockerfile_of_each_kind(
    golden: Callable[[str, str], None], tmp_path: Path, kind: ImageKind
) -> None:
    golden(f"{kind}.Dockerfile", plan(tmp_path, kind=kind).dockerfile)


def test_dockerfile_with_secrets(golden: Callable[[str, str], None], tmp_path: Path) -> None:
    made = plan(tmp_path, secrets=("ca", "feeds", "pip"))
    golden("with-secrets.Dockerfile", made.dockerfile)


def test_dockerfile_with_the_hosts_certificates_only(
    golden: Callable[[str, str], None], tmp_path: Path
) -> None:
    golden("with-ca.Dockerfile", plan(tmp_path, secrets=("ca",)).dockerfile)


def test_dockerfile_with_variables(golden: Callable[[str, str], None], tmp_path: Path) -> None:
    golden("with-variables.Dockerfile", plan(tmp_path, text=WITH_VARIABLES).dockerfile)


def test_dockerfile_of_a_requirements_file(
    golden: Callable[[str, str], None], tmp_path: Path
) -> None:
    made = plan(tmp_path, text=REQUIREMENTS_TXT, name="requirements.txt")
    golden("requirements-txt.Dockerfile", made.dockerfile)


@pytest.mark.parametrize("kind", ["inference", "training"])
def test_files_and_modes_of_the_context(
    golden: Callable[[str, str], None], tmp_path: Path, kind: ImageKind
) -> None:
    listed = [f"{file.mode:o} {file.path}\n" for file in plan(tmp_path, kind=kind).context]
    golden(f"{kind}.context.txt", "".join(listed))

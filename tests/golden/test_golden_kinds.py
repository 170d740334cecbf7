"""The Dockerfiles of environments whose packages are not ours to lock, as text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from toolkit.plans.image import plan_image
from toolkit.plans.model import ImageKind
from toolkit.plans.packages import CondaSolved, CondaTool, Present
from toolkit.specs.environment import CondaEnvironment, ImageEnvironment

Golden = Callable[[str, str], None]
IMAGE = ImageEnvironment(name="mine", image="mine:1", variables={"MODE": "a b"})
CONDA = CondaEnvironment(
    name="solved", path=Path("env.yml"), prefix=PurePosixPath("/azureml-envs/other")
)


@pytest.mark.parametrize("kind", ["inference", "training"])
def test_dockerfile_on_an_image_with_its_own_python(golden: Golden, kind: ImageKind) -> None:
    made = plan_image(IMAGE, packages=Present(), kind=kind, base="mine:1")
    golden(f"image-{kind}.Dockerfile", made.dockerfile)


def test_dockerfile_on_an_image_with_a_named_python(golden: Golden) -> None:
    packages = Present(interpreter=PurePosixPath("/opt/my env/bin/python"))
    made = plan_image(IMAGE, packages=packages, kind="training", base="mine:1")
    golden("image-interpreter.Dockerfile", made.dockerfile)


@pytest.mark.parametrize("tool", ["base", "rattler"])
def test_dockerfile_of_a_conda(golden: Golden, tool: CondaTool) -> None:
    packages = CondaSolved(
        tool=tool,
        channels=("conda-forge", "nodefaults", "https://a/b c"),
        specs=("python=3.10", "pandas~=1.5.3"),
        requirements=("azureml-inference-server-http",),
        upgrades=("protobuf>=5",),
    )
    made = plan_image(CONDA, packages=packages, kind="inference", base="mine:1", secrets=("ca",))
    golden(f"conda-{tool}.Dockerfile", made.dockerfile)


def test_the_script_that_finds_a_python(golden: Golden) -> None:
    made = plan_image(IMAGE, packages=Present(), kind="training", base="mine:1")
    (script,) = [file for file in made.context if file.path.name == "python.sh"]
    assert isinstance(script.content, bytes)
    golden("python.sh", script.content.decode())

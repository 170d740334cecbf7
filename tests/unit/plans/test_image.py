from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from toolkit.plans.image import plan_image
from toolkit.plans.model import ImageKind, ImagePlan
from toolkit.plans.packages import Locked
from toolkit.specs.environment import CondaEnvironment, load_environment

ENVIRONMENT = CondaEnvironment(name="iris", path=Path("env.yml"))
LOCK = "numpy==2.0.0\n"
BASE = "sha256:1"


def plan(
    environment: CondaEnvironment = ENVIRONMENT,
    *,
    python: str = "3.11",
    lock: str = LOCK,
    kind: ImageKind = "inference",
    base: str = "aml-emu/base",
    secrets: tuple[str, ...] = (),
    platform: str | None = None,
) -> ImagePlan:
    return plan_image(
        environment,
        packages=Locked(python=python, lock=lock),
        kind=kind,
        base=base,
        secrets=secrets,
        platform=platform,
    )


def steps(dockerfile: str) -> list[str]:
    """The instructions, one a line, without comments."""
    joined = dockerfile.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def variables(dockerfile: str) -> str:
    return next(line for line in steps(dockerfile) if line.startswith("ENV AZUREML_CONDA"))


def test_the_same_input_gives_the_same_bytes() -> None:
    assert plan() == plan()
    assert plan().dockerfile == plan().dockerfile
    assert [f.digest() for f in plan().context] == [f.digest() for f in plan().context]


@pytest.mark.parametrize(
    "changed",
    [
        {"lock": "numpy==2.0.1\n"},
        {"python": "3.12"},
        {"secrets": ("ca",)},
        {"secrets": ("ca", "feeds", "pip")},
        {"kind": "training"},
        {"base": "other:1"},
        {"platform": "linux/arm64"},
        {"environment": replace(ENVIRONMENT, variables={"A": "1"})},
        {"environment": replace(ENVIRONMENT, name="rose")},
    ],
)
def test_whatever_decides_the_image_changes_its_tag(changed: dict[str, Any]) -> None:
    assert plan(**changed).tag(BASE) != plan().tag(BASE)


def test_another_id_of_the_base_changes_the_tag() -> None:
    assert plan().tag("sha256:2") != plan().tag(BASE)


def test_the_order_of_secrets_and_variables_does_not_matter() -> None:
    one = plan(replace(ENVIRONMENT, variables={"A": "1", "B": "2"}), secrets=("ca", "feeds"))
    other = plan(replace(ENVIRONMENT, variables={"B": "2", "A": "1"}), secrets=("feeds", "ca"))
    assert one == other


def test_only_the_names_of_secrets_are_in_the_plan() -> None:
    with_secrets = plan(secrets=("pip", "feeds", "ca"))
    assert with_secrets.secrets == ("ca", "feeds", "pip")
    for name in with_secrets.secrets:
        assert f"--mount=type=secret,id={name}," in with_secrets.dockerfile
    assert "type=secret" not in plan().dockerfile


def test_a_path_with_spaces_is_no_problem(tmp_path: Path) -> None:
    folder = tmp_path / "my project"
    folder.mkdir()
    (folder / "conda env.yml").write_text("dependencies: [python=3.11]\n")
    environment = load_environment(folder / "conda env.yml")
    assert isinstance(environment, CondaEnvironment)
    made = plan(environment)
    assert made.name == "my-project"
    assert made.tag(BASE).startswith("aml-emu/my-project:")
    assert str(tmp_path) not in made.dockerfile
    assert "/azureml-envs/my-project/bin:$PATH" in variables(made.dockerfile)


def test_where_the_project_lies_does_not_matter(tmp_path: Path) -> None:
    other = plan(replace(ENVIRONMENT, path=tmp_path / "env.yml"))
    assert other.tag(BASE) == plan().tag(BASE)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("plain", '"plain"'),
        ("two words", '"two words"'),
        ("café", '"café"'),
        ("a\tb", '"a\tb"'),
        ("$HOME", r'"\$HOME"'),
        ('say "hi"', r'"say \"hi\""'),
        (r"C:\x", r'"C:\\x"'),
        ("", '""'),
    ],
)
def test_variables_are_quoted_for_docker(value: str, written: str) -> None:
    dockerfile = plan(replace(ENVIRONMENT, variables={"NAME": value})).dockerfile
    assert f"NAME={written} " in variables(dockerfile)


def test_an_inference_image_has_the_layout_of_azure_ml() -> None:
    made = plan()
    lines = steps(made.dockerfile)
    for instruction in (
        "EXPOSE 5001",
        "WORKDIR /var/azureml-app",
        "USER dockeruser",
        'CMD ["runsvdir", "/var/runit"]',
    ):
        assert lines.count(instruction) == 1
    assert any("ln -sfn /var/azureml-app /var/azureml-apps" in line for line in lines)
    scripts = {file.path.name: file.mode for file in made.context if "runit" in file.path.parts}
    assert scripts == {"finish": 0o755, "run": 0o755}


def test_a_training_image_has_no_server() -> None:
    made = plan(kind="training")
    assert steps(made.dockerfile)[-1] == 'CMD ["bash"]'
    assert "5001" not in made.dockerfile
    assert not [file for file in made.context if "runit" in file.path.parts]


def test_the_lock_and_the_runtime_travel_in_the_context() -> None:
    files = {file.path: file for file in plan().context}
    assert files[PurePosixPath("requirements.lock")].content == LOCK.encode()
    assert [path for path in files if path.match("opt/aml-emu/lib/aml_emu/gunicorn_conf.py")]
    assert not [path for path in files if "__pycache__" in path.parts]


def test_the_dockerfile_asks_for_no_frontend_of_its_own() -> None:
    dockerfile = plan(secrets=("ca", "feeds", "pip")).dockerfile
    assert "syntax=" not in dockerfile
    assert "<<" not in dockerfile

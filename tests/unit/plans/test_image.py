from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from toolkit.plans.image import plan_groundwork, plan_image
from toolkit.plans.model import ImageKind, ImagePlan
from toolkit.plans.packages import CondaSolved, Locked, Packages, Present
from toolkit.specs.environment import (
    CondaEnvironment,
    Environment,
    ImageEnvironment,
    load_curated,
    load_environment,
)

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
    assert files[PurePosixPath("common.lock")].content == LOCK.encode()
    assert [path for path in files if path.match("opt/aml-emu/lib/aml_emu/gunicorn_conf.py")]
    assert not [path for path in files if "__pycache__" in path.parts]


@pytest.mark.parametrize("kind", ["inference", "training"])
def test_the_groundwork_is_how_every_image_on_the_base_begins(kind: ImageKind) -> None:
    """Whatever the lock: then the build finds in the cache what was done while it was made."""
    secrets = ("ca", "feeds", "pip")
    begun = plan_groundwork(ENVIRONMENT, python="3.11", kind=kind, base="b:1", secrets=secrets)
    for lock in ("numpy==2.0.0\n", "six==1\n", "numpy==2.0.0\nsix==1\n"):
        whole = plan_image(
            ENVIRONMENT,
            packages=Locked(python="3.11", lock=lock),
            kind=kind,
            base="b:1",
            secrets=secrets,
        )
        assert whole.dockerfile.startswith(begun.dockerfile)
        assert set(begun.context) <= set(whole.context)
    assert "lock" not in begun.dockerfile.partition("AS groundwork")[2]
    assert begun.contents is None


def test_a_lock_of_two_parts_is_two_layers() -> None:
    made = plan_image(
        ENVIRONMENT,
        packages=Locked(python="3.11", lock="numpy==2.0.0\nsix==1\n"),
        kind="training",
        base="b:1",
    )
    lists = {str(file.path): file.content for file in made.context if file.path.suffix == ".lock"}
    assert lists == {"common.lock": b"numpy==2.0.0\n", "further.lock": b"six==1\n"}
    assert made.dockerfile.count(" pip install --no-deps ") == 2
    assert made.dockerfile.count("uv venv ") == 1
    assert made.contents
    assert made.contents.lock == "numpy==2.0.0\nsix==1\n"


def test_the_dockerfile_asks_for_no_frontend_of_its_own() -> None:
    dockerfile = plan(secrets=("ca", "feeds", "pip")).dockerfile
    assert "syntax=" not in dockerfile
    assert "<<" not in dockerfile


IMAGE = ImageEnvironment(name="mine", image="mine:1")


def plan_of(
    environment: Environment, packages: Packages, *, kind: ImageKind = "inference"
) -> ImagePlan:
    return plan_image(environment, packages=packages, kind=kind, base="mine:1")


def solved(**changes: Any) -> CondaSolved:
    usual: dict[str, Any] = {
        "tool": "base",
        "channels": ("a",),
        "specs": ("python=3.10",),
        "requirements": ("numpy",),
    }
    return CondaSolved(**(usual | changes))


def test_a_lock_has_contents_and_the_other_kinds_have_none() -> None:
    contents = plan().contents
    assert contents
    assert (contents.lock, contents.python) == (LOCK, "3.11")
    assert plan_of(IMAGE, Present()).contents is None
    assert plan_of(ENVIRONMENT, solved()).contents is None


@pytest.mark.parametrize(
    "other",
    [
        solved(tool="rattler"),
        solved(channels=("b",)),
        solved(channels=("a", "nodefaults")),
        solved(specs=("python=3.11",)),
        solved(requirements=("pandas",)),
        solved(requirements=()),
        solved(upgrades=("numpy>=2",)),
    ],
)
def test_whatever_a_conda_is_asked_for_changes_the_tag(other: CondaSolved) -> None:
    assert plan_of(ENVIRONMENT, solved()).tag(BASE) == plan_of(ENVIRONMENT, solved()).tag(BASE)
    assert plan_of(ENVIRONMENT, other).tag(BASE) != plan_of(ENVIRONMENT, solved()).tag(BASE)


def test_whatever_decides_an_image_with_its_own_python_changes_its_tag() -> None:
    others = [
        plan_of(IMAGE, Present()),
        plan_of(IMAGE, Present(interpreter=PurePosixPath("/x/python"))),
        plan_of(IMAGE, Present(), kind="training"),
        plan_of(replace(IMAGE, variables={"A": "1"}), Present()),
    ]
    assert len({other.tag(BASE) for other in others}) == len(others)
    assert plan_of(IMAGE, Present()).tag("sha256:2") != others[0].tag(BASE)


def test_an_image_of_the_users_keeps_its_environment_and_its_services() -> None:
    made = plan_of(IMAGE, Present())
    assert "AZUREML_CONDA_ENVIRONMENT_PATH=" not in made.dockerfile
    assert "rm -rf /var/runit" not in made.dockerfile
    services = {file.path for file in made.context if "runit" in file.path.parts}
    assert PurePosixPath("root/opt/aml-emu/runit/gunicorn/run") in services
    assert not [path for path in services if path.is_relative_to("root/var")]


def test_a_curated_environment_goes_where_azure_puts_it() -> None:
    made = plan_of(load_curated("minimal-py311-inference"), Locked(python="3.11", lock=LOCK))
    assert made.contents
    assert made.contents.prefix == PurePosixPath("/azureml-envs/minimal")
    assert made.name == "minimal-py311-inference"


def test_the_users_variables_win_over_ours() -> None:
    dockerfile = plan(replace(ENVIRONMENT, variables={"WORKER_TIMEOUT": "7"})).dockerfile
    assert 'WORKER_TIMEOUT="7"' in dockerfile
    assert 'WORKER_TIMEOUT="300"' not in dockerfile

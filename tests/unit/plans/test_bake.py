import json
import re
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests.project import Tree, write_tree
from toolkit.errors import SpecError
from toolkit.plans.azureml import APP_ROOT
from toolkit.plans.bake import plan_bake, plan_package
from toolkit.plans.model import ImagePlan, Mount
from toolkit.plans.service import Scoring

IMAGE = "aml-emu/iris:0123456789ab"
SCORE = "def init(): ...\ndef run(data): ...\n"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    write_tree(tmp_path, {"iris": {"score.py": SCORE, "features.py": "", "model.pkl": "42"}})
    return tmp_path / "iris"


def scoring(code: Path, *models: Path, **more: Any) -> Scoring:
    return Scoring(name="iris", script=code / "score.py", models=models, **more)


def paths(plan: ImagePlan) -> list[str]:
    return [str(file.path) for file in plan.context]


def lines(plan: ImagePlan, word: str) -> list[str]:
    return [line for line in plan.dockerfile.splitlines() if line.startswith(word)]


def test_a_baked_image_holds_what_serve_mounts(code: Path) -> None:
    plan = plan_bake(scoring(code, code / "model.pkl"), image=IMAGE, tags=("mine:1",))
    assert paths(plan) == [
        "azureml-models/model/1/model.pkl",
        "code/features.py",
        "code/model.pkl",
        "code/score.py",
    ]
    assert (plan.base, plan.name, plan.tags) == (IMAGE, "iris-baked", ("mine:1",))
    assert lines(plan, "COPY") == [
        "COPY --chown=dockeruser azureml-models /var/azureml-app/azureml-models",
        "COPY --chown=dockeruser code /var/azureml-app",
    ]
    assert lines(plan, "ENV") == [
        'ENV AZUREML_ENTRY_SCRIPT="score.py"',
        'ENV AZUREML_MODEL_DIR="/var/azureml-app/azureml-models/model/1"',
    ]
    assert plan.dockerfile.endswith(
        'EXPOSE 5001\nUSER dockeruser\nCMD ["runsvdir", "/var/runit"]\n'
    )


def test_the_code_is_part_of_the_hash(code: Path) -> None:
    first = plan_bake(scoring(code), image=IMAGE).tag("base")
    assert plan_bake(scoring(code), image=IMAGE).tag("base") == first
    (code / "features.py").write_text("x = 1\n")
    assert plan_bake(scoring(code), image=IMAGE).tag("base") != first


@pytest.mark.parametrize(
    ("ignoring", "left"),
    [
        ({".amlignore": "*.pkl\n", ".gitignore": "*.py\n"}, [".amlignore", ".gitignore"]),
        ({".gitignore": "*.pkl\n"}, [".gitignore"]),
        ({".amlignore": "*.pkl\n!model.pkl\n"}, [".amlignore", "model.pkl"]),
    ],
)
def test_what_is_ignored_stays_at_home(code: Path, ignoring: Tree, left: list[str]) -> None:
    write_tree(code, ignoring)
    write_tree(code, {".git": {"config": "secret"}, "__pycache__": {"x.pyc": ""}})
    found = {path.removeprefix("code/") for path in paths(plan_bake(scoring(code), image=IMAGE))}
    assert found == {"score.py", "features.py", *left}


def test_rules_that_leave_out_the_script_are_refused(code: Path) -> None:
    (code / ".amlignore").write_text("score.py\n")
    with pytest.raises(SpecError, match=r"\.amlignore: it leaves out the scoring script"):
        plan_bake(scoring(code), image=IMAGE)


def test_a_model_hides_the_file_in_its_place(code: Path) -> None:
    """`serve` leaves empty files there while it runs."""
    write_tree(code, {"azureml-models": {"model": {"1": {"model.pkl": ""}}, "other.txt": ""}})
    plan = plan_bake(scoring(code, code / "model.pkl"), image=IMAGE)
    assert "code/azureml-models/model/1/model.pkl" not in paths(plan)
    assert "code/azureml-models/other.txt" in paths(plan)


def test_folders_of_models_and_several_of_them(code: Path, tmp_path: Path) -> None:
    write_tree(tmp_path, {"net": {"a": {"w.bin": "1"}, "b.txt": ""}})
    plan = plan_bake(scoring(code, code / "model.pkl", tmp_path / "net"), image=IMAGE)
    assert [path for path in paths(plan) if path.startswith("azureml-models/net")] == [
        "azureml-models/net/1/net/a/w.bin",
        "azureml-models/net/1/net/b.txt",
    ]
    assert 'ENV AZUREML_MODEL_DIR="/var/azureml-app/azureml-models"' in lines(plan, "ENV")


def test_links_are_followed_but_not_in_circles(code: Path, tmp_path: Path) -> None:
    write_tree(tmp_path, {"shared": {"lib.py": ""}})
    (code / "lib").symlink_to(tmp_path / "shared")
    assert "code/lib/lib.py" in paths(plan_bake(scoring(code), image=IMAGE))
    (tmp_path / "shared" / "back").symlink_to(code)
    with pytest.raises(SpecError, match="link leads back"):
        plan_bake(scoring(code), image=IMAGE)


def test_variables_are_quoted(code: Path) -> None:
    plan = plan_bake(scoring(code, env={"GREETING": 'say "$hi"'}), image=IMAGE)
    assert lines(plan, "ENV GREETING") == [r'ENV GREETING="say \"\$hi\""']


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("A", "x\ny", "one line: `A`"),
        ("A", "x\n", "one line: `A`"),
        ("A B", "x", "not a name for a variable of an image: `A B`"),
        ("A=B", "x", "not a name for a variable of an image: `A=B`"),
    ],
)
def test_variables_that_a_dockerfile_cannot_hold_are_refused(
    code: Path, name: str, value: str, said: str
) -> None:
    for plan in (plan_bake, plan_package):
        with pytest.raises(SpecError, match=re.escape(said)):
            plan(scoring(code, env={name: value}), image=IMAGE)


def test_a_package_is_laid_out_as_the_v1_sdk_saves_it(code: Path) -> None:
    plan = plan_package(scoring(code, code / "model.pkl"), image=IMAGE)
    assert paths(plan) == [
        "azureml-app/azureml-models/model/1/model.pkl",
        "azureml-app/score.py",
        "model_config_map.json",
    ]
    assert lines(plan, "COPY") == [
        "COPY --chown=dockeruser azureml-app /var/azureml-app",
        "COPY --chown=dockeruser model_config_map.json /var/azureml-app/model_config_map.json",
    ]
    assert lines(plan, "ENV AZUREML_SOURCE") == []
    assert lines(plan, "ENV AZUREML_ENTRY") == ['ENV AZUREML_ENTRY_SCRIPT="score.py"']


def test_a_source_directory_goes_along_under_its_own_name(code: Path) -> None:
    write_tree(code, {"deep": {"score.py": SCORE}})
    deep = Scoring(name="iris", script=code / "deep" / "score.py")
    plan = plan_package(deep, image=IMAGE, source=code)
    assert "azureml-app/iris/features.py" in paths(plan)
    assert lines(plan, "ENV") == [
        'ENV AZUREML_SOURCE_DIRECTORY="iris"',
        'ENV AZUREML_ENTRY_SCRIPT="iris/deep/score.py"',
    ]


def test_the_model_map_names_every_model(code: Path) -> None:
    plan = plan_package(scoring(code, code / "model.pkl"), image=IMAGE)
    content = plan.context[-1].content
    assert isinstance(content, bytes)
    said = json.loads(content)
    assert said["models"] == {"model": {"id": "model:1", "name": "model", "version": "1"}}
    assert said["modelsInfo"] == {"model": {"1": said["models"]["model"]}}
    assert set(said["accountContext"]) == {
        "subscriptionId",
        "resourceGroupName",
        "accountName",
        "workspaceId",
    }


def test_an_executable_stays_one(code: Path) -> None:
    (code / "tool.sh").write_text("#!/bin/sh\n")
    (code / "tool.sh").chmod(0o755)
    modes = {file.path: file.mode for file in plan_bake(scoring(code), image=IMAGE).context}
    assert modes[PurePosixPath("code/tool.sh")] == 0o755
    assert modes[PurePosixPath("code/score.py")] == 0o644


def test_a_package_takes_registered_models_and_our_azureml_along(code: Path) -> None:
    models = (
        Mount(source=code / "model.pkl", target=APP_ROOT / "azureml-models/iris/3/model.pkl"),
        Mount(source=code / "model.pkl", target=APP_ROOT / "azureml-models/iris/4/model.pkl"),
    )
    plan = plan_package(replace(scoring(code), placed=models), image=IMAGE, with_sdk=True)
    assert "azureml-app/azureml-models/iris/3/model.pkl" in paths(plan)
    assert "aml-emu-azureml/azureml/core/model.py" in paths(plan)
    assert lines(plan, "COPY")[0] == ("COPY --chown=dockeruser aml-emu-azureml /opt/aml-emu/dropin")
    assert lines(plan, "ENV AZUREML_MODEL_DIR") == [
        'ENV AZUREML_MODEL_DIR="/var/azureml-app/azureml-models"'
    ]
    content = plan.context[-1].content
    assert isinstance(content, bytes)
    assert [*json.loads(content)["modelsInfo"]["iris"]] == ["3", "4"]

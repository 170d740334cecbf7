from __future__ import annotations

from typing import Any

import pytest

from toolkit.live.authoring.era import Today, as_of_today
from toolkit.plans.azureml import SERVER_PACKAGE
from toolkit.plans.model import ImageKind

OLD_IMAGE = "mcr.microsoft.com/azureml/base:intelmpi2018.3-ubuntu16.04"


def today(
    definition: dict[str, Any],
    *,
    kind: ImageKind = "inference",
    wheels: tuple[str, ...] = (),
    stand_ins: dict[str, str] | None = None,
) -> Today:
    asked: list[str] = []

    def has_wheel(requirement: str, python: str) -> bool:
        asked.append(f"{requirement} {python}")
        return requirement in wheels

    found = as_of_today(
        definition,
        kind=kind,
        base="aml-emu/base",
        stand_in=lambda image: (stand_ins or {}).get(image, image),
        has_wheel=has_wheel,
    )
    assert all(question.endswith("3.11") for question in asked)
    return found


def packages(*conda: str, pip: tuple[str, ...] = ()) -> dict[str, Any]:
    dependencies: list[Any] = ["python=3.6.2", {"pip": list(pip)}, *conda]
    return {"name": "env", "python": {"condaDependencies": {"dependencies": dependencies}}}


def dependencies(found: Today) -> list[Any]:
    listed: list[Any] = found.definition["python"]["condaDependencies"]["dependencies"]
    return listed


def test_what_a_service_was_made_of_in_2019() -> None:
    asked = packages("numpy==1.15.4", "six=1.16.0", pip=("azureml-defaults==1.0.83", "debugpy"))
    found = today(asked, wheels=("six==1.16.0",))
    assert dependencies(found) == [
        "python=3.11",
        {"pip": ["debugpy", SERVER_PACKAGE]},
        "numpy>=1.15.4",
        "six=1.16.0",
    ]
    assert found.lost_sdk
    assert found.notes == [
        "`python=3.6`: too old for the debugger, 3.11 is used",
        f"`azureml-defaults==1.0.83`: its server is taken from `{SERVER_PACKAGE}`",
        "`numpy==1.15.4`: not made for Python 3.11, `numpy>=1.15.4` is used",
    ]
    assert asked == packages(
        "numpy==1.15.4", "six=1.16.0", pip=("azureml-defaults==1.0.83", "debugpy")
    ), "what the script has is changed"


def test_a_job_needs_no_server() -> None:
    found = today(packages(pip=("azureml-sdk==<SDK-VERSION>", "azureml-mlflow")), kind="training")
    assert dependencies(found)[1] == {"pip": ["azureml-mlflow"]}
    assert found.notes[-1] == (
        "`azureml-sdk==<SDK-VERSION>`: left out, aml-emu's own `azureml` stands for it"
    )


def test_what_can_be_had_stays_as_it_is() -> None:
    definition = {
        "name": "env",
        "docker": {"baseImage": "python:3.10-slim"},
        "python": {"condaDependencies": {"dependencies": ["python=3.10", "a>=1", {"pip": ["b"]}]}},
    }
    found = today(definition)
    assert found.definition == definition
    assert (found.notes, found.lost_sdk) == ([], False)


def test_renamed_and_bundled_conda_packages() -> None:
    found = today(packages("pytorch=1.4", "mkl=2018.0.3"), wheels=("torch==1.4",))
    assert dependencies(found)[2:] == ["pytorch=1.4", "mkl=2018.0.3"]


@pytest.mark.parametrize(
    ("docker", "now"),
    [
        ({"baseImage": OLD_IMAGE}, {"baseImage": None}),
        ({"baseDockerfile": f"FROM {OLD_IMAGE}"}, {"baseDockerfile": None}),
        (
            {"baseDockerfile": f"FROM {OLD_IMAGE}\nRUN true\n"},
            {"baseDockerfile": "FROM aml-emu/base\nRUN true\n"},
        ),
        ({"baseImage": "mine/ubuntu16.04:1"}, {"baseImage": "mine/ubuntu16.04:1"}),
    ],
)
def test_retired_base_images(docker: dict[str, str], now: dict[str, Any]) -> None:
    found = today({"name": "env", "docker": docker})
    assert found.definition["docker"] == now
    assert bool(found.notes) == (docker != now)


def test_the_users_own_stand_in_comes_first() -> None:
    found = today({"docker": {"baseImage": OLD_IMAGE}}, stand_ins={OLD_IMAGE: "mirror/base"})
    assert found.definition["docker"] == {"baseImage": OLD_IMAGE}


@pytest.mark.parametrize("line", ["python=2.7", "python=2.7.18", "python==3.5.2"])
def test_a_python_that_is_too_old_is_told(line: str) -> None:
    definition = {"name": "e", "python": {"condaDependencies": {"dependencies": [line]}}}
    found = today(definition)
    assert dependencies(found) == ["python=3.11"]
    (note,) = found.notes
    assert "too old for the debugger, 3.11 is used" in note

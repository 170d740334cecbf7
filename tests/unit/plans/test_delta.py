from dataclasses import replace
from pathlib import Path

import pytest

from toolkit.plans.delta import Delta, delta_between, site_packages
from toolkit.plans.image import plan_image
from toolkit.plans.model import ImagePlan
from toolkit.plans.packages import Locked, Present
from toolkit.specs.environment import CondaEnvironment

LOCK = "numpy==2.0.0\nsix==1.16.0\n"
ENVIRONMENT = CondaEnvironment(name="iris", path=Path("env.yml"))


def plan(
    lock: str, environment: CondaEnvironment = ENVIRONMENT, *, python: str = "3.11"
) -> ImagePlan:
    packages = Locked(python=python, lock=lock)
    return plan_image(environment, packages=packages, kind="inference", base="b")


def delta(lock: str) -> Delta:
    found = delta_between(plan(LOCK), plan(lock))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("lock", "install", "remove", "told"),
    [
        (LOCK + "toolz==1.0\n", ("toolz==1.0",), (), ("toolz==1.0 added",)),
        ("numpy==2.0.0\n", (), ("six",), ("six==1.16.0 removed",)),
        (
            LOCK.replace("six==1.16.0", "six==1.17.0"),
            ("six==1.17.0",),
            ("six",),
            ("six 1.16.0 -> 1.17.0",),
        ),
        (LOCK + "--index-url https://h\n", (), (), ("--index-url https://h added",)),
    ],
)
def test_what_a_container_lacks(
    lock: str, install: tuple[str, ...], remove: tuple[str, ...], told: tuple[str, ...]
) -> None:
    found = delta(lock)
    assert (found.install, found.remove, found.told) == (install, remove, told)
    assert found.is_only_new == (not remove)


def test_the_same_lock_is_empty() -> None:
    assert delta(LOCK).is_empty
    assert delta("# a comment\n" + LOCK).is_empty


def test_names_are_compared_as_pip_compares_them() -> None:
    found = delta_between(plan("Typing_Extensions==4.0\n"), plan("typing-extensions==4.0\n"))
    assert found is not None
    assert found.remove == ()


@pytest.mark.parametrize(
    "other",
    [
        plan(LOCK, python="3.12"),
        plan(LOCK, replace(ENVIRONMENT, variables={"A": "b"})),
        plan(LOCK, replace(ENVIRONMENT, name="other")),
        replace(plan(LOCK), base="other"),
        replace(plan(LOCK), secrets=("ca",)),
        replace(plan(LOCK), contents=None),
        plan_image(ENVIRONMENT, packages=Present(), kind="inference", base="b"),
    ],
)
def test_whatever_else_changes_takes_another_container(other: ImagePlan) -> None:
    assert delta_between(plan(LOCK), other) is None
    assert delta_between(other, plan(LOCK)) is None


def test_where_the_packages_are() -> None:
    assert str(site_packages(delta(LOCK).contents)) == (
        "/azureml-envs/iris/lib/python3.11/site-packages"
    )


def test_a_first_large_package_is_a_package_like_any_other() -> None:
    found = delta_between(plan("six==1.16.0\n"), plan(LOCK))
    assert found is not None
    assert found.install == ("numpy==2.0.0",)

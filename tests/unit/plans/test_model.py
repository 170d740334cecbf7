from dataclasses import FrozenInstanceError, replace
from pathlib import Path, PurePosixPath

import pytest

from toolkit.plans.model import ImagePlan, LaunchPlan, PlacedFile, joint_id


def placed(content: bytes | Path, path: str = "a", mode: int = 0o644) -> PlacedFile:
    return PlacedFile(path=PurePosixPath(path), content=content, mode=mode)


PLAN = ImagePlan(
    name="iris", base="base:1", dockerfile="FROM base:1\n", context=(placed(b"x"),), secrets=("ca",)
)


def test_bytes_and_a_file_of_the_same_content_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"y" * 3_000_000)
    assert placed(tmp_path / "f").digest() == placed(b"y" * 3_000_000).digest()
    assert placed(b"a").digest() != placed(b"b").digest()


def test_a_tag_is_the_name_and_twelve_digits_of_the_inputs() -> None:
    assert PLAN.tag("sha256:1") == f"aml-emu/iris:{PLAN.inputs('sha256:1')[:12]}"
    assert len(PLAN.inputs("sha256:1")) == 64


@pytest.mark.parametrize(
    "other",
    [
        replace(PLAN, dockerfile="FROM base:1\nRUN x\n"),
        replace(PLAN, context=(placed(b"z"),)),
        replace(PLAN, context=(placed(b"x", path="b"),)),
        replace(PLAN, context=(placed(b"x", mode=0o755),)),
        replace(PLAN, context=()),
        replace(PLAN, platform="linux/arm64"),
        replace(PLAN, secrets=()),
    ],
)
def test_whatever_decides_the_content_changes_the_inputs(other: ImagePlan) -> None:
    assert other.inputs("sha256:1") != PLAN.inputs("sha256:1")


def test_another_base_changes_the_inputs() -> None:
    assert PLAN.inputs("sha256:2") != PLAN.inputs("sha256:1")


def test_further_names_and_labels_do_not_change_the_inputs() -> None:
    other = replace(PLAN, tags=("mine:1",), labels={"a": "b"})
    assert other.inputs("sha256:1") == PLAN.inputs("sha256:1")


def test_plans_are_frozen_values() -> None:
    plan = LaunchPlan(kind="service", name="a", image="i")
    assert plan == LaunchPlan(kind="service", name="a", image="i")
    with pytest.raises(FrozenInstanceError):
        plan.name = "b"  # type: ignore[misc]  # that is the test


def test_one_image_is_its_own_id_and_several_have_one_of_all() -> None:
    assert joint_id("sha256:1") == "sha256:1"
    several = {joint_id("sha256:1", *more) for more in (("a",), ("b",), ("a", "b"), ("b", "a"))}
    assert len(several) == 4

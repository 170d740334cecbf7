from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from toolkit.plans.inputs import Inputs, inputs_of, read_label
from toolkit.plans.model import ImagePlan, PlacedFile

LOCK = (
    "# made from: x\n--extra-index-url https://me:pw-s3cret@h/simple\nnumpy==2.0.0\nsix==1.16.0\n"
)


def file(path: str, content: str) -> PlacedFile:
    return PlacedFile(path=PurePosixPath(path), content=content.encode())


PLAN = ImagePlan(
    name="iris",
    base="aml-emu/base",
    dockerfile="FROM x\n",
    context=(
        file("further.lock", LOCK),
        file("python.sh", "echo"),
        file("root/opt/aml-emu/lib/a.py", "a"),
        file("root/opt/aml-emu/lib/b.py", "b"),
    ),
    secrets=("ca",),
)


def changes(new: ImagePlan, *, base: str = "sha256:aaaa", old: ImagePlan = PLAN) -> tuple[str, ...]:
    return inputs_of(new, base).changes_since(inputs_of(old, "sha256:aaaa"))


def with_file(path: str, content: str) -> ImagePlan:
    others = tuple(each for each in PLAN.context if str(each.path) != path)
    return replace(PLAN, context=(*others, file(path, content)))


def test_a_label_says_what_was_recorded() -> None:
    inputs = inputs_of(PLAN, "sha256:aaaa")
    assert read_label(inputs.label()) == inputs


def test_a_label_of_a_real_size_stays_small() -> None:
    lock = "".join(f"some-package-{number}=={number}.2.3\n" for number in range(60))
    files = tuple(file(f"root/opt/aml-emu/lib/{number}.py", str(number)) for number in range(80))
    plan = replace(PLAN, context=(file("further.lock", lock), *files))
    assert len(inputs_of(plan, "sha256:aaaa").label()) < 1500


def test_a_context_of_many_files_stays_small_too() -> None:
    files = tuple(file(f"data/{number}.txt", str(number)) for number in range(5000))
    plan = replace(PLAN, context=files)
    assert set(inputs_of(plan, "x").files) == {"data"}
    changed = replace(plan, context=(*files[1:], file("data/0.txt", "other")))
    assert changes(changed, old=plan) == ("data changed",)


def test_passwords_are_not_recorded() -> None:
    recorded = inputs_of(PLAN, "sha256:aaaa")
    assert recorded.packages == (
        "--extra-index-url https://***@h/simple",
        "numpy==2.0.0",
        "six==1.16.0",
    )
    assert "pw-s3cret" not in repr(read_label(recorded.label()))


@pytest.mark.parametrize("text", ["", "not base64!", "bm8gemxpYg==", "eJyrrgUAAXUA+Q=="])
def test_a_label_of_another_aml_emu_says_nothing(text: str) -> None:
    assert read_label(text) is None


def test_nothing_changed() -> None:
    assert changes(PLAN) == ()


@pytest.mark.parametrize(
    ("lock", "told"),
    [
        (LOCK + "toolz==1.0\n", ("toolz==1.0 added",)),
        (LOCK.replace("six==1.16.0\n", ""), ("six==1.16.0 removed",)),
        (LOCK.replace("1.16.0", "1.17.0"), ("six 1.16.0 -> 1.17.0",)),
        (LOCK.replace("pw-s3cret", "new"), ()),
        (LOCK.replace("# made from: x", "# made from: y"), ()),
        (
            LOCK + "".join(f"p{number}==1\n" for number in range(6)),
            ("p0==1 added", "p1==1 added", "p2==1 added", "p3==1 added", "2 more packages"),
        ),
    ],
)
def test_packages_are_told_one_by_one(lock: str, told: tuple[str, ...]) -> None:
    assert changes(with_file("further.lock", lock)) == told


def test_everything_else_is_told_by_its_kind() -> None:
    assert changes(PLAN, base="sha256:bbbb") == ("another base image",)
    assert changes(replace(PLAN, dockerfile="FROM y\n")) == ("another Dockerfile",)
    assert changes(replace(PLAN, platform="linux/arm64")) == ("another platform",)
    assert changes(replace(PLAN, secrets=("feeds",))) == (
        "the build secret `feeds` is new",
        "the build secret `ca` is gone",
    )
    assert changes(with_file("python.sh", "other")) == ("python.sh changed",)
    assert changes(with_file("data.csv", "1")) == ("data.csv changed",)


def test_our_own_files_are_told_as_one() -> None:
    assert changes(with_file("root/opt/aml-emu/lib/a.py", "A")) == ("another version of aml-emu",)


def test_the_most_telling_change_is_first() -> None:
    new = replace(with_file("further.lock", LOCK + "toolz==1.0\n"), dockerfile="FROM y\n")
    assert changes(new) == ("toolz==1.0 added", "another Dockerfile")


def test_the_record_follows_from_the_plan() -> None:
    assert isinstance(inputs_of(PLAN, "scratch"), Inputs)
    assert inputs_of(PLAN, "x") == inputs_of(PLAN, "x")

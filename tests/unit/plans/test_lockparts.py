import pytest

from toolkit.plans.lockparts import HEAVY, USUAL, parts_of

LOCK = """\
--extra-index-url https://h/simple
Flask==3.0
numpy==2.3.5
nvidia-cublas-cu12==12.1
scikit_learn==1.7.2
six==1.17.0
torch @ https://h/torch.whl
"""


def test_what_is_usual_or_large_and_the_rest_are_told_apart() -> None:
    first, second = parts_of(LOCK)
    assert first.splitlines() == [
        "--extra-index-url https://h/simple",
        "Flask==3.0",
        "numpy==2.3.5",
        "nvidia-cublas-cu12==12.1",
        "scikit_learn==1.7.2",
        "torch @ https://h/torch.whl",
    ]
    assert second.splitlines() == ["--extra-index-url https://h/simple", "six==1.17.0"]


def test_a_small_package_more_leaves_the_first_part_alone() -> None:
    assert parts_of(LOCK + "toolz==1.0\n")[0] == parts_of(LOCK)[0]


@pytest.mark.parametrize("lock", ["six==1.17.0\n", "# numpy==1\nsix==1\n", "numpyro==1\n"])
def test_without_large_packages_there_is_no_first_part(lock: str) -> None:
    assert parts_of(lock) == ("", lock.removeprefix("# numpy==1\n"))


@pytest.mark.parametrize("lock", ["", "\n", "--pre\n", "# nothing\n"])
def test_nothing_to_install_has_no_parts(lock: str) -> None:
    assert parts_of(lock) == ("", "")


def test_the_names_are_canonical_and_in_one_list() -> None:
    for name in HEAVY | USUAL:
        assert name == name.lower()
        assert not {"_", "."} & set(name)
    assert not HEAVY & USUAL

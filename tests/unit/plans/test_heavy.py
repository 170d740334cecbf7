import pytest

from toolkit.plans.heavy import HEAVY, heavy_part

LOCK = """\
--extra-index-url https://h/simple
flask==3.0
numpy==2.3.5
nvidia-cublas-cu12==12.1
scikit_learn==1.7.2
six==1.17.0
torch @ https://h/torch.whl
"""


def test_large_packages_are_told_apart() -> None:
    assert heavy_part(LOCK).splitlines() == [
        "--extra-index-url https://h/simple",
        "numpy==2.3.5",
        "nvidia-cublas-cu12==12.1",
        "scikit_learn==1.7.2",
        "torch @ https://h/torch.whl",
    ]


def test_a_small_package_more_changes_nothing() -> None:
    assert heavy_part(LOCK + "toolz==1.0\n") == heavy_part(LOCK)


@pytest.mark.parametrize("lock", ["", "six==1.17.0\n", "# numpy==1\n", "numpyro==1\n"])
def test_without_large_packages_there_is_no_part(lock: str) -> None:
    assert heavy_part(lock) == ""


def test_the_names_are_canonical() -> None:
    assert all(name == name.lower() and "_" not in name and "." not in name for name in HEAVY)

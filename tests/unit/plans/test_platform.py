import pytest

from toolkit.engines.lock import UV_PLATFORMS
from toolkit.errors import SpecError
from toolkit.plans.platform import PLATFORMS, machine_platform, read_platform


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("linux/arm64", "linux/arm64"),
        ("arm64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("Linux/AMD64", "linux/amd64"),
        ("x86_64", "linux/amd64"),
    ],
)
def test_docker_s_short_names_are_understood(text: str, meant: str) -> None:
    assert read_platform(text) == meant


@pytest.mark.parametrize("text", ["windows/amd64", "linux/s390x", "", "linux"])
def test_what_no_packages_are_made_for_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="unknown platform") as caught:
        read_platform(text)
    assert caught.value.hint == "valid: `linux/amd64`, `linux/arm64`"


def test_every_platform_has_packages() -> None:
    assert set(PLATFORMS) == set(UV_PLATFORMS)


def test_machines_are_platforms() -> None:
    assert machine_platform("aarch64") == "linux/arm64"
    assert machine_platform("AMD64") == "linux/amd64"
    assert machine_platform("riscv64") == "linux/riscv64"

from pathlib import Path

import pytest

from toolkit.engines.feeds import (
    check_channels,
    is_private,
    redacted,
    with_lines,
    without_passwords,
)
from toolkit.engines.trust import HostTrust
from toolkit.errors import SpecError

SPEC = Path("env.yml")
PASSWORD = "pw-s3cret"
PUBLIC = "--extra-index-url https://h/simple"
PRIVATE = f"--extra-index-url https://me:{PASSWORD}@h/simple"
DIRECT = f"p @ https://me:{PASSWORD}@files/p-1.0-py3-none-any.whl"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home with logins for two hosts."""
    (tmp_path / ".netrc").write_text(
        f"machine h login me password {PASSWORD}\nmachine elsewhere login you password other\n"
    )
    return {"HOME": str(tmp_path), "TOKEN": f"me:{PASSWORD}"}


def carried(environ: dict[str, str], *lines: str) -> dict[str, str]:
    trust = with_lines(HostTrust(), lines, environ, spec=SPEC)
    return {name: value.decode() for name, value in trust.secrets().items()}


def test_lines_without_urls_need_nothing(environ: dict[str, str]) -> None:
    assert carried(environ, "numpy==2.0", "six", "--pre") == {}


def test_a_private_index_is_a_secret_for_the_packages_alone(environ: dict[str, str]) -> None:
    assert carried(environ, PRIVATE, "numpy") == {"indexes": f"{PRIVATE}\n"}


def test_a_variable_is_expanded_as_pip_does(environ: dict[str, str]) -> None:
    line = "--index-url https://${TOKEN}@h/simple"
    assert carried(environ, line) == {"indexes": f"--index-url https://me:{PASSWORD}@h/simple\n"}


def test_a_public_index_gets_the_login_that_netrc_has_for_it(environ: dict[str, str]) -> None:
    assert carried(environ, PUBLIC) == {"netrc": f"machine h login me password {PASSWORD}\n"}


def test_only_logins_of_hosts_that_are_named_are_carried(environ: dict[str, str]) -> None:
    assert "other" not in carried(environ, PUBLIC)["netrc"]
    assert carried(environ, "p @ https://nobody/p.whl") == {}


def test_the_login_of_a_direct_url_becomes_a_netrc(environ: dict[str, str]) -> None:
    assert carried(environ, DIRECT) == {"netrc": f"machine files login me password {PASSWORD}\n"}


def test_a_quoted_password_is_unquoted_for_netrc(environ: dict[str, str]) -> None:
    line = "p @ https://me:a%40b@files/p.whl"
    assert carried(environ, line) == {"netrc": "machine files login me password a@b\n"}


def test_a_git_address_with_a_password_is_refused_and_the_password_not_shown(
    environ: dict[str, str],
) -> None:
    with pytest.raises(SpecError, match="git address") as caught:
        carried(environ, f"p @ git+https://me:{PASSWORD}@h/p.git")
    assert PASSWORD not in f"{caught.value.message}{caught.value.details}{caught.value.hint}"


def test_the_lines_of_the_image_have_no_passwords() -> None:
    assert without_passwords(["numpy", PUBLIC, PRIVATE, DIRECT]) == (
        "numpy",
        PUBLIC,
        "p @ https://files/p-1.0-py3-none-any.whl",
    )
    assert redacted([PRIVATE]) == (PUBLIC,)


@pytest.mark.parametrize(
    ("line", "private"),
    [
        (PRIVATE, True),
        ("--index-url https://token@h/simple", True),
        ("--index-url https://${TOKEN}@h/simple", True),
        ("--index-url https://h/${TEAM}/simple", True),
        (PUBLIC, False),
        ("--pre", False),
    ],
)
def test_what_is_private(line: str, *, private: bool) -> None:
    assert is_private(line) is private


@pytest.mark.parametrize(
    ("channel", "shown"),
    [
        (f"https://me:{PASSWORD}@conda/team", "https://conda/team"),
        (f"https://conda.anaconda.org/t/{PASSWORD}/team", "https://conda.anaconda.org/t/***/team"),
    ],
)
def test_a_channel_with_a_password_is_refused(channel: str, shown: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_channels(["conda-forge", channel], spec=SPEC)
    assert caught.value.message.endswith(shown)
    check_channels(["conda-forge", "https://conda/t-shirts"], spec=SPEC)


def test_the_report_names_hosts_and_no_passwords(environ: dict[str, str]) -> None:
    trust = with_lines(HostTrust(), [PRIVATE, PUBLIC, DIRECT], environ, spec=SPEC)
    assert trust.feeds() == [
        "login for files",
        "login for h",
        "option --extra-index-url https://***@h/simple",
    ]
    assert PASSWORD not in repr(trust)

from pathlib import Path

import pytest

from toolkit.engines.indexes import configured_indexes, known_logins, netrc_text
from toolkit.engines.trust import host_trust


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home of its own, so that this machine's configuration does not matter."""
    return {"HOME": str(tmp_path)}


def uv_toml(environ: dict[str, str], text: str) -> None:
    path = Path(environ["HOME"]) / ".config/uv/uv.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_the_users_uv_toml_is_read(environ: dict[str, str]) -> None:
    uv_toml(
        environ,
        """
        [[index]]
        url = "https://extra/simple"
        [[index]]
        url = "https://default/simple"
        default = true
        [[index]]
        url = "https://explicit/simple"
        explicit = true
        """,
    )
    found = configured_indexes(environ)
    assert (found.default, found.extra) == ("https://default/simple", ("https://extra/simple",))


@pytest.mark.parametrize("section", ["", "[pip]\n"])
def test_its_older_keys_too(environ: dict[str, str], section: str) -> None:
    uv_toml(environ, f'{section}index-url = "https://a"\nextra-index-url = ["https://b"]\n')
    found = configured_indexes(environ)
    assert (found.default, found.extra) == ("https://a", ("https://b",))


@pytest.mark.parametrize("text", ["not toml [", 'index-url = "https://a'])
def test_a_broken_uv_toml_is_left_to_uv(environ: dict[str, str], text: str) -> None:
    uv_toml(environ, text)
    assert configured_indexes(environ).default == ""


def test_uv_beats_pip_and_variables_beat_files(environ: dict[str, str]) -> None:
    uv_toml(environ, 'index-url = "https://file"\n')
    assert configured_indexes({**environ, "PIP_INDEX_URL": "https://pip"}).default == "https://pip"
    older = {**environ, "PIP_INDEX_URL": "https://pip", "UV_INDEX_URL": "https://older"}
    assert configured_indexes(older).default == "https://older"
    newer = {**older, "UV_DEFAULT_INDEX": "https://newer"}
    assert configured_indexes(newer).default == "https://newer"


def test_a_named_index_gets_the_login_of_uvs_variables(environ: dict[str, str]) -> None:
    environ |= {
        "UV_INDEX": "my-team=https://h/simple other=https://o/simple",
        "UV_INDEX_MY_TEAM_USERNAME": "me",
        "UV_INDEX_MY_TEAM_PASSWORD": "p@ss/word",
    }
    assert configured_indexes(environ).extra == (
        "https://me:p%40ss%2Fword@h/simple",
        "https://o/simple",
    )


@pytest.mark.parametrize("text", ["machine h login\n", "nonsense h\n", "machine h login me\n"])
def test_a_netrc_without_a_password_has_no_logins(environ: dict[str, str], text: str) -> None:
    path = Path(environ["HOME"]) / ".netrc"
    path.write_text(text)
    assert known_logins(environ, {"h"}) == {}
    path.unlink()
    assert known_logins(environ, {"h"}) == {}
    assert known_logins({**environ, "NETRC": "/nowhere"}, {"h"}) == {}


def test_what_we_write_as_netrc_is_what_we_would_read(environ: dict[str, str]) -> None:
    logins = {"h": ("me", "pw"), "i": ("you", "other")}
    path = Path(environ["HOME"]) / "mine"
    path.write_text(netrc_text(logins))
    assert known_logins({**environ, "NETRC": str(path)}, {"h", "i", "j"}) == logins


def test_an_index_without_a_login_of_its_own_gets_that_of_netrc(environ: dict[str, str]) -> None:
    (Path(environ["HOME"]) / ".netrc").write_text(
        "machine h login me password pw\nmachine github login x password y\n"
    )
    trust = host_trust({**environ, "UV_INDEX": "https://h/simple https://u:p@i/simple"})
    assert trust.logins == {"h": ("me", "pw")}
    assert trust.secrets()["netrc"] == b"machine h login me password pw\n"

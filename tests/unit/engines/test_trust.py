import ssl
from pathlib import Path

import pytest

from toolkit.engines.indexes import redact
from toolkit.engines.trust import HostTrust, host_trust

VARIABLES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A home of its own, so that this machine's pip configuration does not matter."""
    return {"HOME": str(tmp_path / "home")}


def written(path: Path, text: str = "certificate") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("variable", VARIABLES)
def test_each_variable_can_name_the_ca_bundle(
    tmp_path: Path, environ: dict[str, str], variable: str
) -> None:
    environ[variable] = written(tmp_path / "company.pem")
    assert host_trust(environ).ca_bundle == (tmp_path / "company.pem").resolve()


@pytest.mark.parametrize("first", range(len(VARIABLES)))
def test_the_variables_are_asked_in_order(
    tmp_path: Path, environ: dict[str, str], first: int
) -> None:
    for variable in reversed(VARIABLES[first:]):
        environ[variable] = written(tmp_path / variable)
    assert host_trust(environ).ca_bundle == (tmp_path / VARIABLES[first]).resolve()


def test_a_variable_that_leads_nowhere_is_passed_over(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    environ["SSL_CERT_FILE"] = str(tmp_path / "missing.pem")
    environ["REQUESTS_CA_BUNDLE"] = str(tmp_path)
    environ["PIP_CERT"] = written(tmp_path / "pip.pem")
    assert host_trust(environ).ca_bundle == (tmp_path / "pip.pem").resolve()


def test_pips_own_setting_comes_after_the_variables(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    certificate = written(tmp_path / "pip.pem")
    environ["PIP_CONFIG_FILE"] = written(tmp_path / "pip.conf", f"[global]\ncert = {certificate}\n")
    assert host_trust(environ).ca_bundle == Path(certificate).resolve()
    environ["CURL_CA_BUNDLE"] = written(tmp_path / "curl.pem")
    assert host_trust(environ).ca_bundle == (tmp_path / "curl.pem").resolve()


def test_without_any_setting_the_systems_bundle_is_taken(environ: dict[str, str]) -> None:
    found = host_trust(environ).ca_bundle
    default = ssl.get_default_verify_paths().cafile
    assert found is None or found.is_file()
    if default and Path(default).is_file():
        assert found == Path(default).resolve()


def test_proxies_are_carried_as_they_are_spelled(environ: dict[str, str]) -> None:
    environ |= {
        "HTTPS_PROXY": "http://p:1",
        "no_proxy": "localhost",
        "http_proxy": "",
        "OTHER": "x",
    }
    assert host_trust(environ).proxies == {"HTTPS_PROXY": "http://p:1", "no_proxy": "localhost"}


@pytest.mark.parametrize("place", [".pip/pip.conf", ".config/pip/pip.conf"], ids=["legacy", "user"])
def test_pips_files_are_read_where_pip_reads_them(
    tmp_path: Path, environ: dict[str, str], place: str
) -> None:
    written(
        tmp_path / "home" / place,
        "[global]\nindex-url = https://a/simple\nextra-index-url =\n  https://b/s\n  https://c/s\n",
    )
    trust = host_trust(environ)
    assert trust.index_url == "https://a/simple"
    assert trust.extra_index_urls == ("https://b/s", "https://c/s")


def test_the_configuration_home_can_be_elsewhere(tmp_path: Path, environ: dict[str, str]) -> None:
    environ["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    written(tmp_path / "xdg/pip/pip.conf", "[global]\nindex-url = https://x/simple\n")
    assert host_trust(environ).index_url == "https://x/simple"


def test_the_install_section_beats_the_global_one(tmp_path: Path, environ: dict[str, str]) -> None:
    environ["PIP_CONFIG_FILE"] = written(
        tmp_path / "pip.conf", "[global]\nindex-url = https://g\n[install]\nindex-url = https://i\n"
    )
    assert host_trust(environ).index_url == "https://i"


def test_a_later_file_beats_an_earlier_one(tmp_path: Path, environ: dict[str, str]) -> None:
    written(tmp_path / "home/.pip/pip.conf", "[global]\nindex-url = https://old\n")
    environ["PIP_CONFIG_FILE"] = written(tmp_path / "p", "[global]\nindex-url = https://new\n")
    assert host_trust(environ).index_url == "https://new"


@pytest.mark.parametrize("content", [b"not an ini file", b"[global]\nindex-url = caf\xe9\n"])
def test_a_broken_file_of_pip_is_left_to_pip(
    tmp_path: Path, environ: dict[str, str], content: bytes
) -> None:
    (tmp_path / "pip.conf").write_bytes(content)
    environ["PIP_CONFIG_FILE"] = str(tmp_path / "pip.conf")
    assert host_trust(environ).index_url == ""


def test_variables_beat_pips_files_and_uv_beats_pip(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    environ["PIP_CONFIG_FILE"] = written(
        tmp_path / "p", "[global]\nindex-url = https://file\nextra-index-url = https://file-extra\n"
    )
    environ |= {"PIP_INDEX_URL": "https://pip", "PIP_EXTRA_INDEX_URL": "https://e1 https://e2"}
    trust = host_trust(environ)
    assert trust.index_url == "https://pip"
    assert trust.extra_index_urls == ("https://e1", "https://e2")
    environ |= {"UV_DEFAULT_INDEX": "https://uv", "UV_INDEX": "https://u1"}
    trust = host_trust(environ)
    assert trust.index_url == "https://uv"
    assert trust.extra_index_urls == ("https://u1",)


def test_uvs_names_of_indexes_are_not_part_of_the_url(environ: dict[str, str]) -> None:
    environ |= {"UV_DEFAULT_INDEX": "main=https://a/s", "UV_INDEX": "torch=https://b/s https://c/s"}
    trust = host_trust(environ)
    assert trust.index_url == "https://a/s"
    assert trust.extra_index_urls == ("https://b/s", "https://c/s")
    assert trust.left_out == ()


def test_indexes_on_this_machines_disk_are_left_out_and_said(environ: dict[str, str]) -> None:
    environ |= {
        "PIP_INDEX_URL": "file:///srv/simple",
        "PIP_EXTRA_INDEX_URL": "https://a/s /srv/wheels file:///srv/more",
    }
    trust = host_trust(environ)
    assert trust.index_url == ""
    assert trust.extra_index_urls == ("https://a/s",)
    assert [line for line in trust.report() if line.startswith("left out")] == [
        "left out: index file:///srv/simple (only this machine has it)",
        "left out: index /srv/wheels (only this machine has it)",
        "left out: index file:///srv/more (only this machine has it)",
    ]
    assert b"srv" not in b"".join(trust.secrets()[name] for name in ("feeds", "pip"))


def test_without_feeds_there_is_no_secret_for_them(tmp_path: Path) -> None:
    assert HostTrust().secrets() == {}
    bundle = Path(written(tmp_path / "ca.pem", "PEM"))
    assert HostTrust(ca_bundle=bundle).secrets() == {"ca": b"PEM"}


FEEDS = HostTrust(
    index_url="https://me:pw@a/simple", extra_index_urls=("https://b/s", "https://c/s")
)


def test_uv_is_told_the_feeds() -> None:
    assert FEEDS.secrets()["feeds"].decode() == (
        'index-strategy = "unsafe-best-match"\n'
        '[[index]]\nurl = "https://b/s"\n'
        '[[index]]\nurl = "https://c/s"\n'
        '[[index]]\nurl = "https://me:pw@a/simple"\ndefault = true\n'
    )


def test_pip_is_told_the_feeds() -> None:
    assert FEEDS.secrets()["pip"].decode() == (
        "[global]\nindex-url = https://me:pw@a/simple\n"
        "extra-index-url = https://b/s\n    https://c/s\n"
    )


def test_what_we_write_for_pip_is_what_we_would_read(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    environ["PIP_CONFIG_FILE"] = written(tmp_path / "p", FEEDS.secrets()["pip"].decode())
    trust = host_trust(environ)
    assert (trust.index_url, trust.extra_index_urls) == (FEEDS.index_url, FEEDS.extra_index_urls)


def test_extra_feeds_alone_leave_the_default_index() -> None:
    trust = HostTrust(extra_index_urls=("https://b/s",))
    assert "default = true" not in trust.secrets()["feeds"].decode()
    assert "\nindex-url" not in trust.secrets()["pip"].decode()


def test_a_uv_on_this_machine_is_told_by_variables(tmp_path: Path) -> None:
    assert HostTrust().for_uv() == {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}
    trust = HostTrust(
        ca_bundle=tmp_path / "ca.pem", index_url="https://a", extra_index_urls=("https://b", "c")
    )
    assert trust.for_uv() == {
        "UV_NATIVE_TLS": "1",
        "UV_SYSTEM_CERTS": "1",
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        "UV_DEFAULT_INDEX": "https://a",
        "UV_INDEX": "https://b c",
    }


def test_the_report_tells_everything_but_passwords(tmp_path: Path) -> None:
    secret = "s3cr3t"
    trust = host_trust(
        {
            "HOME": str(tmp_path),
            "SSL_CERT_FILE": written(tmp_path / "ca.pem"),
            "https_proxy": f"http://me:{secret}@proxy:3128",
            "http_proxy": f"me:{secret}@proxy:3128",
            "PIP_INDEX_URL": f"https://me:{secret}@a/simple",
            "PIP_EXTRA_INDEX_URL": f"https://{secret}@b/s ftp://me:{secret}@c/s",
        }
    )
    assert trust.report() == [
        f"CA bundle {(tmp_path / 'ca.pem').resolve()}",
        "http_proxy=***@proxy:3128",
        "https_proxy=http://***@proxy:3128",
        "index https://***@a/simple",
        "index https://***@b/s",
        "left out: index ftp://***@c/s (only this machine has it)",
    ]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a/simple", "https://a/simple"),
        ("https://u:p@a:8/simple?x=1", "https://***@a:8/simple?x=1"),
        ("https://token@a/simple", "https://***@a/simple"),
        ("https://u:p@ss@a/simple", "https://***@a/simple"),
        ("https://u:p/w@a/simple", "https://***@a/simple"),
        ("u:p@proxy:3128", "***@proxy:3128"),
        ("localhost,127.0.0.1", "localhost,127.0.0.1"),
        ("", ""),
    ],
)
def test_redaction(url: str, shown: str) -> None:
    assert redact(url) == shown

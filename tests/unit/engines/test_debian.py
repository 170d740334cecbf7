"""Collecting packages, with an apt-get of the tests' own in the host's place."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from toolkit.engines.debian import collect
from toolkit.errors import EngineUnavailable

Host = Callable[..., Mapping[str, str]]

UPDATE_FAILED = "W: Failed to fetch http://deb.example/debian  Temporary failure resolving"
NO_LISTS = f"update) echo '{UPDATE_FAILED}' >&2;; indextargets) ;;"
LISTS = r"""update) ;;
indextargets) printf 'Debian\thttp://deb.example/debian\tbookworm\tmain\tbookworm\n';;"""
ESSENTIAL = "'http://deb.example/debian/pool/dash_1%253a2_all.deb' dash_1%3a2_all.deb 10 SHA256:0"
OTHER = "'http://deb.example/debian/pool/curl_8_all.deb' curl_8_all.deb 10 SHA256:0"

# What apt-get is asked to do is the first word that is not an option of ours.
APT_GET = """\
#!/bin/sh
echo "$*" >>"$LOG"
home=${{1#-c=}}; home=${{home%/apt.conf}}; shift
verb=$1
for word in "$@"; do
    case "$word" in --print-uris) verb=print;; --download-only) verb=download;; esac
done
case "$verb" in
{cases}
*) echo "E: unexpected $*" >&2; exit 100;;
esac
"""

RESOLVES = f"""{LISTS}
print)
    echo "Reading package lists..."
    echo "{ESSENTIAL}"
    case "$*" in *curl*) echo "{OTHER}";; esac;;
"""
DOWNLOADS = """download)
    for name in dash_1%3a2_all.deb curl_8_all.deb; do
        tar -cf "$home/archives/$name" -T /dev/null
    done;;
"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A machine: a PATH with the apt-get that answers by `cases`, dpkg and dpkg-deb."""

    def make(cases: str, *, without: str = "") -> Mapping[str, str]:
        programs = tmp_path / "bin"
        programs.mkdir()
        scripts = {
            "apt-get": APT_GET.format(cases=cases),
            "dpkg": "#!/bin/sh\necho amd64\n",
            "dpkg-deb": '#!/bin/sh\nexec cat "$2"\n',
        }
        for name, text in scripts.items():
            if name != without:
                (programs / name).write_text(text)
                (programs / name).chmod(0o755)
        system = "" if without else ":/usr/bin:/bin"
        return {"PATH": f"{programs}{system}", "LOG": str(tmp_path / "log")}

    return make


def test_essential_packages_are_told_from_the_others(host: Host, tmp_path: Path) -> None:
    packages = collect(["curl"], into=tmp_path / "work", environ=host(RESOLVES + DOWNLOADS))
    assert [file.name for file in packages.essential] == ["dash_1%3a2_all.deb"]
    assert [file.name for file in packages.others] == ["curl_8_all.deb"]
    assert packages.root.is_file()
    assert packages.release == "Debian bookworm"
    assert "URIs: http://deb.example/debian\nSuites: bookworm\n" in packages.sources


def test_apt_is_asked_for_the_whole_closure_by_name(host: Host, tmp_path: Path) -> None:
    """So that what was chosen for the essential packages is chosen again for all of them."""
    collect(["curl"], into=tmp_path / "work", environ=host(RESOLVES + DOWNLOADS))
    (download,) = [
        line for line in (tmp_path / "log").read_text().splitlines() if "--download-only" in line
    ]
    assert download.endswith("install ?essential ?exact-name(usr-is-merged) dash curl")


def test_apt_starts_from_nothing_installed_and_keeps_the_hosts_hooks_out(
    host: Host, tmp_path: Path
) -> None:
    collect(["curl"], into=tmp_path / "work", environ=host(RESOLVES + DOWNLOADS))
    config = (tmp_path / "work/apt.conf").read_text()
    assert f'Dir::State::status "{tmp_path}/work/status";' in config
    assert (tmp_path / "work/status").read_bytes() == b""
    assert 'APT::Architectures "amd64";' in config
    assert "#clear APT::Update::Post-Invoke;" in config
    assert "Dir::Etc" not in config, "sources and keyrings are the host's"


@pytest.mark.parametrize("program", ["apt-get", "dpkg", "dpkg-deb"])
def test_machine_without_apt(host: Host, tmp_path: Path, program: str) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        collect(["curl"], into=tmp_path / "work", environ=host(RESOLVES, without=program))
    assert caught.value.message == f"program not found: {program}"
    assert "`aml-emu base make --tar FILE`" in caught.value.hint
    assert not (tmp_path / "work").exists()


def test_no_network(host: Host, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="no package lists could be fetched") as caught:
        collect(["curl"], into=tmp_path / "work", environ=host(NO_LISTS))
    assert UPDATE_FAILED in caught.value.details
    assert "check the network" in caught.value.hint


def test_old_lists_serve_where_new_ones_cannot_be_had(
    host: Host, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stale = RESOLVES.replace("update) ;;", f"update) echo '{UPDATE_FAILED}' >&2;;")
    with caplog.at_level(logging.WARNING, logger="toolkit.engines.debian"):
        packages = collect(["curl"], into=tmp_path / "work", environ=host(stale + DOWNLOADS))
    assert packages.others
    assert UPDATE_FAILED in caplog.text


@pytest.mark.parametrize(
    "complaint",
    [
        "E: Unable to locate package nosuch",
        "E: Package 'nosuch' has no installation candidate",
    ],
)
def test_unknown_package_is_named(host: Host, tmp_path: Path, complaint: str) -> None:
    cases = RESOLVES.replace(
        "print)", f'print) case "$*" in *nosuch*) echo "{complaint}" >&2; exit 100;; esac;', 1
    )
    with pytest.raises(EngineUnavailable) as caught:
        collect(["nosuch"], into=tmp_path / "work", environ=host(cases + DOWNLOADS))
    assert caught.value.message.endswith(": nosuch")
    assert complaint in caught.value.details


def test_sources_without_a_distribution(host: Host, tmp_path: Path) -> None:
    cases = f"{LISTS}\nprint) echo 'Reading package lists...';;\n"
    with pytest.raises(EngineUnavailable, match="no essential packages"):
        collect(["curl"], into=tmp_path / "work", environ=host(cases))


def test_apt_failing_in_another_way(host: Host, tmp_path: Path) -> None:
    cases = (
        RESOLVES + "download) echo 'E: Write error - write (28: No space left)' >&2; exit 100;;\n"
    )
    with pytest.raises(EngineUnavailable, match="apt-get failed with exit code 100") as caught:
        collect(["curl"], into=tmp_path / "work", environ=host(cases))
    assert "No space left" in caught.value.details


def test_details_are_the_last_lines_only(host: Host, tmp_path: Path) -> None:
    cases = RESOLVES + "download) seq 1 500 >&2; exit 100;;\n"
    with pytest.raises(EngineUnavailable) as caught:
        collect(["curl"], into=tmp_path / "work", environ=host(cases))
    assert caught.value.details.splitlines() == [str(number) for number in range(481, 501)]


def test_package_that_apt_says_it_has_but_has_not(host: Host, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        collect(["curl"], into=tmp_path / "work", environ=host(RESOLVES + "download) ;;\n"))
    assert caught.value.message == "apt did not download a package: dash_1%3a2_all.deb"


def test_archive_on_the_hosts_disk_is_used_in_place(host: Host, tmp_path: Path) -> None:
    deb = tmp_path / "dash (1).deb"
    deb.write_bytes(bytes(10240))
    cases = RESOLVES.replace("http://deb.example/debian", f"file:{tmp_path}").replace(
        "pool/dash_1%253a2_all.deb", "dash%20%281%29.deb"
    )
    packages = collect([], into=tmp_path / "work", environ=host(cases + "download) ;;\n"))
    assert packages.essential == (deb,)
    assert packages.sources == ""

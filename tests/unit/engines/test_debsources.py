"""What an image's apt is told about the archives that the host's apt has used."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.engines.debsources import (
    Repository,
    parse_repositories,
    release_name,
    repositories_used,
    sources_text,
    without_credentials,
)


def repository(
    site: str = "http://deb.example/debian",
    *,
    origin: str = "Debian",
    release: str = "bookworm",
    component: str = "main",
) -> Repository:
    return Repository(
        origin=origin, site=site, release=release, component=component, codename=release
    )


def test_apt_answer_is_read_field_by_field() -> None:
    listed = "Debian\thttp://deb.example/debian\tbookworm\tmain\tbookworm\n"
    assert parse_repositories(listed) == (repository(),)


def test_field_that_a_repository_lacks_is_empty() -> None:
    """apt then repeats the placeholder it was given."""
    (read,) = parse_repositories("$(ORIGIN)\tfile:/srv/repo\t./\t$(COMPONENT)\t$(CODENAME)\n")
    assert (read.origin, read.component, read.codename) == ("", "", "")


def test_answer_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        parse_repositories("Debian\thttp://deb.example/debian\n")


def test_updates_of_a_used_origin_stay_and_unused_third_parties_go() -> None:
    debian = repository()
    updates = repository(release="bookworm-updates")
    security = repository("http://security.example/debian-security")
    vendor = repository("https://apt.vendor.example", origin="Vendor")
    used = repositories_used(
        [debian, updates, security, vendor], ["http://deb.example/debian/pool/d/dash_1_all.deb"]
    )
    assert used == (debian, updates, security)


def test_third_party_that_gave_a_package_stays() -> None:
    vendor = repository("https://apt.vendor.example", origin="Vendor")
    uris = ["https://apt.vendor.example/pool/x.deb"]
    assert repositories_used([repository(), vendor], uris) == (vendor,)


def test_archive_is_not_taken_for_one_whose_address_begins_alike() -> None:
    uris = ["http://deb.example/debian-security/pool/x.deb"]
    assert repositories_used([repository("http://deb.example/debian")], uris) == ()


def test_sources_gather_the_components_of_a_suite() -> None:
    text = sources_text([repository(), repository(component="contrib")])
    assert text == (
        "Types: deb\n"
        "URIs: http://deb.example/debian\n"
        "Suites: bookworm\n"
        "Components: main contrib\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_suites_are_stanzas_of_their_own() -> None:
    text = sources_text([repository(), repository(release="bookworm-updates")])
    assert text.count("Types: deb\n") == 2
    assert "\n\nTypes: deb\n" in text


def test_flat_archive_has_no_components() -> None:
    text = sources_text([repository(origin="", release="./", component="")])
    assert text == "Types: deb\nURIs: http://deb.example/debian\nSuites: ./\n"


def test_password_of_a_mirror_stays_on_the_host() -> None:
    (read,) = parse_repositories(
        "Debian\thttps://me:token@mirror.example:8443/debian\tbookworm\tmain\tbookworm\n"
    )
    text = sources_text([read])
    assert "URIs: https://mirror.example:8443/debian\n" in text
    assert "token" not in text
    uris = ["https://me:token@mirror.example:8443/debian/pool/x.deb"]
    assert repositories_used([read], uris) == (read,)


@pytest.mark.parametrize("site", ["file:/srv/repo", "copy:/srv/repo", "cdrom:[Debian 12]/"])
def test_archive_that_only_the_host_can_read_stays_out(site: str) -> None:
    assert sources_text([repository(site), repository()]) == sources_text([repository()])


def test_mirror_list_of_the_host_becomes_its_first_mirror(tmp_path: Path) -> None:
    mirrors = tmp_path / "mirrors.txt"
    mirrors.write_text("# nearest first\n\nhttp://near.example/debian/\tpriority:1\nhttp://far/\n")
    text = sources_text([repository(f"mirror+file:{mirrors}")])
    assert "URIs: http://near.example/debian/\n" in text
    assert "far" not in text


def test_release_is_named_by_the_first_repository_that_knows_it() -> None:
    assert release_name([repository()]) == "Debian bookworm"
    assert release_name([repository(release="")]) == "an unnamed release"


@pytest.mark.parametrize(
    ("uri", "bare"),
    [
        ("http://deb.example/debian", "http://deb.example/debian"),
        ("http://user@deb.example/debian", "http://deb.example/debian"),
        ("http://u:p@ss@[::1]:80/debian?x#y", "http://[::1]:80/debian?x#y"),
    ],
)
def test_credentials_are_cut_from_an_address(uri: str, bare: str) -> None:
    assert without_credentials(uri) == bare

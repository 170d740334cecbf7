"""Which archives an image's own apt should know, judged by what the host's apt has used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

# Fields of `apt-get indextargets`, in the order of Repository's own.
FIELDS: Final = ("ORIGIN", "SITE", "RELEASE", "COMPONENT", "CODENAME")

_KEYRINGS: Final = {  # as the distributions' own packages install them
    "Debian": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "Ubuntu": "/usr/share/keyrings/ubuntu-archive-keyring.gpg",
}
_ONLY_ON_THE_HOST: Final = frozenset({"cdrom", "copy", "file"})
_MIRROR_LIST: Final = "mirror+file:"  # cloud images of Debian and Ubuntu come with one


@dataclass(frozen=True, kw_only=True)
class Repository:
    """One component of one suite of an archive, as apt names it."""

    origin: str
    site: str
    release: str
    component: str
    codename: str


def parse_repositories(listed: str) -> tuple[Repository, ...]:
    """The repositories in apt's answer: one a line, the fields between tabs."""
    return tuple(
        Repository(
            **{
                # apt repeats the name of a field that a repository does not have
                field.lower(): "" if value == f"$({field})" else without_credentials(value)
                for field, value in zip(FIELDS, line.split("\t"), strict=True)
            }
        )
        for line in listed.splitlines()
    )


def repositories_used(
    repositories: Sequence[Repository], uris: Iterable[str]
) -> tuple[Repository, ...]:
    """The repositories of every origin that at least one of `uris` came from.

    So updates and security stay in although no package came from them today, and a third party's
    archive that gave nothing stays out of the image.
    """
    uris = tuple(without_credentials(uri) for uri in uris)
    origins = {
        repository.origin
        for repository in repositories
        if any(uri.startswith(repository.site.rstrip("/") + "/") for uri in uris)
    }
    return tuple(repository for repository in repositories if repository.origin in origins)


def sources_text(repositories: Sequence[Repository]) -> str:
    """The repositories for an image's apt (deb822), without what only the host can read."""
    components: dict[tuple[str, str, str], list[str]] = {}
    for repository in repositories:
        site = _resolved(repository.site)
        if urlsplit(site).scheme not in _ONLY_ON_THE_HOST:
            key = (repository.origin, site, repository.release)
            components.setdefault(key, []).append(repository.component)
    return "\n".join(_stanza(*key, names) for key, names in components.items())


def release_name(repositories: Sequence[Repository]) -> str:
    """Distribution and code name, for people."""
    named = (f"{each.origin} {each.codename}" for each in repositories if each.codename)
    return next(named, "an unnamed release")


def without_credentials(uri: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _resolved(site: str) -> str:
    """The first mirror of a list that lies on the host, where the image cannot read it."""
    if not site.startswith(_MIRROR_LIST):
        return site
    lines = Path(urlsplit(site.removeprefix("mirror+")).path).read_text(encoding="utf-8")
    mirrors = (line.partition("#")[0].split() for line in lines.splitlines())
    return next((without_credentials(fields[0]) for fields in mirrors if fields), site)


def _stanza(origin: str, site: str, release: str, components: list[str]) -> str:
    lines = ["Types: deb", f"URIs: {site}", f"Suites: {release}"]
    if not release.endswith("/"):  # a flat repository has no components
        lines.append(f"Components: {' '.join(components)}")
    if origin in _KEYRINGS:
        lines.append(f"Signed-By: {_KEYRINGS[origin]}")
    return "\n".join(lines) + "\n"

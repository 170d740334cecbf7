"""The host's own apt as a supplier of packages for an image: resolves and downloads, as anybody.

Nothing is installed on the host and nothing of the host's package state is read or changed.
"""

from __future__ import annotations

import logging
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from toolkit.engines.command import Outcome, run
from toolkit.engines.debroot import write_root_tar
from toolkit.engines.debsources import (
    FIELDS,
    Repository,
    parse_repositories,
    release_name,
    repositories_used,
    sources_text,
    without_credentials,
)
from toolkit.errors import EngineUnavailable
from toolkit.plans.base import DebianPackages

logger = logging.getLogger(__name__)

_PROGRAMS: Final = ("apt-get", "dpkg", "dpkg-deb")
# `usr-is-merged` is the small one of two packages that satisfy an essential one; the other,
# `usrmerge`, converts old installations and brings perl along. The pattern may match nothing.
_ESSENTIAL: Final = ("?essential", "?exact-name(usr-is-merged)")
_TAIL: Final = 20  # lines of apt's own words shown with an error

# Sources, keyrings, proxies and certificates stay the host's. Everything apt writes is private, the
# package status is empty so that the answer does not depend on what the host has installed, and
# the host's hooks (desktop caches, `rm` of the host's own archives) have no business here.
_CONFIG: Final = """\
Dir::State "{home}/state";
Dir::State::status "{home}/status";
Dir::State::extended_states "{home}/extended_states";
Dir::Cache "{home}/cache";
Dir::Cache::archives "{home}/archives";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Log "{home}/log";
APT::Architectures "{architecture}";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
APT::Keep-Downloaded-Packages "true";
Acquire::Languages "none";
Acquire::GzipIndexes "false";
#clear APT::Default-Release;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Post-Invoke-Stats;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear Acquire::IndexTargets::deb::CNF;
#clear Acquire::IndexTargets::deb::Contents-deb;
#clear Acquire::IndexTargets::deb::DEP-11;
#clear Acquire::IndexTargets::deb::DEP-11-icons;
#clear Acquire::IndexTargets::deb::DEP-11-icons-small;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large;
#clear Acquire::IndexTargets::deb::DEP-11-icons-hidpi;
#clear Acquire::IndexTargets::deb::DEP-11-icons-large-hidpi;
"""

_TO_FETCH: Final = re.compile(r"^'(?P<uri>\S+)' (?P<file>\S+\.deb) ", re.MULTILINE)
_NO_CANDIDATE: Final = re.compile(
    r"^E: (?:Unable to locate package (\S+)|Package '(\S+)' has no installation candidate)",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class _Apt:
    """apt-get with a home of its own."""

    home: Path
    environ: Mapping[str, str]

    def run(self, *arguments: str) -> Outcome:
        return run(("apt-get", f"-c={self.home / 'apt.conf'}", *arguments), environ=self.environ)

    def checked(self, *arguments: str, said: str) -> str:
        outcome = self.run(*arguments)
        if outcome.exit_code == 0:
            return outcome.output
        raise _failure(outcome, said)


def collect(packages: Sequence[str], *, into: Path, environ: Mapping[str, str]) -> DebianPackages:
    """Download `packages` and all they need, from nothing installed, of the host's own suite.

    `into` keeps lists and archives: a second call with the same folder downloads what is new.
    """
    _check_programs(environ)
    apt = _prepare(into.resolve(), {**environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""})
    said = _update(apt)
    repositories = _repositories(apt, said)
    essential = _to_fetch(apt, _ESSENTIAL, said)
    if not essential:
        raise EngineUnavailable(
            "the host's apt sources have no essential packages",
            details=_tail(said),
            hint="enable the distribution's own archive in `/etc/apt`",
        )
    wanted = (*_ESSENTIAL, *sorted(_package_name(file) for file in essential), *packages)
    everything = _to_fetch(apt, wanted, said)
    apt.checked("--download-only", "install", *wanted, said=said)
    return _packages(apt, essential, everything, repositories)


def _packages(
    apt: _Apt,
    essential: Mapping[str, str],
    everything: Mapping[str, str],
    repositories: Sequence[Repository],
) -> DebianPackages:
    archives, root = apt.home / "archives", apt.home / "root.tar"
    others = {file: uri for file, uri in everything.items() if file not in essential}
    essential_files = _files(archives, essential)
    write_root_tar(essential_files, root, environ=apt.environ)
    used = repositories_used(repositories, everything.values())
    return DebianPackages(
        essential=essential_files,
        others=_files(archives, others),
        root=root,
        release=release_name(used),
        sources=sources_text(used),
    )


def _check_programs(environ: Mapping[str, str]) -> None:
    for program in _PROGRAMS:
        if shutil.which(program, path=environ.get("PATH")) is None:
            raise EngineUnavailable(
                f"program not found: {program}",
                hint="make the base on Debian or Ubuntu, or use `aml-emu base make --tar FILE`",
            )


def _prepare(home: Path, environ: Mapping[str, str]) -> _Apt:
    for folder in ("state/lists/partial", "cache", "archives/partial", "none/partial", "log"):
        (home / folder).mkdir(parents=True, exist_ok=True)
    (home / "status").write_text("")
    config = _CONFIG.format(home=home, architecture=_architecture(environ))
    (home / "apt.conf").write_text(config)
    return _Apt(home=home, environ=environ)


def _architecture(environ: Mapping[str, str]) -> str:
    outcome = run(("dpkg", "--print-architecture"), environ=environ)
    if outcome.exit_code != 0:
        raise EngineUnavailable("dpkg does not know its architecture", details=outcome.errors)
    return outcome.output.strip()


def _update(apt: _Apt) -> str:
    """Fetch the lists; what apt complained about, for it does not count as failing by itself."""
    outcome = apt.run("update")
    if outcome.errors:
        logger.warning("apt-get update: %s", outcome.errors.strip())
    return outcome.errors


def _repositories(apt: _Apt, said: str) -> tuple[Repository, ...]:
    form = "\t".join(f"$({field})" for field in FIELDS)
    listed = apt.checked(
        "indextargets", "--format", form, "Created-By: Packages", "Target-Of: deb", said=said
    )
    if not listed:
        raise EngineUnavailable(
            "no package lists could be fetched",
            details=_tail(said),
            hint="check the network, the proxy and the entries in `/etc/apt`; without a network "
            "use `aml-emu base make --tar FILE`",
        )
    return parse_repositories(listed)


def _to_fetch(apt: _Apt, packages: Sequence[str], said: str) -> dict[str, str]:
    """File name and address of every package that installing `packages` from nothing takes."""
    # An archive folder that is always empty: apt leaves out what it has already.
    nothing_fetched = f"Dir::Cache::archives={apt.home / 'none'}"
    output = apt.checked("-o", nothing_fetched, "--print-uris", "install", *packages, said=said)
    return {match["file"]: match["uri"] for match in _TO_FETCH.finditer(output)}


def _package_name(file: str) -> str:
    return unquote(file).partition("_")[0]


def _files(archives: Path, uris: Mapping[str, str]) -> tuple[Path, ...]:
    return tuple(_file(archives, name, uris[name]) for name in sorted(uris))


def _file(archives: Path, name: str, uri: str) -> Path:
    # apt reads a `file:` archive in place and downloads nothing from it.
    address = urlsplit(uri)
    path = Path(unquote(address.path)) if address.scheme == "file" else archives / name
    if not path.is_file():
        raise EngineUnavailable(
            f"apt did not download a package: {name}", details=without_credentials(uri)
        )
    return path


def _failure(outcome: Outcome, said: str) -> EngineUnavailable:
    details = _tail(f"{said}{outcome.output}{outcome.errors}")
    missing = _NO_CANDIDATE.search(outcome.errors)
    if missing:
        return EngineUnavailable(
            f"no package of that name in the host's apt sources: {missing[1] or missing[2]}",
            details=details,
            hint="enable the archive that has it in `/etc/apt` (on Ubuntu often `universe`)",
        )
    return EngineUnavailable(
        f"apt-get failed with exit code {outcome.exit_code}",
        details=details,
        hint="check the network, the proxy and the entries in `/etc/apt`",
    )


def _tail(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_TAIL:])

"""What a build needs from this machine to reach package feeds: CAs, proxies, indexes, logins."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from toolkit.engines.indexes import (
    Logins,
    configured_indexes,
    host_of,
    known_logins,
    netrc_text,
    redact,
)

_CA_VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_SYSTEM_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "ftp_proxy")


@dataclass(frozen=True, kw_only=True)
class HostTrust:
    """What is carried into builds. Index URLs may hold passwords: never print them unredacted.

    `logins` are of hosts that the indexes, or an environment's packages, are on. `options` are
    lines of an environment that name an index and its password: only its own packages need them.
    """

    ca_bundle: Path | None = None
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    index_url: str = field(default="", repr=False)
    extra_index_urls: tuple[str, ...] = field(default=(), repr=False)
    logins: Logins = field(default_factory=dict, repr=False)
    options: tuple[str, ...] = field(default=(), repr=False)
    left_out: tuple[str, ...] = ()

    def secrets(self) -> dict[str, bytes]:
        """Build secrets by name, of what there is.

        `ca`; `feeds` (uv.toml) with `pip` (pip.conf); `netrc`; `indexes` (a requirements file).
        """
        secrets: dict[str, bytes] = {}
        if self.ca_bundle:
            secrets["ca"] = self.ca_bundle.read_bytes()
        if self.index_url or self.extra_index_urls:
            secrets["feeds"] = self._uv_toml().encode()
            secrets["pip"] = self._pip_conf().encode()
        if self.logins:
            secrets["netrc"] = netrc_text(self.logins).encode()
        if self.options:
            secrets["indexes"] = ("\n".join(self.options) + "\n").encode()
        return secrets

    def for_uv(self) -> dict[str, str]:
        """The same for a uv that runs on this machine. Names two eras of one setting."""
        variables = {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}
        if self.ca_bundle:
            variables["SSL_CERT_FILE"] = str(self.ca_bundle)
        if self.index_url:
            variables["UV_DEFAULT_INDEX"] = self.index_url
        if self.extra_index_urls:
            variables["UV_INDEX"] = " ".join(self.extra_index_urls)
        return variables

    def feeds(self) -> list[str]:
        """The indexes and logins that a build is given as secrets, passwords removed."""
        urls = [url for url in (self.index_url, *self.extra_index_urls) if url]
        return [
            *(f"index {redact(url)}" for url in urls),
            *(f"login for {host}" for host in sorted(self.logins)),
            *(f"option {_redacted_option(option)}" for option in self.options),
        ]

    def report(self) -> list[str]:
        """One line for each thing carried in, passwords removed."""
        lines = [f"CA bundle {self.ca_bundle}"] if self.ca_bundle else []
        lines += [f"{name}={redact(value)}" for name, value in sorted(self.proxies.items())]
        return [*lines, *self.feeds(), *(f"left out: {what}" for what in self.left_out)]

    def _uv_toml(self) -> str:
        parts = ['index-strategy = "unsafe-best-match"']  # what pip means by extra indexes
        parts += [f'[[index]]\nurl = "{url}"' for url in self.extra_index_urls]
        if self.index_url:
            parts.append(f'[[index]]\nurl = "{self.index_url}"\ndefault = true')
        return "\n".join(parts) + "\n"

    def _pip_conf(self) -> str:
        parts = ["[global]"]
        if self.index_url:
            parts.append(f"index-url = {self.index_url}")
        if self.extra_index_urls:
            parts.append("extra-index-url = " + "\n    ".join(self.extra_index_urls))
        return "\n".join(parts) + "\n"


def host_trust(environ: Mapping[str, str]) -> HostTrust:
    """Look where curl, requests, pip and uv look. An index on this machine's disk is left out."""
    found = configured_indexes(environ)
    urls = [url for url in (found.default, *found.extra) if url]
    others = [url for url in urls if not _is_remote(url)]
    hosts = {host_of(url) for url in urls if _is_remote(url) and "@" not in url}
    return HostTrust(
        ca_bundle=_ca_bundle(environ, found.cert),
        proxies={
            name: value for name, value in environ.items() if name.lower() in _PROXIES and value
        },
        index_url=found.default if _is_remote(found.default) else "",
        extra_index_urls=tuple(url for url in found.extra if _is_remote(url)),
        logins=known_logins(environ, hosts),
        left_out=tuple(f"index {redact(url)} (only this machine has it)" for url in others),
    )


def _redacted_option(option: str) -> str:
    name, separator, url = option.partition(" ")
    return f"{name}{separator}{redact(url)}"


def _is_remote(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https"}


def _ca_bundle(environ: Mapping[str, str], pip_cert: str) -> Path | None:
    named = [environ.get(variable, "") for variable in _CA_VARIABLES]
    default = ssl.get_default_verify_paths().cafile or ""
    for candidate in (*named, pip_cert, default, *_SYSTEM_BUNDLES):
        if candidate and Path(candidate).is_file():
            return Path(candidate).resolve()
    return None

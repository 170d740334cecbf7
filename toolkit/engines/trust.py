"""What a build needs from this machine to reach package feeds: CAs, proxies, pip's indexes."""

from __future__ import annotations

import configparser
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_CA_VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_SYSTEM_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)
_NAMED_INDEX: Final = re.compile(r"^[\w.-]+=(?=\w+://)")  # uv's `name=https://…`
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy", "all_proxy", "ftp_proxy")


@dataclass(frozen=True, kw_only=True)
class HostTrust:
    """What is carried into builds. Index URLs may hold passwords: never print them unredacted."""

    ca_bundle: Path | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def secrets(self) -> dict[str, bytes]:
        """Build secrets by name: `ca`; `feeds` (uv.toml) with `pip` (pip.conf) if there are any."""
        secrets: dict[str, bytes] = {}
        if self.ca_bundle:
            secrets["ca"] = self.ca_bundle.read_bytes()
        if self.index_url or self.extra_index_urls:
            secrets["feeds"] = self._uv_toml().encode()
            secrets["pip"] = self._pip_conf().encode()
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

    def report(self) -> list[str]:
        """One line for each thing carried in, passwords removed."""
        lines = [f"CA bundle {self.ca_bundle}"] if self.ca_bundle else []
        lines += [f"{name}={redact(value)}" for name, value in sorted(self.proxies.items())]
        lines += [f"index {redact(url)}" for url in (self.index_url, *self.extra_index_urls) if url]
        return lines + [f"left out: {what}" for what in self.left_out]

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
    configured = _pip_configuration(environ)
    index = (
        environ.get("UV_DEFAULT_INDEX") or environ.get("PIP_INDEX_URL") or configured["index-url"]
    )
    extra = (
        environ.get("UV_INDEX")
        or environ.get("PIP_EXTRA_INDEX_URL")
        or configured["extra-index-url"]
    ).split()
    index, *extra = (_NAMED_INDEX.sub("", url) for url in (index, *extra))
    others = [url for url in (index, *extra) if url and not _is_remote(url)]
    return HostTrust(
        ca_bundle=_ca_bundle(environ, configured["cert"]),
        proxies={
            name: value for name, value in environ.items() if name.lower() in _PROXIES and value
        },
        index_url=index if _is_remote(index) else "",
        extra_index_urls=tuple(url for url in extra if _is_remote(url)),
        left_out=tuple(f"index {redact(url)} (only this machine has it)" for url in others),
    )


def redact(url: str) -> str:
    """The URL, with or without a scheme, with any user name and password replaced.

    Everything up to the last `@` goes, because a password may hold an unquoted `/` or `@`.
    """
    if "@" not in url:
        return url
    scheme, separator, _ = url.partition("://")
    start = scheme + separator if separator else ""
    return f"{start}***@{url.rpartition('@')[2]}"


def _is_remote(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https"}


def _ca_bundle(environ: Mapping[str, str], pip_cert: str) -> Path | None:
    named = [environ.get(variable, "") for variable in _CA_VARIABLES]
    default = ssl.get_default_verify_paths().cafile or ""
    for candidate in (*named, pip_cert, default, *_SYSTEM_BUNDLES):
        if candidate and Path(candidate).is_file():
            return Path(candidate).resolve()
    return None


def _pip_configuration(environ: Mapping[str, str]) -> dict[str, str]:
    """What pip's own files say, the later ones winning (pip.pypa.io, "Configuration files")."""
    home = Path(environ.get("HOME") or "~").expanduser()
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    parser = configparser.RawConfigParser()
    named = environ.get("PIP_CONFIG_FILE", "")
    places = [
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        config_home / "pip/pip.conf",
        Path(named),
    ]
    try:
        parser.read([place for place in places if place.is_file()], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        parser = configparser.RawConfigParser()  # pip itself will complain about it
    keys = ("index-url", "extra-index-url", "cert")
    return {
        key: parser.get("install", key, fallback=parser.get("global", key, fallback=""))
        for key in keys
    }

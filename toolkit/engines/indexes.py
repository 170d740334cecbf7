"""Which package indexes this machine is set up for: pip's and uv's variables and files, netrc.

URLs may hold passwords: never print them unredacted.
"""

from __future__ import annotations

import configparser
import netrc
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Logins = Mapping[str, tuple[str, str]]
"""User name and password by host."""

_NAMED_INDEX: Final = re.compile(r"^(?P<name>[\w.-]+)=(?=\w+://)")  # uv's `name=https://…`


@dataclass(frozen=True, kw_only=True)
class Indexes:
    """`default` stands for pypi.org, the others are asked beside it; `cert` is pip's CA bundle."""

    default: str = field(default="", repr=False)
    extra: tuple[str, ...] = field(default=(), repr=False)
    cert: str = ""


def configured_indexes(environ: Mapping[str, str]) -> Indexes:
    """Variables before files, uv before pip; of pip's files the later ones win."""
    pip, (uv_default, uv_extra) = _pip_files(environ), _uv_files(environ)
    default = _first(
        environ, ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"), uv_default or pip.default
    )
    extra = _first(
        environ,
        ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL"),
        " ".join(uv_extra or pip.extra),
    )
    return Indexes(
        default=_with_login(default, environ),
        extra=tuple(_with_login(url, environ) for url in extra.split()),
        cert=pip.cert,
    )


def known_logins(environ: Mapping[str, str], hosts: Iterable[str]) -> Logins:
    """What netrc has for these hosts, and for no others. A file that cannot be read has nothing."""
    home = Path(environ.get("HOME") or "~").expanduser()
    named = environ.get("NETRC")
    for path in [Path(named)] if named else [home / ".netrc", home / "_netrc"]:
        try:
            entries = netrc.netrc(str(path)).hosts
        except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
            continue
        return {
            host: (entries[host][0], password)
            for host in hosts
            if host in entries and (password := entries[host][2])
        }
    return {}


def netrc_text(logins: Logins) -> str:
    """The logins as a netrc file."""
    return "".join(
        f"machine {host} login {login} password {password}\n"
        for host, (login, password) in sorted(logins.items())
    )


def host_of(url: str) -> str:
    """The host that a login is for; empty where there is none."""
    return urlsplit(url).hostname or ""


def redact(url: str) -> str:
    """The URL, with or without a scheme, with any user name and password replaced.

    Everything up to the last `@` goes, because a password may hold an unquoted `/` or `@`.
    """
    if "@" not in url:
        return url
    scheme, separator, _ = url.partition("://")
    start = scheme + separator if separator else ""
    return f"{start}***@{url.rpartition('@')[2]}"


def _first(environ: Mapping[str, str], names: tuple[str, ...], otherwise: str) -> str:
    return next((environ[name] for name in names if environ.get(name)), otherwise)


def _with_login(url: str, environ: Mapping[str, str]) -> str:
    """The URL of uv's `name=URL`, with the user and password that uv's variables hold for it."""
    match = _NAMED_INDEX.match(url)
    if not match:
        return url
    bare, name = url[match.end() :], re.sub(r"\W", "_", match["name"]).upper()
    user = environ.get(f"UV_INDEX_{name}_USERNAME", "")
    password = environ.get(f"UV_INDEX_{name}_PASSWORD", "")
    if not (user or password) or "@" in bare:
        return bare
    scheme, _, rest = bare.partition("://")
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}"


def _pip_files(environ: Mapping[str, str]) -> Indexes:
    """What pip's own files say (pip.pypa.io, "Configuration files")."""
    home = Path(environ.get("HOME") or "~").expanduser()
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    places = [
        Path("/etc/pip.conf"),
        home / ".pip/pip.conf",
        config_home / "pip/pip.conf",
        Path(environ.get("PIP_CONFIG_FILE", "")),
    ]
    parser = configparser.RawConfigParser()
    try:
        parser.read([place for place in places if place.is_file()], encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return Indexes()  # pip itself will complain about it

    def said(key: str) -> str:
        return parser.get("install", key, fallback=parser.get("global", key, fallback=""))

    return Indexes(
        default=said("index-url"),
        extra=tuple(said("extra-index-url").split()),
        cert=said("cert"),
    )


def _uv_files(environ: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The default and the other indexes of the user's uv.toml (docs.astral.sh/uv, "Indexes")."""
    home = Path(environ.get("HOME") or "~").expanduser()
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    named = environ.get("UV_CONFIG_FILE")
    for path in [Path(named)] if named else [config_home / "uv/uv.toml", Path("/etc/uv/uv.toml")]:
        try:
            document = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
            continue  # uv itself will complain about it
        return _uv_indexes(document)
    return "", ()


def _uv_indexes(document: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    pip = document.get("pip", {})
    default = document.get("index-url") or pip.get("index-url") or ""
    extra = [*document.get("extra-index-url", []), *pip.get("extra-index-url", [])]
    for index in document.get("index", []):
        name, url = index.get("name"), index.get("url", "")
        named = f"{name}={url}" if name else url
        if index.get("default"):
            default = named
        elif not index.get("explicit"):  # such a one is asked only by projects that name it
            extra.append(named)
    return default, tuple(extra)

"""Passwords in an environment's own lines: they go to the build as secrets, nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from toolkit.engines.indexes import Logins, host_of, known_logins
from toolkit.engines.trust import HostTrust
from toolkit.errors import SpecError

_URL: Final = re.compile(r"(?:git\+)?https?://[^\s;]+")
_VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Z_][A-Z0-9_]*)\}")  # as pip and uv write it
_CHANNEL_TOKEN: Final = re.compile(r"/t/[^/]+/")  # anaconda.org: the token is a part of the path


def with_lines(
    trust: HostTrust, lines: Sequence[str], environ: Mapping[str, str], *, spec: Path
) -> HostTrust:
    """The same and what these requirement lines need: private indexes, logins for their hosts.

    Raises SpecError for a password that can only be given in public.
    """
    urls = [_expanded(url, environ) for line in lines for url in _URL.findall(line)]
    for url in urls:
        if url.startswith("git+") and urlsplit(url[4:]).username:
            raise SpecError(
                f"{spec}: a password in a git address cannot be kept secret: {url_public(url)}",
                hint="serve a wheel of it from a package index, and name the index",
            )
    private = tuple(
        _expanded(line, environ) for line in lines if line.startswith("-") and is_private(line)
    )
    hosts = {host_of(url) for url in urls if "@" not in url} - trust.logins.keys()
    written = _logins_in(
        [url for line in lines if not line.startswith("-") for url in _URL.findall(line)], environ
    )
    return replace(
        trust,
        options=private,
        logins={**known_logins(environ, hosts), **trust.logins, **written},
    )


def without_passwords(lines: Sequence[str]) -> tuple[str, ...]:
    """The lines as an image may show them: private options are left out, URLs lose their login."""
    return redacted([line for line in lines if not (line.startswith("-") and is_private(line))])


def redacted(lines: Sequence[str]) -> tuple[str, ...]:
    """The same lines, their URLs without logins."""
    return tuple(_URL.sub(lambda match: url_public(match[0]), line) for line in lines)


def check_channels(channels: Sequence[str], *, spec: Path) -> None:
    """Raises SpecError for a conda channel whose password would stand in the image's history."""
    for channel in channels:
        if is_private(channel) or _CHANNEL_TOKEN.search(channel):
            shown = _CHANNEL_TOKEN.sub("/t/***/", url_public(channel))
            raise SpecError(
                f"{spec}: the password of a conda channel would stay in the image: {shown}",
                hint="give it to a base image of your own (`.condarc`), and pass `--base`",
            )


def is_private(line: str) -> bool:
    """Whether the line's URL has a login, or takes one from a variable."""
    return any("@" in url.partition("?")[0] or _VARIABLE.search(url) for url in _URL.findall(line))


def url_public(url: str) -> str:
    """The URL without its login. A password may hold an unquoted `@`, a path may hold one too."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def _expanded(text: str, environ: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: environ.get(match["name"], match[0]), text)


def _logins_in(urls: Sequence[str], environ: Mapping[str, str]) -> Logins:
    parts = [urlsplit(_expanded(url, environ)) for url in urls]
    return {
        part.hostname: (unquote(part.username), unquote(part.password or ""))
        for part in parts
        if part.hostname and part.username
    }

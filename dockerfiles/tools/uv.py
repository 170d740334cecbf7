"""Fetch uv without pip: one wheel of an index, checked and unpacked. Standard library, Python 3.8.

    uv.py VERSION FOLDER

pip does it too, in five times the time; it is what the Dockerfile falls back on, because it knows
every kind of index. Asked are the indexes of PIP_CONFIG_FILE (ours, if any), else pypi.org.
"""

from __future__ import annotations

import base64
import configparser
import hashlib
import io
import json
import netrc
import os
import platform
import sys
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urljoin, urlsplit
from urllib.request import Request, urlopen

PYPI = "https://pypi.org/simple"
ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
SECONDS = 60


class File(NamedTuple):
    """What an index says of a file; `sha256` is empty where it says none."""

    name: str
    url: str
    sha256: str


class Links(HTMLParser):
    """The links of an index's page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target:
            self.found.append(target)


def indexes() -> list[str]:
    """The default index, then the others."""
    parser = configparser.RawConfigParser()
    parser.read(os.environ.get("PIP_CONFIG_FILE", ""))
    default = parser.get("global", "index-url", fallback=PYPI)
    return [default, *parser.get("global", "extra-index-url", fallback="").split()]


def get(url: str, accept: str = "*/*") -> tuple[bytes, str, str]:
    """The answer's body, its type, and where it came from; a login is sent as pip sends it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"not an address that can be fetched: {parts.scheme}")
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    request = Request(bare, headers={"Accept": accept})  # noqa: S310  # checked above
    login = login_for(parts)
    if login:
        text = base64.b64encode(":".join(login).encode()).decode()
        # of this request alone: a redirect to another host must not carry it on
        request.add_unredirected_header("Authorization", f"Basic {text}")
    with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  # checked above
        return answer.read(), answer.headers.get_content_type(), answer.url


def login_for(parts: SplitResult) -> tuple[str, str] | None:
    if parts.username:
        return unquote(parts.username), unquote(parts.password or "")
    path = os.environ.get("NETRC")
    entry = netrc.netrc(path).hosts.get(parts.hostname or "") if path else None
    return (entry[0], entry[2] or "") if entry else None


def files(index: str) -> Iterator[File]:
    """Every file of uv that the index has."""
    body, kind, came_from = get(f"{index.rstrip('/')}/uv/", ACCEPT)
    if kind.endswith("json"):
        for file in json.loads(body)["files"]:
            sha256 = file["hashes"].get("sha256", "")
            yield File(file["filename"], urljoin(came_from, file["url"]), sha256)
        return
    links = Links()
    links.feed(body.decode("utf-8"))
    for link in links.found:
        url, _, fragment = urljoin(came_from, link).partition("#")
        digest: dict[str, str] = dict([fragment.split("=", 1)]) if "=" in fragment else {}
        yield File(unquote(url.rpartition("/")[2]), url, digest.get("sha256", ""))


def fits(name: str, version: str) -> bool:
    """Whether this wheel is of the version, and for this machine and its C library."""
    libc = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"
    tags = name.rpartition("-")[2]
    is_ours = libc in tags and tags.endswith(f"_{platform.machine()}.whl")
    return name.startswith(f"uv-{version}-") and is_ours


def with_login(index: str, url: str) -> str:
    """The file's URL with the index's login, if it is on the same host."""
    ours, theirs = urlsplit(index), urlsplit(url)
    if ours.username and ours.hostname == theirs.hostname and not theirs.username:
        return theirs._replace(netloc=ours.netloc).geturl()
    return url


def wheel(version: str) -> bytes:
    for index in indexes():
        for file in files(index):
            if not fits(file.name, version):
                continue
            content, _, _ = get(with_login(index, file.url))
            if file.sha256 and hashlib.sha256(content).hexdigest() != file.sha256:
                raise ValueError(f"not what the index announced: {file.name}")
            return content
    raise LookupError(f"no wheel of uv {version} for this machine")


def main(version: str, folder: str) -> None:
    with zipfile.ZipFile(io.BytesIO(wheel(version))) as archive:
        content = archive.read(f"uv-{version}.data/scripts/uv")
    target = Path(folder) / "uv"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(0o755)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (OSError, ValueError, LookupError, netrc.NetrcParseError, zipfile.BadZipFile) as error:
        sys.exit(f"uv.py: {error}")

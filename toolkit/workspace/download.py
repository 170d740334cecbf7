"""Files behind http(s), kept in the user's cache; checked against the server and against rot."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit, urlunsplit

from toolkit.errors import EmuError, NotFound

if TYPE_CHECKING:
    from email.message import Message
    from urllib.request import OpenerDirector

TIMEOUT: Final = 30.0
_BLOCK: Final = 1 << 20
_FACTS: Final = "download.json"
_MAP_IT: Final = "name a folder for it under `[urls]` in aml-emu.toml"


class DownloadFailed(EmuError):
    """A server did not answer, refused, or sent something broken."""

    exit_code = 3


@dataclass(frozen=True, kw_only=True)
class _Facts:
    """What is known of a kept file. The time tells whether it must be read to be checked."""

    size: int
    modified: int
    sha256: str
    etag: str = ""
    last_modified: str = ""


class Downloads:
    """Call it with a URL to get the file. A file that is kept is asked for again, not sent again.

    Without a network the kept file is used, and `say` is told so.
    """

    def __init__(
        self, folder: Path, *, say: Callable[[str], None], opener: OpenerDirector | None = None
    ) -> None:
        self._folder = folder
        self._say = say
        self._opener = opener

    def __call__(self, url: str) -> Path:
        from http.client import HTTPException  # noqa: PLC0415  # few jobs download

        shown, entry = without_secret(url), self._entry(url)
        target = entry / _file_name(url)
        facts = _checked(entry, target)
        try:
            with self._opened(url, facts) as answer:
                _fetch(answer, entry, target, shown)
                self._say(f"downloaded {shown}")
        except HTTPError as error:
            error.close()
            if error.code != HTTPStatus.NOT_MODIFIED:
                raise _refused(error.code, shown) from error
        except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
            if facts is None:
                raise DownloadFailed(
                    f"cannot be downloaded: {shown}",
                    details=str(error),
                    hint=f"{_MAP_IT}, or check the network",
                ) from error
            self._say(f"the server does not answer; the file kept from before is used: {shown}")
        return target

    def _entry(self, url: str) -> Path:
        return self._folder / hashlib.sha256(without_secret(url).encode()).hexdigest()[:32]

    @contextlib.contextmanager
    def _opened(self, url: str, facts: _Facts | None) -> Iterator[Any]:
        headers = {"User-Agent": "aml-emu", "Accept-Encoding": "identity"}
        if facts is not None and facts.etag:
            headers["If-None-Match"] = facts.etag
        if facts is not None and facts.last_modified:
            headers["If-Modified-Since"] = facts.last_modified
        from urllib.request import Request, build_opener  # noqa: PLC0415  # few jobs download

        if self._opener is None:
            self._opener = build_opener()
        request = Request(url, headers=headers)  # noqa: S310  # the locator lets only http(s) in
        with self._opener.open(request, timeout=TIMEOUT) as answer:
            yield answer


def without_secret(url: str) -> str:
    """The URL to show and to remember: a shared access signature is no part of what it names."""
    parts = urlsplit(url)
    query = "" if "sig=" in parts.query else parts.query
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def _file_name(url: str) -> str:
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    return name.replace("\0", "") or "data"


def _checked(entry: Path, target: Path) -> _Facts | None:
    """What is known of the kept file, if it is what was downloaded."""
    try:
        facts = _Facts(**json.loads((entry / _FACTS).read_text("utf-8")))
        found = target.stat()
    except (OSError, ValueError, TypeError):
        return None
    if (found.st_size, found.st_mtime_ns) == (facts.size, facts.modified):
        return facts
    with target.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(_BLOCK):
            digest.update(block)
    return facts if digest.hexdigest() == facts.sha256 else None


def _fetch(answer: Any, entry: Path, target: Path, shown: str) -> None:
    """The body beside the target first, so that nobody ever sees half of it."""
    part = entry / f".part-{uuid.uuid4().hex}"
    try:
        entry.mkdir(parents=True, exist_ok=True)
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        with part.open("wb") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
                sha256.update(block)
                md5.update(block)
        _check_whole(answer.headers, part.stat().st_size, md5.digest(), shown)
        found = part.stat()
        facts = _Facts(
            size=found.st_size,
            modified=found.st_mtime_ns,
            sha256=sha256.hexdigest(),
            etag=answer.headers.get("ETag", ""),
            last_modified=answer.headers.get("Last-Modified", ""),
        )
        part.replace(target)
        _write_facts(entry, asdict(facts))
    finally:
        part.unlink(missing_ok=True)


def _write_facts(entry: Path, facts: Mapping[str, Any]) -> None:
    part = entry / f".part-{uuid.uuid4().hex}"
    part.write_text(json.dumps(facts), "utf-8")
    shutil.move(part, entry / _FACTS)


def _check_whole(headers: Message, size: int, md5: bytes, shown: str) -> None:
    promised = headers.get("Content-Length")
    if promised is not None and int(promised) != size:
        raise DownloadFailed(
            f"the connection broke off after {size} of {promised} bytes: {shown}",
            hint="try again",
        )
    sent = headers.get("Content-MD5")  # what Azure's blob storage keeps of every blob
    if sent and sent != base64.b64encode(md5).decode():
        raise DownloadFailed(f"damaged on the way, its MD5 is another: {shown}", hint="try again")


def _refused(code: int, shown: str) -> EmuError:
    if code in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        return NotFound(f"the server has no such file: {shown}", hint="check the URL")
    if code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return DownloadFailed(f"the server wants to know who asks ({code}): {shown}", hint=_MAP_IT)
    return DownloadFailed(f"the server answered {code}: {shown}", hint=_MAP_IT)

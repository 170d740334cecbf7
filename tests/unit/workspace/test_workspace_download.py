from __future__ import annotations

import base64
import hashlib
import io
import os
from collections.abc import Callable
from email.message import Message
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError
from urllib.request import HTTPHandler, HTTPSHandler, Request, build_opener
from urllib.response import addinfourl

import pytest

from toolkit.errors import NotFound
from toolkit.workspace.download import DownloadFailed, Downloads, without_secret

URL = "https://example.org/data/iris.csv"


class Server(HTTPSHandler, HTTPHandler):
    """What answers in place of the network, and remembers what it was asked."""

    def __init__(self, content: bytes = b"1,2\n") -> None:
        super().__init__()
        self.content = content
        self.headers: dict[str, str] = {"ETag": '"1"'}
        self.status = 200
        self.is_down = False
        self.asked: list[Request] = []

    def https_open(self, request: Request) -> addinfourl:  # type: ignore[override]  # as urllib
        self.asked.append(request)
        if self.is_down:
            raise URLError("no route to host")
        headers = Message()
        for name, value in self.headers.items():
            headers[name] = value
        known = request.headers.get("If-none-match")
        status = 304 if known and known == self.headers.get("ETag") else self.status
        body = b"" if status == 304 else self.content
        answer = addinfourl(io.BytesIO(body), headers, request.full_url, status)
        answer.msg = "as told"  # type: ignore[attr-defined]  # urllib reads it of every answer
        return answer

    http_open = https_open  # type: ignore[assignment]  # as above


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def get(server: Server, said: list[str], tmp_path: Path) -> Callable[[str], Path]:
    return Downloads(tmp_path / "cache", say=said.append, opener=build_opener(server))


def test_a_file_is_downloaded_once(
    server: Server, said: list[str], get: Callable[[str], Path]
) -> None:
    first = get(URL)
    assert (first.name, first.read_bytes()) == ("iris.csv", b"1,2\n")
    assert get(URL) == first
    assert [request.headers.get("If-none-match") for request in server.asked] == [None, '"1"']
    assert said == [f"downloaded {URL}"]


def test_a_changed_file_is_downloaded_again(server: Server, get: Callable[[str], Path]) -> None:
    get(URL)
    server.content, server.headers["ETag"] = b"new", '"2"'
    assert get(URL).read_bytes() == b"new"


def test_without_a_network_the_kept_file_is_used(
    server: Server, said: list[str], get: Callable[[str], Path]
) -> None:
    server.is_down = True
    with pytest.raises(DownloadFailed, match=f"cannot be downloaded: {URL}") as caught:
        get(URL)
    assert "[urls]" in caught.value.hint
    server.is_down = False
    path = get(URL)
    server.is_down = True
    assert get(URL) == path
    assert said[-1].startswith("the server does not answer; the file kept from before is used")


@pytest.mark.parametrize("damage", [b"1,3\n", b"1", b""])
def test_a_damaged_file_is_not_used(
    server: Server, get: Callable[[str], Path], damage: bytes
) -> None:
    path = get(URL)
    path.write_bytes(damage)
    assert get(URL).read_bytes() == b"1,2\n"
    path.write_bytes(damage)
    server.is_down = True
    with pytest.raises(DownloadFailed):
        get(URL)


def test_a_touched_file_is_read_and_kept(server: Server, get: Callable[[str], Path]) -> None:
    os.utime(get(URL), (1, 1))
    get(URL)
    assert server.asked[-1].headers.get("If-none-match") == '"1"'


def test_half_a_file_is_refused(server: Server, get: Callable[[str], Path], tmp_path: Path) -> None:
    server.headers["Content-Length"] = "100"
    with pytest.raises(DownloadFailed, match="broke off after 4 of 100 bytes"):
        get(URL)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_the_servers_md5_is_checked(server: Server, get: Callable[[str], Path]) -> None:
    server.headers["Content-MD5"] = base64.b64encode(hashlib.md5(b"1,2\n").digest()).decode()
    get(URL)
    server.headers["ETag"], server.content = '"2"', b"1,4\n"
    with pytest.raises(DownloadFailed, match="its MD5 is another"):
        get(URL)


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (404, NotFound, "the server has no such file"),
        (403, DownloadFailed, r"wants to know who asks \(403\)"),
        (500, DownloadFailed, "the server answered 500"),
    ],
)
def test_a_refusal_is_told(
    server: Server, get: Callable[[str], Path], status: int, kind: type[Exception], told: str
) -> None:
    server.status = status
    with pytest.raises(kind, match=told):
        get(URL)


def test_a_signature_is_neither_shown_nor_kept(
    said: list[str], get: Callable[[str], Path], tmp_path: Path
) -> None:
    first = get(f"{URL}?sv=2024&sig=SECRET1")
    assert get(f"{URL}?sv=2024&sig=SECRET2") == first
    kept = "".join(
        path.read_text("utf-8") for path in (tmp_path / "cache").rglob("*") if path.is_file()
    )
    assert "SECRET" not in kept + "".join(said)
    assert without_secret("https://me:pw@h/x?a=1") == "https://h/x?a=1"


def test_urls_that_differ_are_different_files(get: Callable[[str], Path]) -> None:
    assert len({get(URL), get(f"{URL}?v=2"), get(URL.replace("iris", "rose"))}) == 3
    assert get("http://example.org/").name == "data"


def test_a_body_that_ends_too_early_is_told(
    get: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise IncompleteRead(b"1", 3)

    monkeypatch.setattr(addinfourl, "read", broken, raising=False)
    with pytest.raises(DownloadFailed, match=r"cannot be downloaded: https://example\.org"):
        get(URL)

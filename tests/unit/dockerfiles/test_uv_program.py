"""dockerfiles/tools/uv.py against small indexes on loopback."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import os
import platform
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toolkit.resources import dockerfiles

PROGRAM = dockerfiles() / "tools" / "uv.py"
LIBC = "manylinux_2_17" if platform.libc_ver()[0] == "glibc" else "musllinux_1_1"
NAME = f"uv-1.0-py3-none-{LIBC}_{platform.machine()}.whl"
OTHERS = ("uv-1.0.tar.gz", "uv-1.0-py3-none-win_amd64.whl", NAME.replace("1.0", "2.0", 1))


def wheel() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("uv-1.0.data/scripts/uv", "#!/bin/sh\necho uv\n")
    return stream.getvalue()


@dataclass
class Index:
    """Answers with pages by path; without the right login with 401."""

    pages: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    login: str = ""
    url: str = ""
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def offer(self, content: bytes, *, as_json: bool, sha256: str) -> None:
        links = [(name, f"../../files/{name}") for name in (*OTHERS, NAME)]
        self.pages[f"/files/{NAME}"] = ("application/zip", content)
        if as_json:
            files = [{"filename": n, "url": u, "hashes": {"sha256": sha256}} for n, u in links]
            page = ("application/vnd.pypi.simple.v1+json", json.dumps({"files": files}).encode())
        else:
            text = "".join(f'<a href="{u}#sha256={sha256}">{n}</a>' for n, u in links)
            page = ("text/html", text.encode())
        self.pages["/simple/uv/"] = page


@pytest.fixture
def index() -> Iterator[Index]:
    made = Index()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.headers.append(dict(self.headers))
            wanted = "Basic " + base64.b64encode(made.login.encode()).decode()
            if made.login and self.headers.get("Authorization") != wanted:
                self.send_error(401)
                return
            if self.path not in made.pages:
                self.send_error(404)
                return
            kind, body = made.pages[self.path]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}/simple"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Desk:
    folder: Path

    def fetch(self, *indexes: str, **environ: str) -> subprocess.CompletedProcess[str]:
        conf = self.folder / "pip.conf"
        extra = " ".join(indexes[1:])
        conf.write_text(f"[global]\nindex-url = {indexes[0]}\nextra-index-url = {extra}\n")
        proxies = {name: "" for name in os.environ if name.lower().endswith("_proxy")}
        return subprocess.run(
            [sys.executable, str(PROGRAM), "1.0", str(self.folder / "bin")],
            env={**os.environ, **proxies, "PIP_CONFIG_FILE": str(conf), **environ},
            capture_output=True,
            text=True,
            check=False,
        )

    def assert_fetched(self, done: subprocess.CompletedProcess[str]) -> None:
        assert done.returncode == 0, done.stderr
        target = self.folder / "bin/uv"
        assert target.read_text() == "#!/bin/sh\necho uv\n"
        assert target.stat().st_mode & 0o777 == 0o755

    def assert_refused(self, done: subprocess.CompletedProcess[str], why: str) -> None:
        assert done.returncode == 1
        assert done.stderr.startswith("uv.py: ")
        assert why in done.stderr
        assert not (self.folder / "bin").exists()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_wheel_for_this_machine_is_unpacked(desk: Desk, index: Index, *, as_json: bool) -> None:
    index.offer(wheel(), as_json=as_json, sha256=hashlib.sha256(wheel()).hexdigest())
    desk.assert_fetched(desk.fetch(index.url))


def test_a_later_index_is_asked_for_what_an_earlier_lacks(desk: Desk, index: Index) -> None:
    index.offer(wheel(), as_json=True, sha256="")
    index.pages["/empty/uv/"] = ("text/html", b"")
    empty = index.url.replace("/simple", "/empty")
    desk.assert_fetched(desk.fetch(empty, index.url))


def test_the_login_of_the_url_is_sent(desk: Desk, index: Index) -> None:
    index.offer(wheel(), as_json=False, sha256="")
    index.login = "me:p@ss"
    desk.assert_fetched(desk.fetch(index.url.replace("://", "://me:p%40ss@")))


def test_the_login_of_netrc_is_sent(desk: Desk, index: Index) -> None:
    index.offer(wheel(), as_json=False, sha256="")
    index.login = "me:pw"
    netrc = desk.folder / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password pw\n")
    desk.assert_fetched(desk.fetch(index.url, NETRC=str(netrc)))


def test_a_missing_login_is_refused(desk: Desk, index: Index) -> None:
    index.offer(wheel(), as_json=False, sha256="")
    index.login = "me:pw"
    desk.assert_refused(desk.fetch(index.url), "401")


def test_content_that_is_not_what_was_announced_is_refused(desk: Desk, index: Index) -> None:
    index.offer(wheel(), as_json=True, sha256="0" * 64)
    desk.assert_refused(desk.fetch(index.url), "not what the index announced")


@pytest.mark.parametrize("address", ["ftp://127.0.0.1/simple", "http://127.0.0.1:1/simple"])
def test_an_index_that_cannot_be_asked_is_an_error_in_one_line(desk: Desk, address: str) -> None:
    done = desk.fetch(address)
    desk.assert_refused(done, "")
    assert done.stderr.count("\n") == 1


def test_an_index_without_a_fitting_wheel_is_an_error(desk: Desk, index: Index) -> None:
    index.pages["/simple/uv/"] = ("text/html", b'<a href="uv-1.0.tar.gz">uv-1.0.tar.gz</a>')
    desk.assert_refused(desk.fetch(index.url), "no wheel of uv 1.0")


def test_a_broken_wheel_is_an_error(desk: Desk, index: Index) -> None:
    index.offer(b"no zip", as_json=True, sha256="")
    desk.assert_refused(desk.fetch(index.url), "zip")

"""A container engine on a unix socket that answers from a script, for tests of the wire."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import docker

from tests.unit.engines.buildkit.grpc_caller import Answer, GrpcCaller

PATIENCE = 10.0


@dataclass
class Asked:
    """One request as the engine saw it."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


class Exchange(BaseHTTPRequestHandler):
    """One connection to the scripted engine."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def handle_request(self) -> None:
        url = urlsplit(self.path)
        path = "/" + url.path.split("/", 2)[2]
        try:
            body = self._body()
        except ValueError:  # the client went away in the middle of its request
            self.close_connection = True
            return
        self.server.engine.asked.append(Asked(path, parse_qs(url.query), dict(self.headers), body))
        self.server.engine.routes[path](self)

    do_GET = do_POST = handle_request  # noqa: N815 - names that http.server looks for

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def say(self, status: int, body: Any) -> None:
        encoded = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def stream(self, chunk: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    def end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")

    def gone(self) -> bool:
        """Wait for the other side to go away."""
        self.connection.settimeout(PATIENCE)
        return self.rfile.read(1) == b""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Quiet."""


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    engine: ScriptedEngine


@dataclass
class ScriptedEngine:
    """`routes` says what each path does; the session route calls what `session_calls` lists."""

    address: Path
    routes: dict[str, Callable[[Exchange], None]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    session_calls: list[tuple[str, bytes]] = field(default_factory=list)
    session_answers: list[Answer] = field(default_factory=list)
    session_answered: threading.Event = field(default_factory=threading.Event)
    session_gone: threading.Event = field(default_factory=threading.Event)

    def api(self) -> docker.APIClient:
        return docker.APIClient(base_url=f"unix://{self.address}", version="1.41")

    def requests_of(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path == path]

    def serve_session(self, exchange: Exchange) -> None:
        """Call back at once: the first bytes of HTTP/2 come in one packet with the headers."""
        caller = GrpcCaller()
        streams = [caller.call(method, message) for method, message in self.session_calls]
        exchange.wfile.write(
            b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
            + caller.outgoing()
        )
        exchange.connection.settimeout(PATIENCE)
        while not all(caller.answers[stream].is_complete for stream in streams):
            data = exchange.connection.recv(1 << 16)
            if not data:
                break
            caller.receive(data)
            exchange.connection.sendall(caller.outgoing())
        self.session_answers = [caller.answers[stream] for stream in streams]
        self.session_answered.set()
        while exchange.connection.recv(1 << 16):
            pass
        exchange.close_connection = True
        self.session_gone.set()


@contextlib.contextmanager
def scripted_engine(folder: Path) -> Iterator[ScriptedEngine]:
    engine = ScriptedEngine(folder / "engine.sock")
    engine.routes["/session"] = engine.serve_session
    with _Server(str(engine.address), Exchange) as server:
        server.engine = engine
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield engine
        finally:
            server.shutdown()
            thread.join()

"""A package index that asks for a password, and may have a certificate of its own."""

from __future__ import annotations

import base64
import http.server
import io
import ssl
import threading
import zipfile
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typing_extensions import Self

PACKAGE = "secretpkg"
USER = "me"


class FeedServer:
    """`url` is its index. With a `certificate` it speaks TLS."""

    def __init__(
        self, host: str, *, password: str, certificate: tuple[Path, Path] | None = None
    ) -> None:
        wanted = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()
        self._server = http.server.ThreadingHTTPServer((host, 0), _handler(wanted))
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.host, self.port = host, self._server.server_address[1]
        self.scheme = "https" if certificate else "http"
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/simple"

    def url_with(self, password: str) -> str:
        return self.url.replace("://", f"://{USER}:{password}@")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def certificate(folder: Path, host: str, *, days: int) -> tuple[Path, Path]:
    """A self-signed certificate and its key; with negative days it has expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(tz=timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def _wheel() -> bytes:
    info = f"{PACKAGE}-1.0.dist-info"
    files = {
        f"{PACKAGE}.py": "VALUE = 42\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(name, text)
    return stream.getvalue()


def _handler(authorization: str) -> type[http.server.BaseHTTPRequestHandler]:
    name = f"{PACKAGE}-1.0-py3-none-any.whl"
    pages = {
        f"/simple/{PACKAGE}/": ("text/html", f'<a href="/files/{name}">{name}</a>'.encode()),
        f"/files/{name}": ("application/zip", _wheel()),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Authorization") != authorization:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="feed"')
                self.end_headers()
                return
            kind, body = pages.get(self.path, ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815  # as the library calls it

        def log_message(self, *_: object) -> None:
            """Silent: the tests say what they expect."""

    return Handler

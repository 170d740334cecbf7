"""A Docker engine of the test's own: what it removes there, nobody misses."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

START_SECONDS = 30.0


def cannot_start() -> str:
    """Why no engine can be started here; empty if one can."""
    for program in ("dockerd", "containerd", "unshare"):
        if not shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"):
            return f"no `{program}` on this machine"
    return "" if os.geteuid() == 0 else "starting an engine needs root"


@contextmanager
def private_engine(folder: Path) -> Iterator[str]:
    """Its address. It has a network namespace of its own, and so a bridge of its own."""
    # The path of a socket is short: 107 bytes, of which containerd's own names take 50.
    sockets = Path(tempfile.mkdtemp(prefix="aml-emu-test-"))
    command = [
        "unshare", "--net", "--mount", "dockerd",
        "--data-root", str(folder / "data"),
        "--exec-root", str(sockets / "exec"),
        "--pidfile", str(folder / "pid"),
        "--host", f"unix://{sockets}/docker.sock",
    ]  # fmt: skip
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "PATH": path})
    try:
        _wait(sockets / "docker.sock", daemon, folder / "log")
        yield f"unix://{sockets}/docker.sock"
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)
        for left in (folder / "data", sockets):
            shutil.rmtree(left, ignore_errors=True)


def copy_image(image: str, address: str, *, name: str) -> None:
    """From the usual engine to a private one, where it has another name."""
    usual, private = docker.from_env(), docker.DockerClient(base_url=address, version="auto")
    try:
        (loaded,) = private.images.load(b"".join(usual.images.get(image).save()))
        loaded.tag(name)
    finally:
        usual.close()
        private.close()


def _wait(address: Path, daemon: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(address):
        said = log.read_text(errors="replace")[-2000:]
        assert daemon.poll() is None, f"the private engine ended:\n{said}"
        assert time.monotonic() < deadline, f"the private engine does not answer:\n{said}"
        threading.Event().wait(0.05)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
            connection.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            return b"200 OK" in connection.recv(64)
        except OSError:
            return False

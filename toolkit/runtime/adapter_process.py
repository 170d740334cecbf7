"""The process that is debugpy's debug adapter; run by path, so it imports nothing of ours."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from typing import Any

PR_SET_PDEATHSIG = 1


def main(debugpy_home: str, endpoints_port: str, token: str) -> None:
    # An adapter without its agent would hold workers that nobody can reach any more.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The adapter turns itself into a daemon; the agent wants to keep it as its own child, to know
    # when it dies.
    os.fork = lambda: 0
    sys.path.insert(0, debugpy_home)
    sys.argv = [
        "debugpy.adapter",
        "--for-server",
        endpoints_port,
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--server-access-token",
        token,
    ]
    from debugpy.adapter.__main__ import main as adapter  # noqa: PLC0415  # only on the path from here on
    from debugpy.common.messaging import JsonIOStream  # noqa: PLC0415

    send_without_delay(JsonIOStream)
    adapter()


def send_without_delay(stream: Any) -> None:
    """The adapter sends several small messages in a row; the kernel would pause for 40 ms."""
    open_stream = stream.from_socket

    def from_socket(connection: socket.socket, *names: Any, **named: Any) -> Any:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return open_stream(connection, *names, **named)

    stream.from_socket = from_socket


if __name__ == "__main__":
    main(*sys.argv[1:])

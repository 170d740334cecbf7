"""The process that is debugpy's debug adapter; run by path, so it imports nothing of ours."""

from __future__ import annotations

import ctypes
import importlib
import os
import signal
import socket
import sys
from typing import Any, Iterable

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
    # Only on the path from here on; this order, since they import each other.
    clients = importlib.import_module("debugpy.adapter.clients")
    messaging = importlib.import_module("debugpy.common.messaging")
    send_without_delay(messaging.JsonIOStream)
    live = clients.sessions._sessions  # noqa: SLF001  # debugpy is pinned
    for kind in (clients.servers.Connection, clients.servers.Server):
        forget_gone_workers(kind, live)
    importlib.import_module("debugpy.adapter.__main__").main()


def send_without_delay(stream: Any) -> None:
    """The adapter sends several small messages in a row; the kernel would pause for 40 ms."""
    open_stream = stream.from_socket

    def from_socket(connection: socket.socket, *names: Any, **named: Any) -> Any:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return open_stream(connection, *names, **named)

    stream.from_socket = from_socket


def forget_gone_workers(kind: Any, live_sessions: Iterable[Any]) -> None:
    """A client's session would keep the connection of every worker that it ever saw.

    `kind` is a connection, or what holds it while a client is in session with it.
    """
    disconnect = kind.disconnect

    def disconnect_and_forget(this: Any) -> None:
        connection = getattr(this, "connection", this)
        disconnect(this)
        for session in list(live_sessions):
            if session.client is not None:
                session.client.known_subprocesses.discard(connection)

    kind.disconnect = disconnect_and_forget


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The process that is debugpy's debug adapter; run by path, so it imports nothing of ours."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

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

    adapter()


if __name__ == "__main__":
    main(*sys.argv[1:])

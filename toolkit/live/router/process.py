"""Starting a router and talking to it, from a command. Knows no HTTP server."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import subprocess
from typing import Any, Final

from toolkit.engines.command import own_module
from toolkit.errors import NotReady
from toolkit.live.endpoint import Endpoints, EndpointState
from toolkit.live.readiness import retry_until
from toolkit.settings import EngineName
from toolkit.workspace.owners import is_gone

START_SECONDS: Final = 20.0
_RENEW_SECONDS: Final = 40.0
_CONTROL: Final = "/.aml-emu/"
_HTTP_OK: Final = 200
_LAST_BYTES: Final = 4000


def is_up(state: EndpointState) -> bool:
    """Whether its router's process lives."""
    return state.router is not None and not is_gone(state.router)


def start_router(
    endpoints: Endpoints, name: str, *, engine: EngineName
) -> subprocess.Popen[bytes] | None:
    """Start the router unless it runs; `wait_for_router` returns when it answers.

    `engine` is where it looks for what this command leaves if it is killed before it is done.
    """
    with endpoints.router_lock(name).open("wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None  # one is there, or on its way, or leaving
        return _started(endpoints, name, engine=engine, lock=lock.fileno())


def _started(
    endpoints: Endpoints, name: str, *, engine: EngineName, lock: int
) -> subprocess.Popen[bytes]:
    """With the lock, which goes when the process does, however it ends."""
    with endpoints.log_file(name).open("ab") as log:
        return subprocess.Popen(
            own_module(
                "toolkit.live.router",
                *(str(endpoints.folder.parent), name, engine, str(os.getpid())),
            ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            start_new_session=True,  # the terminal's Ctrl-C is not for it
        )


def wait_for_router(
    endpoints: Endpoints,
    name: str,
    process: subprocess.Popen[bytes] | None,
    *,
    engine: EngineName,
) -> EndpointState:
    """Return when it answers; raises NotReady with the last lines of its log.

    Where the one that was there turns out to be leaving, another is started after it.
    """

    def attempt() -> bool | None:
        nonlocal process
        if ask(endpoints.get(name), "status") is not None:
            return True
        if process is None:
            process = start_router(endpoints, name, engine=engine)
        return None if process is None or process.poll() is None else False

    if retry_until(attempt, timeout=START_SECONDS, interval=0.02):
        return endpoints.get(name)
    log = endpoints.log_file(name).read_bytes()[-_LAST_BYTES:].decode(errors="replace")
    raise NotReady(f"the router of `{name}` did not start", details=log)


def renew_router(state: EndpointState) -> dict[str, Any]:
    """Have it take in what the endpoint's file says now; what it is doing then."""
    answer = ask(state, "renew", timeout=_RENEW_SECONDS)
    if answer is None:
        raise NotReady(f"the router of `{state.name}` does not answer at {state.url}")
    return answer


def ask(state: EndpointState, what: str, *, timeout: float = 2.0) -> dict[str, Any] | None:
    """Its answer; None if nobody is there."""
    connection = http.client.HTTPConnection("127.0.0.1", state.port, timeout=timeout)
    try:
        connection.request("POST", _CONTROL + what, headers={"aml-emu-control": state.control})
        response = connection.getresponse()
        body = response.read()
        told = json.loads(body) if response.status == _HTTP_OK else None
        return told if isinstance(told, dict) else None  # a stranger may have the port now
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()

"""Getting new code into a running service: one question to the agent in it, one answer."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from toolkit.engines.base import Handle
from toolkit.errors import NotReady
from toolkit.plans import azureml, emulation
from toolkit.plans.model import ReloadMode
from toolkit.plans.service import code_root

_LOOK_SECONDS: Final = 1.0
_SILENCE: Final = 10.0  # the agent gives a sign of life every second while it works


@dataclass(frozen=True, kw_only=True)
class ReloadResult:
    """What became of a reload; `traceback` is the user's own, `said` one sentence."""

    ok: bool
    mode: str
    said: str
    stage: str = ""
    traceback: str = ""
    milliseconds: float = 0.0


class Agent:
    """The emulator's own process inside a container, reached through its control port."""

    def __init__(
        self, handle: Handle, token: str, *, look: float = _LOOK_SECONDS, silence: float = _SILENCE
    ) -> None:
        self._handle = handle
        self._token = token
        self._look = look
        self._silence = silence

    def ask(self, op: str, **values: Any) -> dict[str, Any]:
        """One request, one answer, however long it takes: init() may stand at a breakpoint.

        Raises NotReady when the agent cannot be reached, breaks off or falls silent.
        """
        request = json.dumps({"op": op, "token": self._token, **values}).encode() + b"\n"
        try:
            address = self._handle.address(emulation.CONTROL_PORT)
            with socket.create_connection((address.host, address.port), timeout=5) as connection:
                connection.sendall(request)
                answer = self._listen(connection)
        except (OSError, KeyError) as error:
            raise NotReady(
                f"`{self._handle.name}` does not take requests", details=str(error)
            ) from error
        if not answer.endswith(b"\n"):
            raise NotReady(f"`{self._handle.name}` broke off while answering `{op}`")
        return self._understood(op, answer)

    def _listen(self, connection: socket.socket) -> bytes:
        """Its answer, or as much of it as came; empty lines are signs of life."""
        connection.settimeout(self._look)
        answer, heard = b"", time.monotonic()
        while not answer.endswith(b"\n"):
            try:
                data = connection.recv(65536)
            except TimeoutError:
                self._check_alive(time.monotonic() - heard)
                continue
            if not data:
                break
            answer, heard = (answer + data).lstrip(b"\n"), time.monotonic()
        return answer

    def _check_alive(self, silent: float) -> None:
        """A container that went away may leave a connection that nobody closes."""
        if not self._handle.state().is_running:
            raise NotReady(f"`{self._handle.name}` ended before it answered")
        if silent > self._silence:
            raise NotReady(f"`{self._handle.name}` does not answer, silent for {silent:.0f} s")

    def reload(self, paths: Iterable[Path], *, code: Path, mode: ReloadMode) -> ReloadResult:
        """Have the changed files taken in; the old code goes on answering if they are no good."""
        root = code_root(self._handle.labels)
        inside = (self._handle.path_inside(in_container(path, code, root)) for path in paths)
        answer = self.ask("reload", mode=mode, paths=[str(path) for path in inside])
        return ReloadResult(
            ok=bool(answer.get("ok")),
            mode=str(answer.get("mode", mode)),
            said=str(answer.get("said", "")),
            stage=str(answer.get("stage", "")),
            traceback=str(answer.get("traceback", "")),
            milliseconds=float(answer.get("ms", 0.0)),
        )

    def _understood(self, op: str, answer: bytes) -> dict[str, Any]:
        try:
            return dict(json.loads(answer))
        except (ValueError, TypeError) as error:
            raise NotReady(
                f"`{self._handle.name}` answered `{op}` with something that is no JSON object",
                details=answer.decode(errors="replace").strip(),
            ) from error


def in_container(path: Path, code: Path, root: PurePosixPath = azureml.APP_ROOT) -> PurePosixPath:
    """Where the plan has a file below the code folder."""
    return root / path.relative_to(code).as_posix()

"""The debug session that stays: to the adapter a debuggee without threads, to us the client's word.

The workers join as its children, so the client's session survives every one of them. A real
debuggee in this place could be paused or terminated by the client, and would cost 30 MB.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import platform
import sys
from typing import Any, Callable, Dict, List, Optional

from .frames import FrameError, Message, arguments_of, parse, read_frame, refusal, response

CAPABILITIES = {
    "supportsConfigurationDoneRequest": True,
    "supportsConditionalBreakpoints": True,
    "supportsHitConditionalBreakpoints": True,
    "supportsEvaluateForHovers": True,
    "supportsSetVariable": True,
    "supportsGotoTargetsRequest": True,
    "supportsCompletionsRequest": True,
    "supportsModulesRequest": True,
    "supportsExceptionOptions": True,
    "supportsValueFormattingOptions": True,
    "supportsExceptionInfoRequest": True,
    "supportTerminateDebuggee": True,
    "supportsDelayedStackTraceLoading": True,
    "supportsLogPoints": True,
    "supportsSetExpression": True,
    "supportsTerminateRequest": True,
    "supportsClipboardContext": True,
    "supportsFunctionBreakpoints": True,
    "supportsStepInTargetsRequest": True,
    "supportsDebuggerProperties": True,
}

NO_FRAME = "this session only holds the debugger open; select a worker in the call stack"


class Root:
    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        token: str,
        *,
        attached: Callable[[], None],
        detached: Callable[[], None],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._token = token
        self._tell_attached = attached
        self._tell_detached = detached
        self.arguments: Optional[Message] = None
        self.breakpoints: Dict[str, List[int]] = {}
        self.released = asyncio.Event()
        self.released.set()

    @property
    def attached(self) -> bool:
        return self.arguments is not None

    async def serve(self) -> None:
        """Answer the adapter until it goes away."""
        try:
            while True:
                body = await read_frame(self._reader)
                if body is None:
                    return
                message = parse(body)
                if message.get("type") == "request":
                    self._writer.write(self._answer(message))
        except (FrameError, OSError, TypeError, ValueError, AttributeError):
            return  # a dying adapter cuts its last message short; a client may send nonsense
        finally:
            self._detach()
            self._writer.close()

    def _answer(self, request: Message) -> bytes:
        command = str(request.get("command"))
        arguments = arguments_of(request)
        answer = getattr(self, "_on_" + command, None)
        if answer is not None:
            return encode_answer(request, answer(arguments))
        if command in ("evaluate", "source", "stackTrace", "scopes", "variables", "pause"):
            return refusal(request, NO_FRAME)
        return response(request)

    def _on_pydevdAuthorize(self, arguments: Message) -> Optional[Message]:  # noqa: N802  # the request's name
        given = str(arguments.get("debugServerAccessToken")).encode("utf-8", "surrogatepass")
        is_ours = hmac.compare_digest(given, self._token.encode())
        return {"clientAccessToken": None} if is_ours else None

    def _on_pydevdSystemInfo(self, _: Message) -> Message:  # noqa: N802  # the request's name
        version = platform.python_version()
        return {
            "python": {
                "version": version,
                "implementation": {"name": "cpython", "version": version},
            },
            "platform": {"name": sys.platform},
            "process": {
                "pid": os.getpid(),
                "ppid": os.getppid(),
                "executable": sys.executable,
                "bitness": 64 if sys.maxsize > 2**32 else 32,
            },
            "pydevd": {"usingCython": False, "usingFrameEval": False},
        }

    def _on_initialize(self, _: Message) -> Message:
        return CAPABILITIES

    def _on_attach(self, arguments: Message) -> Message:
        self.arguments = arguments
        self.released.clear()
        self._tell_attached()
        return {}

    def _on_threads(self, _: Message) -> Message:
        return {"threads": []}

    def _on_modules(self, _: Message) -> Message:
        return {"modules": [], "totalModules": 0}

    def _on_setBreakpoints(self, arguments: Message) -> Message:  # noqa: N802  # the request's name
        wanted: List[Any] = arguments.get("breakpoints") or []
        path = str((arguments.get("source") or {}).get("path", ""))
        self.breakpoints[path] = [int(each.get("line", 0)) for each in wanted]
        lines = self.breakpoints[path]
        return {"breakpoints": [{"verified": True, "line": line} for line in lines]}

    def _on_disconnect(self, _: Message) -> Message:
        self._detach()
        return {}

    def _detach(self) -> None:
        was_attached = self.attached
        self.arguments = None
        self.breakpoints = {}
        self.released.set()
        if was_attached:
            self._tell_detached()


def encode_answer(request: Message, body: Optional[Message]) -> bytes:
    return response(request, body) if body is not None else refusal(request, "refused")

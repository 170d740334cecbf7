"""A worker seen from the driver: started, given a mini-batch, killed when its time is over."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

INIT_SECONDS = 600.0  # as long as the service waits for `init()`


class Worker:
    """One process; after `kill`, `ask` starts another."""

    def __init__(self, number: int, script: str, arguments: List[str]) -> None:
        self._number = number
        self._command = [script, *arguments]
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._orders: Any = None
        self._answers = -1
        self._left = b""

    def ask(self, order: Dict[str, Any], timeout: float) -> Dict[str, Any]:
        """The answer to a mini-batch: `rows` and `count`, `error`, `broken` or `late`."""
        if self._process is None:
            began = self._start()
            if "ready" not in began:
                self.kill()
                return began
        try:
            self._orders.write(json.dumps(order) + "\n")
            self._orders.flush()
        except OSError:
            self.kill()
            return {"error": "the worker process ended"}
        answer = self._answer(timeout)
        if "late" in answer or "ended" in answer:
            self.kill()
        return answer

    def close(self) -> None:
        """Let it end by itself."""
        if self._process is not None:
            self._orders.close()
            try:
                self._process.wait(INIT_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
            self._close_answers()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            with contextlib.suppress(OSError):  # what it was to be told is of no use any more
                self._orders.close()
            self._close_answers()
            self._process = None
            self._left = b""

    def _close_answers(self) -> None:
        if self._answers >= 0:
            os.close(self._answers)
            self._answers = -1

    def _start(self) -> Dict[str, Any]:
        told, orders = os.pipe()
        answers, answer = os.pipe()
        log = "logs/user/{{0}}/process{:03d}.{{0}}.txt".format(self._number)
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "parallel_main.py")
        with open(log.format("stdout"), "ab") as out, open(log.format("stderr"), "ab") as err:
            self._process = subprocess.Popen(
                [sys.executable, program, "--worker", str(told), str(answer), *self._command],
                pass_fds=(told, answer),
                stdout=out,
                stderr=err,
            )
        os.close(told)
        os.close(answer)
        self._orders, self._answers = os.fdopen(orders, "w"), answers
        return self._answer(INIT_SECONDS)

    def _answer(self, timeout: float) -> Dict[str, Any]:
        while b"\n" not in self._left:
            ready, _, _ = select.select([self._answers], [], [], timeout)
            if not ready:
                return {"late": True}
            chunk = os.read(self._answers, 1 << 16)
            if not chunk:
                return {"ended": True, "error": "the worker process ended"}
            self._left += chunk
        line, _, self._left = self._left.partition(b"\n")
        answer: Dict[str, Any] = json.loads(line.decode())
        return answer

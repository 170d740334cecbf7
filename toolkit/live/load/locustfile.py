"""What locust runs: each user sends one request per second, however long the answers take.

Locust replaces the standard library's sockets when it is imported, so nothing of the house
imports this file: locust does, in its own process.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any

from locust import FastHttpUser, events, task

_ORDER = json.loads(os.environ["AML_EMU_LOAD"])
_BODY = Path(_ORDER["body"]).read_bytes()
_NUMBERS = itertools.count()
_ANSWERS: list[tuple[float, float, str]] = []


class Caller(FastHttpUser):
    """One of as many as there are requests per second."""

    host = _ORDER["url"]

    def on_start(self) -> None:
        """Locust starts all at once; spread over the second, they make an even rate."""
        self._due: float = time.monotonic() + next(_NUMBERS) % _ORDER["rps"] / _ORDER["rps"]
        time.sleep(max(0.0, self._due - time.monotonic()))

    def wait_time(self) -> float:
        """Until the next full second of this user; who is late goes on at once."""
        self._due = max(self._due + 1.0, time.monotonic())
        return max(0.0, self._due - time.monotonic())

    @task
    def score(self) -> None:
        with self.client.post(
            _ORDER["path"],
            data=_BODY,  # type: ignore[arg-type]  # geventhttpclient takes bytes as well
            headers=_ORDER["headers"],
            catch_response=True,
        ) as answer:
            status = int(answer.status_code or 0)
            answer.success() if status == HTTPStatus.OK else answer.failure(str(status))


def _count(response_time: float, response: Any, **_: Any) -> None:
    status = str(getattr(response, "status_code", 0) or "no answer")
    _ANSWERS.append((time.time(), response_time, status))


def _write(**_: Any) -> None:
    Path(_ORDER["result"]).write_text(json.dumps(_ANSWERS), "utf-8")


events.request.add_listener(_count)  # type: ignore[no-untyped-call]
events.quitting.add_listener(_write)  # type: ignore[no-untyped-call]

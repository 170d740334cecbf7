"""Requests and their answers, counted: one at a time, or so many a second whatever happens."""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType

from typing_extensions import Self

TIMEOUT = 30.0
DROPPED = 0  # the version of a request that got no good answer


@dataclass(frozen=True)
class Answer:
    """Which version answered, when, and how long after the request was due."""

    version: int
    at: float
    seconds: float
    problem: str = ""


def ask(port: int, body: bytes, due: float | None = None, timeout: float = TIMEOUT) -> Answer:
    """POST to /score on a new connection."""
    started = time.monotonic() if due is None else due
    version, problem = DROPPED, ""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("POST", "/score", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        if response.status == HTTPStatus.OK:
            version = int(json.loads(text)["version"])
        else:
            problem = f"status {response.status}"
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        problem = repr(error)
    finally:
        connection.close()
    now = time.monotonic()
    return Answer(version=version, at=now, seconds=now - started, problem=problem)


class Traffic:
    """A stream of requests from `with` on; tells when a version answered first."""

    def __init__(self, port: int, body: bytes) -> None:
        self._port = port
        self._body = body
        self._news = threading.Condition()
        self._first: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.answers: list[Answer] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def first_answer(self, version: int, timeout: float) -> float | None:
        """When that version answered for the first time; None if it did not in time."""
        with self._news:
            self._news.wait_for(lambda: version in self._first, timeout)
            return self._first.get(version)

    @property
    def dropped(self) -> int:
        return sum(answer.version == DROPPED for answer in self.answers)

    @property
    def problems(self) -> dict[str, int]:
        """Why requests were dropped, and how many of each."""
        return dict(Counter(answer.problem for answer in self.answers if answer.problem))

    def _note(self, answer: Answer) -> None:
        with self._news:
            self.answers.append(answer)
            self._first.setdefault(answer.version, answer.at)
            self._news.notify_all()

    def _run(self) -> None:
        raise NotImplementedError


class Prober(Traffic):
    """One request after the other, with a breath between: what somebody who waits does."""

    BREATH = 0.005

    def _run(self) -> None:
        while not self._stop.wait(self.BREATH):
            self._note(ask(self._port, self._body))


class Load(Traffic):
    """So many requests a second, each sent when it is due, answered or not the one before."""

    def __init__(self, port: int, body: bytes, *, rate: float = 50.0, senders: int = 64) -> None:
        super().__init__(port, body)
        self._rate = rate
        self._senders = senders

    def _run(self) -> None:
        started = time.monotonic()
        with ThreadPoolExecutor(self._senders) as pool:
            number = 0
            while not self._stop.is_set():
                due = started + number / self._rate
                if not self._stop.wait(max(0.0, due - time.monotonic())):
                    pool.submit(self._send, due)
                number += 1

    def _send(self, due: float) -> None:
        self._note(ask(self._port, self._body, due))

    @property
    def p99(self) -> float:
        return percentile([answer.seconds for answer in self.answers], 99)


def percentile(values: Sequence[float], percent: float) -> float:
    """By nearest rank: a value that was really measured."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] if ordered else math.nan


def wait_until(fact: Callable[[], bool], timeout: float, interval: float = 0.05) -> bool:
    """Whether it comes true before the time is over."""
    deadline = time.monotonic() + timeout
    while not fact():
        if time.monotonic() >= deadline:
            return False
        time.sleep(interval)
    return True

"""One request after the other, then several at once: through the router and beside it, by turns.

By two kinds of callers: one keeps its connection where the other side lets it, as the sessions of
HTTP libraries do (the bare server ends each connection, the router keeps them), the other connects
anew each time.
"""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.router.emulated import Emulated

CALLERS = {"kept": True, "anew": False}
REQUESTS = 300
AT_ONCE = 4
SECONDS = 4.0
WARM_UP = 50


class Caller:
    """Sends one request after the other."""

    def __init__(self, port: int, body: bytes, headers: Mapping[str, str], *, keeps: bool) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._body = body
        self._headers = headers
        self._keeps = keeps

    def timed(self) -> float:
        """Milliseconds of one request."""
        began = time.perf_counter()
        self._connection.request("POST", "/score", self._body, dict(self._headers))
        answer = self._connection.getresponse()
        answer.read()
        if not self._keeps:
            self._connection.close()
        if answer.status != http.client.OK:
            raise RuntimeError(f"status {answer.status}")
        return (time.perf_counter() - began) * 1000

    def close(self) -> None:
        self._connection.close()


def measure_latency(emulated: Emulated, *, rounds: int) -> dict[str, Any]:
    """Milliseconds at the median, for both kinds of callers."""
    return {name: _latency(emulated, rounds=rounds, keeps=keeps) for name, keeps in CALLERS.items()}


def measure_throughput(emulated: Emulated, *, rounds: int) -> dict[str, Any]:
    """Requests per second of several callers, for a few seconds each, for both kinds."""
    return {
        name: _throughput(emulated, rounds=rounds, keeps=keeps) for name, keeps in CALLERS.items()
    }


def _latency(emulated: Emulated, *, rounds: int, keeps: bool) -> dict[str, Any]:
    """The order alternates, so that drift hits both sides alike."""
    ports = {"bare": emulated.bare_port, "router": emulated.state.port}
    times: dict[str, list[float]] = {"bare": [], "router": []}
    for port in ports.values():
        _one_by_one(emulated, port, WARM_UP, keeps=keeps)
    for number in range(rounds):
        for side in sorted(ports, reverse=bool(number % 2)):
            times[side] += _one_by_one(emulated, ports[side], REQUESTS, keeps=keeps)
    result = {side: _quantiles(values) for side, values in times.items()}
    added = result["router"]["p50_ms"] - result["bare"]["p50_ms"]
    return {**result, "added_p50_ms": round(added, 3), "requests": len(times["bare"])}


def _throughput(emulated: Emulated, *, rounds: int, keeps: bool) -> dict[str, Any]:
    ports = {"bare": emulated.bare_port, "router": emulated.state.port}
    rates: dict[str, list[float]] = {"bare": [], "router": []}
    for number in range(rounds):
        for side in sorted(ports, reverse=bool(number % 2)):
            rates[side].append(_at_once(emulated, ports[side], keeps=keeps))
    bare, routed = statistics.median(rates["bare"]), statistics.median(rates["router"])
    return {
        "bare_per_second": round(bare, 1),
        "router_per_second": round(routed, 1),
        "lost_percent": round(100 * (1 - routed / bare), 2),
        "rounds": {side: [round(rate, 1) for rate in each] for side, each in rates.items()},
        "callers": AT_ONCE,
    }


def _one_by_one(emulated: Emulated, port: int, count: int, *, keeps: bool) -> list[float]:
    caller = Caller(port, emulated.body, emulated.headers, keeps=keeps)
    times = [caller.timed() for _ in range(count)]
    caller.close()
    return times


def _at_once(emulated: Emulated, port: int, *, keeps: bool) -> float:
    began = time.perf_counter()

    def call() -> int:
        caller = Caller(port, emulated.body, emulated.headers, keeps=keeps)
        count = 0
        while time.perf_counter() - began < SECONDS:
            caller.timed()
            count += 1
        caller.close()
        return count

    with ThreadPoolExecutor(AT_ONCE) as threads:
        counts = [one.result() for one in [threads.submit(call) for _ in range(AT_ONCE)]]
    return sum(counts) / (time.perf_counter() - began)


def _quantiles(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {
        "p50_ms": round(cuts[49], 3),
        "p90_ms": round(cuts[89], 3),
        "p99_ms": round(cuts[98], 3),
    }

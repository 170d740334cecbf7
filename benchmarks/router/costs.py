"""One request after the other, then several at once: through the router and beside it, by turns."""

from __future__ import annotations

import http.client
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.router.emulated import Emulated

REQUESTS = 300
CALLERS = 4
SECONDS = 4.0
WARM_UP = 50


def measure_latency(emulated: Emulated, *, rounds: int) -> dict[str, Any]:
    """Milliseconds at the median; the order alternates, so that drift hits both alike."""
    ports = {"bare": emulated.bare_port, "router": emulated.state.port}
    times: dict[str, list[float]] = {"bare": [], "router": []}
    for port in ports.values():
        _one_by_one(emulated, port, WARM_UP)
    for number in range(rounds):
        for side in sorted(ports, reverse=bool(number % 2)):
            times[side] += _one_by_one(emulated, ports[side], REQUESTS)
    result = {side: _quantiles(values) for side, values in times.items()}
    added = result["router"]["p50_ms"] - result["bare"]["p50_ms"]
    return {**result, "added_p50_ms": round(added, 3), "requests": len(times["bare"])}


def measure_throughput(emulated: Emulated, *, rounds: int) -> dict[str, Any]:
    """Requests per second of several callers, each on its own, for a few seconds each."""
    ports = {"bare": emulated.bare_port, "router": emulated.state.port}
    rates: dict[str, list[float]] = {"bare": [], "router": []}
    for number in range(rounds):
        for side in sorted(ports, reverse=bool(number % 2)):
            rates[side].append(_at_once(emulated, ports[side]))
    bare, routed = statistics.median(rates["bare"]), statistics.median(rates["router"])
    return {
        "bare_per_second": round(bare, 1),
        "router_per_second": round(routed, 1),
        "lost_percent": round(100 * (1 - routed / bare), 2),
        "rounds": {side: [round(rate, 1) for rate in each] for side, each in rates.items()},
        "callers": CALLERS,
    }


def _one_by_one(emulated: Emulated, port: int, count: int) -> list[float]:
    body, headers = emulated.body, emulated.headers
    return [timed(port, body, headers) for _ in range(count)]


def timed(port: int, body: bytes, headers: dict[str, str]) -> float:
    """Milliseconds of one request on a connection of its own, as the bare server wants it."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/score", body, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != http.client.OK:
        raise RuntimeError(f"status {answer.status}")
    return (time.perf_counter() - began) * 1000


def _at_once(emulated: Emulated, port: int) -> float:
    body, headers = emulated.body, emulated.headers
    began = time.perf_counter()

    def caller() -> int:
        count = 0
        while time.perf_counter() - began < SECONDS:
            timed(port, body, headers)
            count += 1
        return count

    with ThreadPoolExecutor(CALLERS) as threads:
        counts = [call.result() for call in [threads.submit(caller) for _ in range(CALLERS)]]
    return sum(counts) / (time.perf_counter() - began)


def _quantiles(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {
        "p50_ms": round(cuts[49], 3),
        "p90_ms": round(cuts[89], 3),
        "p99_ms": round(cuts[98], 3),
    }

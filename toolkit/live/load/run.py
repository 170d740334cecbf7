"""Running locust against a target and reading what it measured."""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from toolkit.errors import EmuError, NotReady, SpecError
from toolkit.live.target import Target

_FILE: Final = Path(__file__).with_name("locustfile.py")
_SPAWN_SECONDS: Final = 1.0
_QUANTILES: Final = (50, 90, 95, 99)


class LoadUnavailable(EmuError):
    """Locust is not installed."""

    exit_code = 3


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """Milliseconds by percentile, answers by status."""

    requests: int
    seconds: float
    percentiles: Mapping[int, float]
    mean: float
    largest: float
    statuses: Mapping[str, int]

    @property
    def failures(self) -> int:
        return self.requests - self.statuses.get("200", 0)

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds if self.seconds else 0.0


def load(
    target: Target,
    body: bytes,
    *,
    headers: Mapping[str, str],
    rps: int,
    seconds: int,
    environ: Mapping[str, str],
) -> LoadResult:
    """Send `rps` requests per second for so long; raises LoadUnavailable without locust."""
    if rps < 1 or seconds < 1:
        raise SpecError("`--rps` and `--for` must be at least 1")
    if importlib.util.find_spec("locust") is None:
        raise LoadUnavailable(
            "load is made by locust, which is not installed",
            hint="install it: `pip install 'aml-emu[load]'`",
        )
    with tempfile.TemporaryDirectory(prefix="aml-emu-load-") as folder:
        path = Path(folder) / "body"
        path.write_bytes(body)
        order = {
            "url": f"http://{target.address.host}:{target.address.port}",
            "path": target.path,
            "rps": rps,
            "body": str(path),
            "result": str(Path(folder) / "result.json"),
            "headers": {"Content-Type": "application/json", **target.headers, **headers},
        }
        done = subprocess.run(
            [
                sys.executable, "-m", "locust", "--locustfile", str(_FILE), "--headless",
                "--users", str(rps), "--spawn-rate", str(math.ceil(rps / _SPAWN_SECONDS)),
                "--run-time", f"{seconds}s", "--only-summary", "--loglevel", "ERROR",
                "--exit-code-on-error", "0",
            ],
            env={**environ, "AML_EMU_LOAD": json.dumps(order)},
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )  # fmt: skip
        if done.returncode:
            raise NotReady("locust ended with an error", details=done.stderr.strip()[-2000:])
        return summary(json.loads(Path(folder, "result.json").read_bytes()))


def summary(answers: Sequence[tuple[float, float, str]]) -> LoadResult:
    """Of each answer when it came, after how many milliseconds, with which status."""
    if not answers:
        raise NotReady("no request was sent", hint="let it run longer with `--for`")
    ends = [end for end, _, _ in answers]
    times = sorted(milliseconds for _, milliseconds, _ in answers)
    began = min(end - milliseconds / 1000 for end, milliseconds, _ in answers)
    statuses = Counter(status for _, _, status in answers)
    return LoadResult(
        requests=len(answers),
        seconds=max(ends) - began,
        percentiles={each: _percentile(times, each) for each in _QUANTILES},
        mean=sum(times) / len(times),
        largest=times[-1],
        statuses=dict(sorted(statuses.items())),
    )


def _percentile(times: Sequence[float], percent: int) -> float:
    """The time within which so many percent of the requests were answered."""
    return times[max(0, math.ceil(len(times) * percent / 100) - 1)]

"""How long a deployment takes: of a cached image, and with nothing changed."""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.router.emulated import Emulated


def measure_starts(emulated: Emulated, *, rounds: int) -> dict[str, Any]:
    """Seconds of whole commands, from their start to their end."""
    unchanged = [emulated.deploy() for _ in range(rounds)]
    fresh = []
    for _ in range(rounds):
        emulated.command("stop", "aml-emu-test-router.blue")
        fresh.append(emulated.deploy())
    replaced = []
    for number in range(rounds):
        script = emulated.project / "code" / "score.py"
        script.write_text(script.read_text("utf-8") + f"\n# edit {number}\n", "utf-8")
        replaced.append(emulated.deploy())
    return {
        "unchanged_s": _told(unchanged),
        "cached_image_to_ready_s": _told(fresh),
        "replaced_after_an_edit_s": _told(replaced),
    }


def _told(seconds: list[float]) -> dict[str, Any]:
    return {
        "median": round(statistics.median(seconds), 2),
        "all": [round(each, 2) for each in seconds],
    }

"""What the numbers were measured on. Nothing that names the machine or its owner."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psutil

from toolkit.engines.docker import DockerEngine


def described() -> Mapping[str, Any]:
    engine = DockerEngine(os.environ).check()
    return {
        "measured": datetime.now(tz=timezone.utc).strftime("%Y-%m-%d"),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "host_python": platform.python_version(),
        "engine": f"{engine.name} {engine.version}",
        "load_average_before": [round(value, 2) for value in os.getloadavg()],
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except FileNotFoundError:  # not Linux
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "")

"""The launch plans of `serve`, as JSON, to be reviewed as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path, PurePath
from typing import Any

import pytest

from toolkit.plans.debug import DebugOptions, under_debugger
from toolkit.plans.model import LaunchPlan, PlacedFile
from toolkit.plans.service import Scoring, plan_service, under_reload

PROJECT = Path("/home/me/iris project")
TOKEN = "0123456789abcdef"
MODELS = (Path("/data/iris.joblib"), Path("/data/forest"))


def serve(*models: Path) -> LaunchPlan:
    return plan_service(
        Scoring(name="iris", script=PROJECT / "src/score.py", models=models),
        image="aml-emu/iris:0123456789ab",
        project=PROJECT,
        ca_bundle=Path("/etc/ssl/certs/ca-certificates.crt"),
    )


def debugged(plan: LaunchPlan, *, wait: float | None = None) -> LaunchPlan:
    return under_debugger(plan, DebugOptions(token=TOKEN, wait=wait))


PLANS = {
    "serve": serve(MODELS[0]),
    "serve-two-models": serve(*MODELS),
    "serve-debug": debugged(serve(MODELS[0])),
    "serve-debug-wait": debugged(serve(MODELS[0]), wait=300),
    "serve-watch": under_reload(serve(MODELS[0]), mode="fork", token=TOKEN),
    "serve-debug-watch": debugged(under_reload(serve(MODELS[0]), mode="swap", token=TOKEN)),
}


def as_data(value: Any) -> Any:
    """A plan as JSON knows it; of a placed file the place and the mode, not the content."""
    if isinstance(value, PlacedFile):
        return f"{value.mode:o} {value.path}"
    if is_dataclass(value):
        return {field.name: as_data(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(key): as_data(each) for key, each in sorted(value.items())}
    if isinstance(value, tuple):
        return [as_data(each) for each in value]
    return str(value) if isinstance(value, PurePath) else value


@pytest.mark.parametrize("name", PLANS)
def test_launch_plan(golden: Callable[[str, str], None], name: str) -> None:
    text = json.dumps(as_data(PLANS[name]), indent=2, ensure_ascii=False)
    golden(f"{name}.json", text + "\n")

from dataclasses import replace
from pathlib import Path

import pytest

from toolkit.plans import emulation
from toolkit.plans.debug import DebugOptions, under_debugger
from toolkit.plans.model import LaunchPlan, Port
from toolkit.plans.service import Scoring, plan_service, under_reload

SCORING = Scoring(
    name="iris",
    script=Path("/home/me/iris/score.py"),
    env={"WORKER_COUNT": "4", "WORKER_TIMEOUT": "30", "SCORING_TIMEOUT_MS": "1000"},
    ready_timeout=60,
)
PLAN = plan_service(SCORING, image="aml-emu/iris:1", project=Path("/home/me"))
OPTIONS = DebugOptions(token="t0ken")


def debugged(plan: LaunchPlan = PLAN, options: DebugOptions = OPTIONS) -> LaunchPlan:
    return under_debugger(plan, options)


def test_the_debugger_gets_its_port() -> None:
    assert Port(container=5678, host=5678) in debugged().ports
    other = debugged(options=replace(OPTIONS, port=9999))
    assert Port(container=5678, host=9999) in other.ports
    any_free = debugged(options=replace(OPTIONS, port=None))
    assert Port(container=5678, host=None) in any_free.ports


def test_one_worker_with_the_time_outs_that_the_user_wrote() -> None:
    env = debugged().env
    assert (env["WORKER_TIMEOUT"], env["SCORING_TIMEOUT_MS"]) == ("30", "1000")
    assert env["WORKER_COUNT"] == "1"


@pytest.mark.parametrize(
    ("wait", "said", "ready"),
    [(None, None, 60), (0, "0", 60), (300, "300", 360), (1.5, "1.5", 61.5)],
)
def test_waiting_for_a_client_prolongs_the_start(
    wait: float | None, said: str | None, ready: float
) -> None:
    made = debugged(options=replace(OPTIONS, wait=wait))
    assert made.env.get("AML_EMU_WAIT") == said
    assert made.probe is not None
    assert made.probe.timeout == ready


@pytest.mark.parametrize(("on", "said"), [(True, "1"), (False, "0")])
def test_stopping_at_errors_can_be_switched_off(*, on: bool, said: str) -> None:
    made = debugged(options=replace(OPTIONS, break_on_errors=on))
    assert made.env["AML_EMU_BREAK_ON_ERRORS"] == said


def test_the_label_tells_others_that_it_is_debugged() -> None:
    assert debugged().labels[emulation.LABEL_DEBUG] == "1"
    assert emulation.LABEL_DEBUG not in PLAN.labels


def test_everything_else_stays() -> None:
    made = debugged()
    assert (made.name, made.image, made.command, made.mounts, made.caches) == (
        PLAN.name,
        PLAN.image,
        PLAN.command,
        PLAN.mounts,
        PLAN.caches,
    )
    assert made.env["AZUREML_ENTRY_SCRIPT"] == "score.py"


def test_the_plan_given_is_not_changed() -> None:
    debugged()
    assert plan_service(SCORING, image="aml-emu/iris:1", project=Path("/home/me")) == PLAN


def test_debugger_and_reload_share_one_agent_in_either_order() -> None:
    one = under_reload(debugged(), mode="fork", token="t0ken")
    other = debugged(under_reload(PLAN, mode="fork", token="t0ken"))
    assert one == other
    assert [port.container for port in one.ports].count(emulation.CONTROL_PORT) == 1
    assert len({file.path for file in one.files}) == len(one.files)


def test_a_plan_without_a_probe_can_be_debugged() -> None:
    assert debugged(replace(PLAN, probe=None)).probe is None

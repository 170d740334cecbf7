from dataclasses import replace
from pathlib import Path

import pytest

from toolkit.cli.attended import Attended
from toolkit.cli.deploying import DeployOrder
from toolkit.errors import SpecError

ORDER = Attended(
    debug_port=5678,
    debug=False,
    wait=None,
    break_on_errors=True,
    watch=True,
    reload=None,
    detach=False,
    conda="auto",
    no_cache=False,
    json=False,
)
DEPLOYMENT = DeployOrder(
    **vars(ORDER),
    file=Path("blue.yml"),
    endpoint=None,
    instances=None,
    all_traffic=False,
    record=False,
    strict=False,
    port=None,
    ready_timeout=None,
    until_pid=None,
)


def test_how_new_code_gets_in() -> None:
    assert ORDER.mode == "fork"
    assert replace(ORDER, reload="swap").mode == "swap"


@pytest.mark.parametrize("order", [ORDER, DEPLOYMENT])
def test_what_cannot_be_together_is_refused(order: Attended) -> None:
    order.check()
    replace(order, reload="swap").check()
    replace(order, watch=False, detach=True).check()
    with pytest.raises(SpecError, match="`--watch` needs the foreground"):
        replace(order, detach=True).check()
    for unwatched in (replace(order, watch=False), replace(order, watch=False, detach=True)):
        with pytest.raises(SpecError, match="`--reload` needs `--watch`"):
            replace(unwatched, reload="fork").check()


def test_nothing_in_the_foreground_outlives_another_process() -> None:
    with pytest.raises(SpecError, match="`--until-pid` needs `--detach`"):
        replace(DEPLOYMENT, until_pid=1).check()
    replace(DEPLOYMENT, until_pid=1, watch=False, detach=True).check()

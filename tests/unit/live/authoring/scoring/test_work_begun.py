from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from toolkit.live.authoring.operations import Operations, Say


def test_work_that_nobody_waits_for_is_waited_for() -> None:
    operations, go_on = Operations(), threading.Event()

    def work(say: Say) -> Mapping[str, Any]:
        go_on.wait(10)
        say("done")
        return {"a": 1}

    begun = operations.start("package of it", work)
    assert operations.unfinished() == [begun]
    go_on.set()
    operations.wait()
    assert (begun.state, begun.result, begun.lines) == ("Succeeded", {"a": 1}, ["done"])
    operations.wait()

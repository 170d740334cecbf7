"""One worker process of a parallel step: takes mini-batches on one pipe, answers on another."""

from __future__ import annotations

import json
import os
import traceback

from .parallel_batches import rows_of
from .parallel_entry import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List


def main(arguments: List[str]) -> int:
    """`--worker ORDERS ANSWERS SCRIPT ARGUMENTS…`: the first two are open files."""
    orders, answers, script = int(arguments[1]), int(arguments[2]), arguments[3]
    with os.fdopen(orders) as told, os.fdopen(answers, "w") as answer:
        try:
            entry = Entry(script, arguments[4:])
        except (Exception, SystemExit):  # noqa: BLE001  # the user's code may raise anything
            _say(answer, {"broken": traceback.format_exc()})
            return 1
        _say(answer, {"ready": True})
        for line in told:
            _say(answer, _done(entry, json.loads(line)))
        entry.shutdown()
    return 0


def _done(entry: Entry, order: Dict[str, Any]) -> Dict[str, Any]:
    context = {"minibatch_index": order["mini_batch"]}
    try:
        result = entry.run(list(order["items"]), context)
        return {"rows": rows_of(result), "count": len(result)}
    except BaseException:  # noqa: BLE001  # SystemExit too: the worker goes on
        return {"error": traceback.format_exc()}


def _say(answer: Any, told: Dict[str, Any]) -> None:
    answer.write(json.dumps(told) + "\n")
    answer.flush()

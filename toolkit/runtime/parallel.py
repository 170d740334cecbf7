"""The driver of a parallel step: splits the input, has workers run the batches, counts errors.

Log files are those of the service's parallel jobs: logs/job_progress_overview.txt, logs/user/…,
logs/sys/…. A mini-batch that fails is written to outputs/failed_mini_batches, to be run again.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time

from .parallel_batches import batches, described, files_of, rows_of
from .parallel_entry import Entry
from .parallel_process import Worker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

FAILED = "outputs/failed_mini_batches"
FOLDERS = ("logs/user/stdout", "logs/user/stderr", "logs/user/error", "logs/sys", FAILED)
BATCH_VARIABLE = "AML_EMU_MINI_BATCHES"  # a folder like FAILED: only these are run


class Driver:
    """Runs all mini-batches; `exit_code` says whether too many of them failed."""

    def __init__(self, told: Dict[str, Any], source: str, target: str, args: List[str]) -> None:
        self._told = told
        self._arguments = args
        self._target = target
        self._batches = list(enumerate_batches(told, source))
        self._items = sum(len(items) for _, items in self._batches)
        self._lock = threading.Lock()
        self._done = 0
        self._failed_batches = 0
        self._failed_items = 0
        self._stopped = ""

    def run(self) -> int:
        for folder in FOLDERS:
            os.makedirs(folder, exist_ok=True)
        if self._target:
            self._begin_target()
        self._overview()
        if self._told["debug"]:
            self._run_here()
        else:
            self._run_in_workers()
        self._overview()
        if self._stopped:
            sys.stderr.write("the parallel step is ended: " + self._stopped + "\n")
            return 1
        return 0

    def _begin_target(self) -> None:
        if os.path.isdir(self._target):
            self._target = os.path.join(self._target, "parallel_run_step.txt")
        with open(self._target, "w", encoding="utf-8"):
            pass

    def _run_here(self) -> None:
        """Under a debugger: one by one in this process, and what is raised is not caught."""
        entry = Entry(self._told["entry_script"], self._arguments)
        for number, items in self._batches:
            path = self._save(number, items)
            result = entry.run(list(items), {"minibatch_index": number})
            os.remove(path)
            self._succeeded(number, items, {"rows": rows_of(result), "count": len(result)}, 0.0, 1)
        entry.shutdown()

    def _run_in_workers(self) -> None:
        waiting: "queue.SimpleQueue[Tuple[int, List[str]]]" = queue.SimpleQueue()
        for batch in self._batches:
            waiting.put(batch)
        count = min(self._told["concurrency"], max(1, len(self._batches)))
        threads = [
            threading.Thread(target=self._work, args=(number, waiting)) for number in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, process: int, waiting: Any) -> None:
        worker = Worker(process, self._told["entry_script"], self._arguments)
        while not self._stopped:
            try:
                number, items = waiting.get_nowait()
            except queue.Empty:
                break
            self._one(worker, number, items)
        if self._stopped:
            worker.kill()
        worker.close()

    def _one(self, worker: Worker, number: int, items: List[str]) -> None:
        error = ""
        for attempt in range(1, self._told["max_retries"] + 2):
            began = time.monotonic()
            answer = worker.ask({"mini_batch": number, "items": items}, self._told["timeout"])
            seconds = time.monotonic() - began
            if "rows" in answer:
                self._succeeded(number, items, answer, seconds, attempt)
                return
            if "broken" in answer:
                self._stop("`init()` or the import of the entry script failed", answer["broken"])
                return
            error = answer.get("error") or "no answer within {:g} s".format(self._told["timeout"])
            self._log(number, items, attempt=attempt, seconds=seconds, error=error)
            if self._stopped:
                return
        self._failed(number, items, error)

    def _succeeded(
        self, number: int, items: List[str], answer: Dict[str, Any], seconds: float, attempt: int
    ) -> None:
        count = answer["count"]
        self._log(number, items, attempt=attempt, seconds=seconds, returned=count)
        with self._lock:
            self._done += 1
            self._failed_items += max(0, len(items) - count)
            if self._target:
                with open(self._target, "a", encoding="utf-8") as target:
                    target.writelines(row + "\n" for row in answer["rows"])
        self._judge()

    def _failed(self, number: int, items: List[str], error: str) -> None:
        path = self._save(number, items)
        with open("logs/user/error/mini_batch_{}.txt".format(number), "w") as file:
            file.write(error)
        sys.stderr.write(
            "mini-batch {} failed, its items are kept in {}\n{}\n".format(number, path, error)
        )
        with self._lock:
            self._done += 1
            self._failed_batches += 1
            self._failed_items += len(items)
        self._judge()

    def _judge(self) -> None:
        """End the step when more has failed than the thresholds allow; -1 allows everything."""
        told = self._told
        for name, count, what in (
            ("error_threshold", self._failed_items, "items"),
            ("mini_batch_error_threshold", self._failed_batches, "mini-batches"),
        ):
            if 0 <= told[name] < count:
                self._stop("{} failed {}, `{}` is {}".format(count, what, name, told[name]), "")
        self._overview()

    def _stop(self, reason: str, error: str) -> None:
        with self._lock:
            if not self._stopped:
                self._stopped = reason
                if error:
                    sys.stderr.write(error + "\n")

    def _save(self, number: int, items: List[str]) -> str:
        path = os.path.join(FAILED, "mini_batch_{}.json".format(number))
        with open(path, "w") as file:
            json.dump(described(number, items), file)
        return path

    def _log(self, number: int, items: List[str], **facts: Any) -> None:
        line = json.dumps(dict(described(number, items), **facts))
        with self._lock, open("logs/sys/mini_batches.jsonl", "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _overview(self) -> None:
        with self._lock, open("logs/job_progress_overview.txt", "w", encoding="utf-8") as file:
            file.write(
                "mini-batches: {} of {} done, {} failed\nitems: {} of {} failed\n{}".format(
                    self._done,
                    len(self._batches),
                    self._failed_batches,
                    self._failed_items,
                    self._items,
                    self._stopped + "\n" if self._stopped else "",
                )
            )


def enumerate_batches(told: Dict[str, Any], source: str) -> List[Tuple[int, List[str]]]:
    """All mini-batches by number, or only those that are to be run again."""
    made = list(enumerate(batches(files_of(source), told["files"], told["size"])))
    again = os.environ.get(BATCH_VARIABLE)
    if not again:
        return made
    wanted = {int(number) for number in again.split(",")}
    return [(number, items) for number, items in made if number in wanted]


def main(arguments: List[str]) -> int:
    """`TOLD SOURCE TARGET ARGUMENTS…`: what the plan says as JSON; TARGET may be empty."""
    told = json.loads(arguments[0])
    return Driver(told, arguments[1], arguments[2], arguments[3:]).run()

"""The first program of a job's container: runs the job's processes, sees them to their end, tells.

Its own output is one JSON object a line, for who launched it; what the job writes goes to the
job's log files. Its standard input ends when the launcher is gone, and the job ends with it.
"""

from __future__ import annotations

import errno
import json
import os
import selectors
import signal
import sys
import time

from .job_process import (
    ENDING,
    Process,
    exit_code,
    hold_back,
    let_through,
    of_rank,
    start_agent,
)

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would take 5 ms of each job
    from typing import Any, Dict, List, Optional

GRACE_SECONDS = 3.0
LAUNCHER_GONE = "launcher gone"
TIMED_OUT = "timed out"
TOLD = "told to"


def tell(event: str, **fields: Any) -> None:
    """Say something to who launched this; one that is gone is seen on standard input."""
    line = json.dumps(dict(fields, event=event)) + "\n"
    try:
        os.write(1, line.encode("utf-8"))
    except OSError:
        return


class Job:
    def __init__(self, told: Dict[str, Any], environ: Dict[str, str]) -> None:
        self._told = told
        self._environ = environ
        self._processes: List[Process] = []
        self._running: Dict[int, Process] = {}
        self._failed: Optional[Process] = None
        self._reason = ""
        self._deadline: Optional[float] = None
        self._kill_at: Optional[float] = None
        self._debugged = False

    def run(self) -> int:
        """The exit code of the job: that of the first process that failed."""
        self._prepare()
        self._await_debugger()
        self._start()
        self._supervise()
        if self._processes and "mpi_log" in self._told:
            from .job_mpi import settle  # noqa: PLC0415  # few jobs need it

            settle(self._failed, self._told)
        code = self._exit_code()
        tell(
            "ended",
            exit_code=code,
            signal=self._failed.signal if self._failed else 0,
            rank=self._failed.number if self._failed else 0,
            reason=self._reason,
        )
        return code

    def _prepare(self) -> None:
        os.chdir(self._told["working_dir"])
        for folder in self._told["folders"]:
            os.makedirs(folder, exist_ok=True)
        wake, woken = os.pipe()
        for file in (wake, woken):
            os.set_blocking(file, False)
        self._wake = wake
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in ENDING:
            signal.signal(number, lambda *_: self._end(TOLD))
        self._selector = selectors.DefaultSelector()
        self._selector.register(wake, selectors.EVENT_READ)
        try:
            self._selector.register(0, selectors.EVENT_READ)
        except OSError as error:  # a file or /dev/null, which cannot be waited for
            if error.errno != errno.EPERM:
                raise

    def _await_debugger(self) -> None:
        """Until the job may begin, or its end was asked for, as it is where its port is taken."""
        if not self._environ.get("AML_EMU_DEBUG"):
            return
        self._debugged = True
        ready, told = os.pipe()
        os.set_inheritable(told, True)  # noqa: FBT003  # the call takes no keyword
        start_agent(told, self._told["ranks"][0]["log"], self._environ)
        os.close(told)
        self._selector.register(ready, selectors.EVENT_READ)
        while not self._reason and not any(key.fd == ready for key in self._look(None)):
            pass
        self._selector.unregister(ready)
        refused = not self._reason and os.read(ready, 1)
        os.close(ready)
        while refused and not self._reason:
            self._look(None)

    def _start(self) -> None:
        """Start its processes: none of them any more once its end was asked for."""
        for process in self._to_be_started():
            hold_back()
            try:
                if self._reason:
                    return
                process.start()
                self._processes.append(process)
                self._running[process.pid] = process
            finally:
                let_through()
        tell("started", pids=[process.pid for process in self._processes])
        timeout = self._told.get("timeout")
        if timeout and not self._debugged:  # a pause at a breakpoint is not the job's time
            self._deadline = time.monotonic() + timeout

    def _to_be_started(self) -> List[Process]:
        """One for each rank; of an MPI job the program of its image that starts these."""
        if "mpi_log" in self._told:
            from .job_mpi import mpirun  # noqa: PLC0415  # see above

            return [mpirun(self._told, self._environ)]
        return [of_rank(n, self._told, self._environ) for n in range(len(self._told["ranks"]))]

    def _supervise(self) -> None:
        self._reap()
        while self._running:
            self._look(self._patience())
            now = time.monotonic()
            if self._kill_at is not None and now >= self._kill_at:
                self._kill_at = None
                for process in self._processes:
                    process.send(signal.SIGKILL)
            elif self._deadline is not None and now >= self._deadline:
                self._end(TIMED_OUT)

    def _patience(self) -> Optional[float]:
        """Seconds until something must be done though nothing has happened."""
        due = self._kill_at if self._kill_at is not None else self._deadline
        return None if due is None else max(0.0, due - time.monotonic())

    def _look(self, seconds: Optional[float]) -> List[selectors.SelectorKey]:
        """Wait for whatever comes first; signals and the launcher's end are seen to."""
        ready = [key for key, _ in self._selector.select(seconds)]
        for key in ready:
            if key.fd == self._wake:
                os.read(self._wake, 4096)
                self._reap()
            elif key.fd == 0 and not os.read(0, 4096):
                self._selector.unregister(0)
                self._end(LAUNCHER_GONE)
        return ready

    def _reap(self) -> None:
        """Take leave of all that ended, also of strangers whose parents went before them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            process = self._running.pop(pid, None)
            if process is None:
                continue
            process.ended(status)
            if exit_code(status) and self._failed is None:
                self._failed = process
                if self._running:  # the others would wait for it for ever
                    self._begin_end()

    def _end(self, reason: str) -> None:
        """End the job: politely at first, then for certain. The first reason is the reason."""
        if not self._reason:
            self._reason = reason
            self._begin_end()

    def _begin_end(self) -> None:
        self._deadline = None
        if self._kill_at is None:
            self._kill_at = time.monotonic() + GRACE_SECONDS
            for process in self._processes:
                process.send(signal.SIGTERM)

    def _exit_code(self) -> int:
        if self._failed is not None:
            return self._failed.code
        return 128 + signal.SIGTERM if self._reason else 0


def main() -> None:
    environ = dict(os.environ)
    told = json.loads(environ.pop("AML_EMU_JOB"))
    try:
        code = Job(told, environ).run()
    except OSError as error:
        named = f": {error.filename}" if error.filename else ""
        tell("broken", message=f"{error.strerror}{named}")
        code = 127
    sys.stdout.flush()
    os._exit(code)  # whatever is left of the job ends with this process

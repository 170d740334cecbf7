"""One worker's dealings with the agent: what it says of itself and what it is asked to do."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from typing import Any, Callable, Dict, Optional, Set, Tuple

from .contract import Contract
from .debugger import Debugger, Door
from .keep import Made
from .link import Fields, Link, identity
from .proof import is_harmless, loaded_of
from .pulse import Pulse, lift_alarm
from .sources import Sources
from .tracebacks import user_stack, user_traceback
from .work import Work

WELCOME_SECONDS = 5.0
CONNECT_SECONDS = 2.0
LONG_OPERATIONS = ("swap",)


def say(text: str) -> None:
    sys.stderr.write(f"aml-emu: {text}\n")
    sys.stderr.flush()


class WorkerSession:
    def __init__(
        self, contract: Contract, worker: Any, *, candidate: bool, preloaded: bool = False
    ) -> None:
        self.contract = contract
        self.worker = worker
        self.candidate = candidate
        self.preloaded = preloaded
        self.sources = Sources(contract.user_folders)
        self.debugger: Optional[Debugger] = None
        self.has_begun = False
        self.is_ready = False
        self.generation = 0
        self.made = Made()
        self.failure: Optional[Tuple[str, str]] = None
        self.busy_thread: Optional[int] = None
        self.operations: Dict[str, Callable[[Fields], Fields]] = {
            "where": self._where,
            "loaded": self._loaded,
            "brought": self._brought,
            "proven": self._proven,
        }
        self._is_harmless = False
        # One thread for all of them: the debugger keeps some kilobytes of each that it has traced.
        self._work = Work()
        self._loaded_before: Set[str] = set()
        self._link = Link(contract.agent_socket, hello=self._hello, heard=self._heard)
        self._news = threading.Condition()
        self._welcome: Optional[Fields] = None
        self._door: Optional[Door] = None
        self._patience = 0.0
        self._is_waiting = False

    @property
    def is_attended(self) -> bool:
        """Whether a client is there, or waited for: nothing that takes long may be cut off now."""
        return self._door is not None or self._is_waiting

    def start(self) -> None:
        self.sources.watch()
        if self.contract.debug:
            self.debugger = Debugger(self.contract.debugpy_home)
            self.debugger.load()
            Pulse(self).start()
        self._link.start()

    def before_load(self) -> None:
        """Join the debugger, if a client is there, before the first line of the user's code."""
        if not self.has_begun:
            self._loaded_before = set(sys.modules)
        if self.debugger is not None and not self.has_begun:
            self._join_before_load(self.debugger)
        with self._news:
            self.has_begun = True
        self._link.tell("begun")

    def failed(self, stage: str, error: BaseException) -> None:
        """Keep why the user's code failed; a worker that boots dies of it, and says so first."""
        self.failure = self.explained(stage, error)
        if not self.is_ready:
            # It may fail before its line to the agent is there, and dies of it in a moment.
            self._link.wait_connected(CONNECT_SECONDS)
            self._link.tell("failed", stage=self.failure[0], traceback=self.failure[1])

    def explained(self, stage: str, error: BaseException) -> Tuple[str, str]:
        shown = getattr(error, "user_ex", error)
        if isinstance(shown, SyntaxError):
            stage = "compile"
        return stage, user_traceback(shown, self.sources.belongs)

    def before_alone(self) -> None:
        """The main thread is about to answer a request while no client is there."""
        if self.debugger is not None:
            self.debugger.leave_thread()

    def before_run(self) -> None:
        """Hold a request of a client that attached a moment ago until its breakpoints are set."""
        door = self._door
        if self.debugger is None or door is None or self.debugger.is_configured(door):
            return
        if not self._wait_configured(self.debugger, door, self._patience):
            return
        # This thread is older than the session: only younger ones are traced by themselves.
        self.debugger.enter_thread()

    def _wait_configured(self, debugger: Debugger, door: Door, seconds: float) -> bool:
        if debugger.wait_configured(door, seconds, unless=lambda: self._door != door):
            return True
        if seconds and self._door == door:
            self._patience = 0.0
            self._link.tell("unconfigured")
        return False

    def caught(self, error: BaseException) -> None:
        """Show the debugger an exception that the server is about to swallow."""
        if self.debugger is not None and self.contract.break_on_errors:
            self.debugger.stop_at(error)

    def ready(self) -> None:
        self.is_ready = True
        self._is_harmless = (
            self._has_something_to_prove()
            and not self.sources.drawn_in - {self.contract.entry_file}
            and is_harmless(self._own_threads)
        )
        _touch(os.path.join(self.contract.state, "ready"))
        self._link.tell("ready")

    def draining(self) -> None:
        self._link.tell("draining")

    def _hello(self) -> Fields:
        return {
            **identity(),
            "candidate": self.candidate,
            "begun": self.has_begun,
            "ready": self.is_ready,
            "generation": self.generation,
        }

    def _join_before_load(self, debugger: Debugger) -> None:
        with self._news:
            self._news.wait_for(lambda: self._welcome is not None, WELCOME_SECONDS)
            welcome = self._welcome or {}
        wait = welcome.get("wait")
        deadline = time.monotonic() + (wait or 0)
        if wait:
            say(f"waiting {wait:g} s for a debugger on port {self.contract.debug_port}")
        self._is_waiting = bool(wait)
        with self._news:
            self._news.wait_for(lambda: self._door is not None, wait or 0)
            door = self._door
        if door is not None and self._join(debugger, door):
            patience = max(deadline - time.monotonic(), self._patience)
            self._wait_configured(debugger, door, patience)
        elif wait:
            say(f"nobody attached in {wait:g} s, going on without a debugger")
        self._is_waiting = False
        if wait:
            self._link.tell("waited")

    def _join(self, debugger: Debugger, door: Door) -> bool:
        try:
            debugger.join(door)
        except OSError as error:
            say(f"cannot reach the debug adapter: {error}")
            return False
        self._link.tell("joined", joined=True)
        return True

    def _heard(self, message: Fields) -> None:
        """On the link's thread: whatever takes long goes to a thread of its own."""
        op = message.get("op")
        if op == "welcome":
            with self._news:
                self._welcome = message
                self.generation = int(message.get("generation", 0))
                self._patience = float(message.get("patience", 0))
                self._door = message.get("door")
                self._news.notify_all()
            self._join_later()
        elif op == "join":
            with self._news:
                self._patience = float(message.get("patience", 0))
                self._door = message.get("door")
                self._news.notify_all()
            self._join_later()
        elif op == "rest":
            self._rest()
        elif op in LONG_OPERATIONS:
            self._work.submit(self._answer, message)
        else:
            self._answer(message)

    def _join_later(self) -> None:
        """A client came while the worker was serving already."""
        if not self.has_begun or self.debugger is None or self._door is None:
            return
        lift_alarm(self.worker)
        if self._join(self.debugger, self._door):
            self._renew_threads()

    def _rest(self) -> None:
        with self._news:
            self._door = None
        if self.has_begun and self.debugger is not None and self.debugger.rest():
            self._renew_threads()

    def _renew_threads(self) -> None:
        """Only threads that start from now on are surely traced, or surely not."""
        renew_threads(self.worker)
        self._work = Work()

    def _answer(self, message: Fields) -> None:
        operation = self.operations.get(str(message.get("op")))
        if operation is None:
            return
        answer = operation(message)
        if "number" in message:
            self._link.tell("answer", number=message["number"], **answer)

    def _where(self, _: Fields) -> Fields:
        thread = self.busy_thread or threading.main_thread().ident
        return {"stack": user_stack(thread, self.sources.belongs) if thread else ""}

    @property
    def _own_threads(self) -> int:
        """Those that a worker has without the user's code: the main one and ours."""
        return 2 if self.debugger is None else 3

    def _has_something_to_prove(self) -> bool:
        """Not if the master had it all, nor once the debugger follows every fork."""
        joined = self.debugger is not None and self.debugger.has_joined
        has_more = not self.preloaded or bool(self._brought({})["modules"])
        return self.contract.preloads and not joined and has_more

    def _proven(self, message: Fields) -> Fields:
        return {"modules": loaded_of(message["modules"]) if self._is_harmless else []}

    def _brought(self, _: Fields) -> Fields:
        """The packages that came with the user's code, as init() or a pickle it read imported them.

        Two levels of names: `sklearn.linear_model` brings what is below it.
        """
        return {
            "modules": [
                name
                for name, module in list(sys.modules.items())
                if name not in self._loaded_before
                and name.count(".") <= 1
                and "._" not in name
                and not name.startswith("_")
                and "-packages" + os.sep in (getattr(module, "__file__", None) or "")
            ]
        }

    def _loaded(self, message: Fields) -> Fields:
        text = self.sources.texts.get(str(message.get("file")))
        return {"sha256": None if text is None else hashlib.sha256(text).hexdigest()}


def renew_threads(worker: Any) -> None:
    """Give a threaded worker a new pool."""
    pool = getattr(worker, "tpool", None)
    if pool is not None:
        worker.tpool = worker.get_thread_pool()
        pool.shutdown(wait=False)


def _touch(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as mark:
        mark.write(f"{os.getpid()}\n")

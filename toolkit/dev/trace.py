"""A breakpoint for terminals and CI: attach, hit, evaluate, go on, leave everything as it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from toolkit.dev.dap import DapError, DapRefused
from toolkit.dev.dap_session import DapSession, Stop
from toolkit.dev.explain import Report, judge
from toolkit.dev.explain_evidence import Place, gather
from toolkit.engines.base import Address, Engine
from toolkit.errors import Conflict, EmuError, NotReady, SpecError
from toolkit.live.score import Answer, score
from toolkit.live.service import Service, the_service

NAME: Final = "aml-emu debug trace"
_LOOK_SECONDS: Final = 0.1
_OURS_TO_MEND: Final = frozenset({"not-attached", "not-set", "no-session", "not-loaded"})
_USERS_MISTAKE: Final = frozenset({"no-service", "outside", "library", "no-code", "broken"})


@dataclass(frozen=True, kw_only=True)
class TraceOrder:
    """Where to stop, what to look at there, how often; `body` is a request to send meanwhile."""

    place: Place
    expressions: tuple[str, ...] = ()
    times: int = 1
    timeout: float = 60.0
    body: bytes | None = None


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One stop. `values` holds the repr of each expression, or what evaluating it raised."""

    file: str
    line: int
    function: str
    thread: str
    values: Mapping[str, str | Mapping[str, str]] = field(default_factory=dict)

    def document(self) -> Mapping[str, Any]:
        return vars(self)


def trace_hits(
    engine: Engine, name: str | None, order: TraceOrder, *, say: Callable[[str], None]
) -> Iterator[Hit]:
    """The hits, as they come; the breakpoint and the session are gone when the iterator ends.

    Raises SpecError for a place where no breakpoint can bind, Conflict if a debugger is attached
    already, NotReady if there were too few hits in time.
    """
    report = judge(gather(engine, order.place, name))
    _refuse(report)
    seen = report.evidence
    service = the_service(engine, seen.service)
    request = _Request(service.scoring, order)
    session = DapSession(
        *_address(service),
        path_mappings=[(str(seen.code), str(service.app_root))],
        breakpoints={str(seen.place.file): [seen.place.line]},
        exceptions=(),
        name=NAME,
    )
    try:
        with session:
            session.wait_for_worker()
            say(f"waiting until {seen.place} runs")
            yield from _Watch(session, seen.place, order, request).hits()
        request.finish(say)
    except DapRefused as error:
        raise Conflict(f"the debugger refuses: {error}", hint="is an IDE attached?") from error
    except (DapError, OSError) as error:
        raise NotReady(
            f"the debugger of `{service.name}` does not answer",
            details=str(error),
            hint=f"see `aml-emu logs {service.name}`",
        ) from error


class _Request:
    """The request that the trace sends by itself, if it was told to; answered in a thread."""

    def __init__(self, address: Address, order: TraceOrder) -> None:
        self._address = address
        self._body = order.body
        self._timeout = order.timeout
        self._thread: threading.Thread | None = None
        self.outcome: Answer | EmuError | None = None

    def send(self) -> None:
        if self._body is not None:
            self._thread = threading.Thread(target=self._ask, args=(self._body,), daemon=True)
            self._thread.start()

    def finish(self, say: Callable[[str], None]) -> None:
        """Let it be answered, now that nothing holds it."""
        if self._thread is None:
            return
        self._thread.join()
        if isinstance(self.outcome, EmuError):
            raise self.outcome
        if self.outcome is not None:
            say(f"the request was answered: {self.outcome.status} {self.outcome.text.strip()}")

    def _ask(self, body: bytes) -> None:
        try:
            self.outcome = score(self._address, body, timeout=self._timeout)
        except EmuError as error:
            self.outcome = error


class _Watch:
    """One breakpoint in an attached session."""

    def __init__(
        self, session: DapSession, place: Place, order: TraceOrder, request: _Request
    ) -> None:
        self._session = session
        self._place = place
        self._order = order
        self._request = request
        self._deadline = time.monotonic() + order.timeout

    def hits(self) -> Iterator[Hit]:
        self._request.send()
        count = 0
        while count < self._order.times:
            stop = self._next()
            if stop is None:
                self._check(count)
                return
            if stop.reason != "breakpoint":
                stop.resume()  # an exception that the emulator shows to debuggers
                continue
            count += 1
            yield self._look(stop)
            if count == self._order.times:
                self._session.set_breakpoints(self._place.file, [])
            stop.resume()

    def _next(self) -> Stop | None:
        """The next stop; None when there will be no more, or not in time."""
        while not self._session.has_stopped(within=_LOOK_SECONDS):
            if time.monotonic() >= self._deadline or self._request.outcome is not None:
                return None
            if self._session.is_over:
                raise DapError("the session was ended from the other side")
        return self._session.wait_for_stop()

    def _look(self, stop: Stop) -> Hit:
        return Hit(
            file=stop.file,
            line=stop.line,
            function=stop.function,
            thread=stop.thread_name(),
            values={each: _value(stop, each) for each in self._order.expressions},
        )

    def _check(self, count: int) -> None:
        """A request of our own tells by its answer that there is no more to come."""
        outcome = self._request.outcome
        if isinstance(outcome, EmuError):
            raise outcome
        if outcome is None:
            raise NotReady(
                f"{count} of {self._order.times} hits of {self._place} "
                f"within {self._order.timeout:g} s",
                hint="send a request meanwhile, or let `--data` or `--file` send one",
            )
        if not count:
            raise NotReady(
                f"the request was answered ({outcome.status}) without passing {self._place}",
                details=outcome.text,
                hint="does this request run the line?",
            )


def _refuse(report: Report) -> None:
    """What stands in the way of a breakpoint, except what attaching will change."""
    seen = report.evidence
    if seen.inside and seen.inside.client:
        raise Conflict(
            f"{seen.inside.client} is attached to `{seen.service}` already",
            hint="detach it, or set the breakpoint in it",
        )
    for problem in report.problems:
        if problem.code in _OURS_TO_MEND:
            continue
        kind = SpecError if problem.code in _USERS_MISTAKE else NotReady
        raise kind(f"{seen.place} cannot be traced: {problem.said}", hint=problem.todo)


def _address(service: Service) -> tuple[str, int]:
    address = service.debugger
    if address is None:
        raise NotReady(f"`{service.name}` was started without a debugger")
    return address.host, address.port


def _value(stop: Stop, expression: str) -> str | dict[str, str]:
    try:
        return stop.evaluate(expression)
    except DapRefused as error:
        return {"error": str(error).removeprefix("evaluate: ")}

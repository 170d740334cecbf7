"""The debug adapter client of the tests: the product's own, with what a rude client does as well.

    with DapSession("127.0.0.1", port, path_mappings=[(local, remote)]) as session:
        session.set_breakpoints("/local/score.py", [12])
        stop = session.wait_for_stop()
        assert session.locals(stop)["x"] == "3"
        session.continue_(stop)

Every wait has a deadline; nothing sleeps.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from toolkit.dev.dap import Connection, DapError, Message, suppress_if_closed
from toolkit.dev.dap_session import DapSession as Session
from toolkit.dev.dap_session import Stop

__all__ = ["Connection", "DapError", "DapSession", "Stop", "suppress_if_closed"]


class DapSession(Session):
    """Vanishes without a word when the `with` block fails, as a crashed IDE does."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        follow_children: bool = True,
        start_debugging: bool = False,
        name: str = "tests",
        **options: Any,
    ) -> None:
        super().__init__(host, port, name=name, **options)
        self._follow_children = follow_children
        self._start_debugging = start_debugging

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.detach()
        else:
            self.vanish()

    def stack(self, stop: Stop) -> list[str]:
        return stop.stack()

    def locals(self, stop: Stop) -> dict[str, str]:
        return stop.locals()

    def evaluate(self, stop: Stop, expression: str) -> str:
        return stop.evaluate(expression, context="repl")

    def continue_(self, stop: Stop) -> None:
        stop.resume()

    def step_over(self, stop: Stop) -> Stop:
        stop.resume("next")
        return self.wait_for_stop()

    def step_in(self, stop: Stop) -> Stop:
        stop.resume("stepIn")
        return self.wait_for_stop()

    def detach(self, *, farewells: int = 1) -> None:
        """Leave as an IDE does, or as one that says goodbye more often than it should."""
        for connection in [*self._children, self.root]:
            with suppress_if_closed(connection):
                numbers = [
                    connection.send("disconnect", {"terminateDebuggee": False})
                    for _ in range(farewells)
                ]
                connection.answer(numbers[0])
            connection.close()

    def vanish(self) -> None:
        """Leave like a crashed IDE: the sockets close without a word."""
        for connection in [*self._children, self.root]:
            connection.close()

    def _heard(self, connection: Connection, message: Message) -> None:
        super()._heard(connection, message)
        if message.get("event") == "closed":
            connection.close()

    def _introduction(self) -> Message:
        return {**super()._introduction(), "supportsStartDebuggingRequest": self._start_debugging}

    def _announced(self, arguments: Message) -> None:
        if self._follow_children:
            super()._announced(arguments)

"""Long work that the emulator does for a script, which may look at it or wait for its end."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Type

from ..exceptions import AzureMLException, UserErrorException
from .authoring import ask, message_of
from .link import Link

_INTERVAL = 0.1


class Operation:
    """One piece of work. `state` is `Running`, `Succeeded` or `Failed`, as last heard."""

    def __init__(self, link: Link, id_: str) -> None:
        self._link = link
        self.id = id_
        self.state = "Running"
        self.lines: List[str] = []
        self.result: Dict[str, Any] = {}
        self.error: Optional[Mapping[str, Any]] = None

    def look(self) -> List[str]:
        """Ask once; the lines that are new."""
        if self.state != "Running":
            return []
        query = {"after": len(self.lines)}
        found = ask(self._link, "GET", "operations/" + self.id, query=query)
        self.lines += found["lines"]
        self.state, self.error = found["state"], found["error"]
        self.result = found["result"]
        return list(found["lines"])

    def follow(
        self, on_line: Optional[Callable[[str], Any]] = None, *, seconds: float = float("inf")
    ) -> None:
        """Wait for the end, or for so long, with each line as it comes."""
        deadline = time.monotonic() + seconds
        while True:
            for line in self.look():
                if on_line is not None:
                    on_line(line)
            if self.state != "Running" or time.monotonic() >= deadline:
                return
            time.sleep(_INTERVAL)

    def raise_failure(self, kind: Type[AzureMLException]) -> None:
        """Raise what it failed of, if it has failed."""
        if self.error is not None:
            raise kind(message_of(self.error))


def follow(
    link: Link,
    id_: str,
    show_output: bool,
    problem: Type[AzureMLException] = UserErrorException,
) -> Dict[str, Any]:
    """Wait for work that was begun; its result. Raises `problem` if it failed."""
    operation = Operation(link, id_)
    operation.follow(shown if show_output else None)
    operation.raise_failure(problem)
    return operation.result


def started(link: Link, path: str, body: Mapping[str, Any]) -> Operation:
    """Begin work; `path` goes on from `authoring/`."""
    return Operation(link, ask(link, "POST", path, body)["operation"])


def shown(line: str) -> None:
    """Print at once, also into a pipe."""
    print(line, flush=True)

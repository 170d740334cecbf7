from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEngine
from toolkit.live.authoring.routes import ROUTES
from toolkit.live.authoring.service import Authoring
from toolkit.live.tracking.access import Caller
from toolkit.live.tracking.call import Call
from toolkit.live.tracking.server import Tracking
from toolkit.settings import Settings
from toolkit.workspace.workspace import Workspace

Ask = Callable[..., Mapping[str, Any]]


@pytest.fixture
def authoring(tmp_path: Path) -> Iterator[Authoring]:
    """A session of a script whose engine is in memory; nothing listens."""
    with Workspace.open(tmp_path / ".aml-emu") as workspace:
        yield Authoring(
            workspace=workspace,
            engine=FakeEngine(),
            settings=Settings(project=tmp_path),
            tracking=Tracking(workspace, binds=[]),
        )


@pytest.fixture
def ask(authoring: Authoring) -> Ask:
    """`ask("POST", "computes", name="x")`: the answer, as the drop-in would get it."""
    return partial(answer, authoring)


def answer(authoring: Authoring, method: str, path: str, /, **values: Any) -> Mapping[str, Any]:
    for (known, pattern), handler in ROUTES.items():
        parts, names = path.split("/"), pattern.split("/")
        if known != method or len(parts) != len(names):
            continue
        if all(a == b or b.startswith("{") for a, b in zip(parts, names, strict=True)):
            found = {b.strip("{}"): a for a, b in zip(parts, names, strict=True) if a != b}
            call = Call(
                workspace=authoring.workspace, caller=Caller(run=None), values={**values, **found}
            )
            return handler(authoring, call)
    raise AssertionError(f"no such call: {method} {path}")


def ended(authoring: Authoring, id_: str) -> Mapping[str, Any]:
    """An operation that has come to its end."""
    operation = authoring.operations.get(id_)
    assert operation.ended.wait(20), operation.lines
    return operation.as_json()

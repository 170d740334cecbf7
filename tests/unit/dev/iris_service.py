"""A scoring service in memory whose agent and debugger answer as they are told to."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.fakes import Conversation, FakeEngine, Script
from toolkit.engines.base import ExecResult
from toolkit.plans import azureml, emulation
from toolkit.plans.model import LaunchPlan, Port

TOKEN = "t0ken"
ASK_TOKEN = ("printenv", "AML_EMU_CONTROL_TOKEN")


class FakeAgent:
    """A control port that knows the token; `answers` is by op."""

    def __init__(self, file: Path, **changed: Any) -> None:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        lines = list(range(1, len(file.read_text().splitlines()) + 1))
        self.status: dict[str, Any] = {"ok": True, "mode": "fork", "clients": []}
        self.lines: dict[str, Any] = {
            "ok": True,
            "exists": True,
            "sha256": digest,
            "lines": lines,
            "loaded_sha256": {"79": digest},
            "breakpoints": None,
        }
        self.asked: list[Mapping[str, Any]] = []
        for name, value in changed.items():
            (self.status if name in self.status else self.lines)[name] = value

    def __call__(self, connection: socket.socket) -> None:
        request = json.loads(connection.makefile("rb").readline())
        assert request.pop("token") == TOKEN
        self.asked.append(request)
        answer = self.status if request["op"] == "status" else self.lines
        connection.sendall(json.dumps(answer).encode() + b"\n")


def launch(
    engine: FakeEngine,
    code: Path,
    *,
    name: str = "iris",
    debug: bool = True,
    answers: Mapping[int, Conversation] | None = None,
    token: ExecResult | None = None,
) -> None:
    """A service for `code`/score.py on the engine, with its ports."""
    reply = token or ExecResult(exit_code=0, output=f"{TOKEN}\n")
    engine.script = Script(answers=answers or {}, replies={ASK_TOKEN: reply})
    ports = (azureml.SCORING_PORT, azureml.DEBUG_PORT, emulation.CONTROL_PORT)
    engine.launch(
        LaunchPlan(
            kind="service",
            name=name,
            image="i:1",
            ports=tuple(Port(container=port) for port in ports),
            labels={
                emulation.LABEL_KIND: "service",
                emulation.LABEL_NAME: name,
                emulation.LABEL_CODE: str(code),
                emulation.LABEL_SCRIPT: "score.py",
                **({emulation.LABEL_DEBUG: "1"} if debug else {}),
            },
        )
    )

"""Reload requests: compiled first, one at a time, and gathered while one runs."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from toolkit.runtime.contract import Contract, read_contract
from toolkit.runtime.reloads import Reloads
from toolkit.runtime.workers import Workers


@dataclass
class Carried:
    """Carriers that note what they were asked, and answer when they are let go."""

    calls: list[tuple[str, list[str]]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    def by(self, mode: str) -> Any:
        async def carry(paths: list[str]) -> dict[str, Any]:
            self.calls.append((mode, paths))
            await self.gate.wait()
            return {"ok": True, "said": "done"}

        return carry


class ServingWorkers(Workers):
    """Workers of which one serves."""

    def __init__(self, *, serving: bool = True) -> None:
        super().__init__(welcome=lambda _: {}, heard=lambda *_: None)
        self._any = serving

    @property
    def serving(self) -> list[Any]:
        return [object()] if self._any else []


def app(folder: Path, **environ: str) -> Contract:
    (folder / "score.py").write_text("x = 1\n")
    variables = {"AML_APP_ROOT": str(folder), "AZUREML_ENTRY_SCRIPT": "score.py"}
    return read_contract({"AML_EMU_RELOAD": "fork", **variables, **environ})


def reloads(contract: Contract, carried: Carried, *, serving: bool = True) -> Reloads:
    carriers = {mode: carried.by(mode) for mode in ("restart", "fork", "swap")}
    return Reloads(contract, ServingWorkers(serving=serving), carriers)


def test_requests_during_a_reload_become_one(tmp_path: Path) -> None:
    async def run() -> None:
        carried = Carried()
        each = reloads(app(tmp_path), carried)
        first = asyncio.ensure_future(each.request(None, ["/a.py"]))
        await asyncio.sleep(0)
        others = [
            asyncio.ensure_future(each.request(mode, [path]))
            for mode, path in ((None, "/b.py"), ("swap", "/c.py"), (None, "/b.py"))
        ]
        await asyncio.sleep(0)
        assert each.busy
        carried.gate.set()
        answers = await asyncio.gather(first, *others)
        assert carried.calls == [("fork", ["/a.py"]), ("swap", ["/b.py", "/c.py"])]
        assert [answer["mode"] for answer in answers] == ["fork", "swap", "swap", "swap"]
        assert each.generation == 3
        assert not each.busy

    asyncio.run(run())


@pytest.mark.parametrize("broken", ["score.py", "helper.py"])
def test_code_that_does_not_compile_reaches_no_worker(tmp_path: Path, broken: str) -> None:
    async def run() -> None:
        carried = Carried()
        each = reloads(app(tmp_path), carried)
        (tmp_path / broken).write_text("def f(:\n")
        answer = await each.request(None, [str(tmp_path / "helper.py")])
        assert (answer["ok"], answer["stage"]) == (False, "compile")
        assert broken in answer["traceback"]
        assert "SyntaxError" in answer["traceback"]
        assert carried.calls == []
        assert each.generation == 1

    asyncio.run(run())


def test_script_that_is_missing_is_told_and_a_removed_helper_is_not(tmp_path: Path) -> None:
    async def run() -> None:
        carried = Carried()
        carried.gate.set()
        each = reloads(app(tmp_path), carried)
        assert (await each.request(None, [str(tmp_path / "removed.py")]))["ok"]
        (tmp_path / "score.py").unlink()
        answer = await each.request(None, [])
        assert answer["stage"] == "compile"
        assert "FileNotFoundError" in answer["traceback"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("environ", "serving", "paths", "mode", "reason"),
    [
        ({}, False, [], "restart", "the server was down"),
        ({"WORKER_PRELOAD": "true"}, True, [], "restart", "WORKER_PRELOAD"),
        ({}, True, ["/app/config.json"], "restart", "configuration"),
        ({}, True, ["/app/model/weights.json"], "fork", ""),
        ({"AML_EMU_RELOAD": "restart"}, False, [], "restart", ""),
    ],
)
def test_mode_that_cannot_do_it_gives_way_and_says_so(
    tmp_path: Path,
    environ: dict[str, str],
    *,
    serving: bool,
    paths: list[str],
    mode: str,
    reason: str,
) -> None:
    async def run() -> None:
        carried = Carried()
        carried.gate.set()
        each = reloads(app(tmp_path, **environ), carried, serving=serving)
        answer = await each.request(None, paths)
        assert answer["mode"] == mode
        assert reason in answer["said"]
        assert answer["said"].endswith("done")

    asyncio.run(run())


def test_unknown_mode_and_service_without_reload_are_refused(tmp_path: Path) -> None:
    async def run() -> None:
        answer = await reloads(app(tmp_path), Carried()).request("teleport", [])
        assert (answer["ok"], answer["stage"]) == (False, "request")
        without = app(tmp_path, AML_EMU_RELOAD="")
        answer = await reloads(without, Carried()).request("fork", [])
        assert (answer["ok"], answer["stage"]) == (False, "request")

    asyncio.run(run())


def test_who_waits_behind_a_bug_is_answered_too(tmp_path: Path) -> None:
    async def run() -> None:
        carried = Carried()
        each = reloads(app(tmp_path), carried)

        async def stumble(_: list[str]) -> dict[str, Any]:
            await carried.gate.wait()
            raise KeyError("x")

        each._carriers["fork"] = stumble
        first = asyncio.ensure_future(each.request("fork", []))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(each.request("swap", []))
        await asyncio.sleep(0)
        carried.gate.set()
        answers = await asyncio.wait_for(asyncio.gather(first, second), 10)
        assert [answer["ok"] for answer in answers] == [False, True]
        assert "KeyError: 'x'" in answers[0]["traceback"]
        assert not each.busy

    asyncio.run(run())

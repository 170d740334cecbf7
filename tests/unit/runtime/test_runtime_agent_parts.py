"""Small parts of the agent: the control port's manners, the root session, lines and mappings."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from toolkit.runtime.breakpoints import set_in
from toolkit.runtime.control import Control
from toolkit.runtime.executable import compile_error, describe
from toolkit.runtime.frames import encode, parse, read_frame
from toolkit.runtime.json_lines import LineError, decode_line
from toolkit.runtime.root import Root
from toolkit.runtime.tracebacks import user_traceback
from toolkit.runtime.workers import Worker, Workers


async def pong(request: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "heard": request.get("word")}


@pytest.mark.parametrize(
    ("token", "line", "expected"),
    [
        ("secret", b'{"op": "ping", "token": "secret", "word": 1}', {"ok": True, "heard": 1}),
        ("secret", b'{"op": "ping", "token": "wrong"}', "the token is wrong"),
        ("secret", b'{"op": "ping"}', "the token is wrong"),
        ("", b'{"op": "ping", "token": ""}', "the token is wrong"),
        ("secret", '{"op": "ping", "token": "ä"}'.encode(), "the token is wrong"),
        ("secret", b'{"op": "explode", "token": "secret"}', "none of ping: explode"),
        ("secret", b"no json", "not JSON"),
        ("secret", b"[1]", "not a JSON object"),
    ],
)
def test_control_answers_only_who_has_the_token(token: str, line: bytes, expected: Any) -> None:
    answer = asyncio.run(Control(token, {"ping": pong})._answer(line))
    if isinstance(expected, dict):
        assert answer == expected
    else:
        assert answer["ok"] is False
        assert expected in answer["error"]


def test_control_gives_signs_of_life_until_the_answer_is_there() -> None:
    async def talk() -> bytes:
        goes_on = asyncio.Event()

        async def slow(_: dict[str, Any]) -> dict[str, Any]:
            await goes_on.wait()
            return {"ok": True}

        control = Control("secret", {"slow": slow}, sign_of_life=0.001)
        await control.open("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*control.address)
        writer.write(b'{"op": "slow", "token": "secret"}\n')
        first = await reader.readline()
        goes_on.set()
        while (line := await reader.readline()) == b"\n":
            pass
        writer.close()
        await control.close()
        return first + line

    assert asyncio.run(talk()) == b'\n{"ok": true}\n'


def test_worker_that_is_gone_gives_no_answer() -> None:
    async def ask() -> dict[str, Any] | None:
        hello = {"pid": 1, "master": 2, "candidate": False, "begun": True, "ready": True}
        worker = Worker(hello, Written())  # type: ignore[arg-type]  # as much of a writer as it uses
        worker.lost()
        return await asyncio.wait_for(worker.ask("swap", timeout=None), 5)

    assert asyncio.run(ask()) is None


def test_worker_that_comes_and_goes_at_once_is_not_overlooked(tmp_path: Path) -> None:
    """Its hello, its failure and its end may be read in one go, before anybody else has a turn."""

    async def run() -> tuple[int, dict[str, Any] | None]:
        workers = Workers(welcome=lambda _: {}, heard=lambda *_: None)
        await workers.open(str(tmp_path / "socket"))
        before = workers.arrivals
        waiting = asyncio.ensure_future(
            workers.until(lambda: bool(workers.newcomers(before)), timeout=5)
        )
        _, writer = await asyncio.open_unix_connection(str(tmp_path / "socket"))
        hello = {"pid": 7, "master": 2, "candidate": True, "begun": False, "ready": False}
        writer.write(json.dumps(hello).encode() + b"\n")
        writer.write(b'{"event": "failed", "stage": "import", "traceback": "x"}\n')
        writer.close()
        assert await waiting
        await asyncio.sleep(0)
        (worker,) = workers.newcomers(before)
        await workers.until(lambda: worker.gone, timeout=5)
        assert list(workers) == []
        await workers.close()
        return len(workers.newcomers(workers.arrivals)), worker.failure

    none, failure = asyncio.run(run())
    assert none == 0
    assert failure is not None
    assert failure["stage"] == "import"


def test_lines_must_be_json_objects() -> None:
    for line in (b"\xff\n", b"3\n", b"\n"):
        with pytest.raises(LineError):
            decode_line(line)


class Written:
    """The writing side of a connection that only remembers."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        pass


def converse(*requests: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str], Root]:
    """What the root session answers, whom it told what, and how it is left."""
    told: list[str] = []

    async def run() -> tuple[list[dict[str, Any]], Root]:
        reader, writer = asyncio.StreamReader(), Written()
        root = Root(
            reader,
            writer,  # type: ignore[arg-type]  # as much of a writer as it uses
            "token",
            attached=lambda: told.append("attached"),
            detached=lambda: told.append("detached"),
        )
        for number, request in enumerate(requests, 1):
            reader.feed_data(encode({"seq": number, "type": "request", **request}))
        reader.feed_eof()
        await root.serve()
        answers = asyncio.StreamReader()
        answers.feed_data(writer.data)
        answers.feed_eof()
        found = []
        while (body := await read_frame(answers)) is not None:
            found.append(parse(body))
        return found, root

    answers, root = asyncio.run(run())
    return answers, told, root


def test_root_session_attaches_takes_breakpoints_and_lets_go() -> None:
    answers, told, root = converse(
        {"command": "pydevdAuthorize", "arguments": {"debugServerAccessToken": "token"}},
        {"command": "initialize"},
        {"command": "attach", "arguments": {"name": "x"}},
        {
            "command": "setBreakpoints",
            "arguments": {"source": {"path": "/a.py"}, "breakpoints": [{"line": 3}, {"line": 5}]},
        },
        {"command": "threads"},
        {"command": "somethingNew"},
        {"command": "disconnect"},
    )
    assert all(answer["success"] for answer in answers)
    assert answers[0]["body"] == {"clientAccessToken": None}
    assert [b["line"] for b in answers[3]["body"]["breakpoints"]] == [3, 5]
    assert answers[4]["body"] == {"threads": []}
    assert told == ["attached", "detached"]
    assert root.released.is_set()
    assert not root.attached


def test_root_session_refuses_what_only_a_worker_can_do_and_strangers() -> None:
    answers, told, _ = converse(
        {"command": "pydevdAuthorize", "arguments": {"debugServerAccessToken": "other"}},
        {"command": "evaluate", "arguments": {"expression": "1"}},
        {"command": "pause"},
    )
    assert [answer["success"] for answer in answers] == [False, False, False]
    assert "select a worker" in answers[1]["message"]
    assert told == []


def test_breakpoints_are_found_through_the_clients_mappings() -> None:
    _, _, root = converse()
    root.arguments = {
        "pathMappings": [{"localRoot": r"C:\Users\me\app", "remoteRoot": "/var/azureml-app"}]
    }
    root.breakpoints = {r"c:\users\me\app\src\score.py": [4], "/var/azureml-app/other.py": [1]}
    assert set_in("/var/azureml-app/src/score.py", root) == [
        {"line": 4, "client_path": r"c:\users\me\app\src\score.py"}
    ]
    assert [each["line"] for each in set_in("/var/azureml-app/other.py", root)] == [1]
    assert set_in("/var/azureml-app/absent.py", root) == []


def test_executable_lines_are_those_of_the_code(tmp_path: Path) -> None:
    path = tmp_path / "score.py"
    path.write_text(
        '"""Text."""\n\n# comment\ndef f(a):\n    b = [\n        a,\n    ]\n    return b\n'
    )
    described = describe(str(path))
    assert {4, 5, 8} <= set(described["lines"])
    assert not {2, 3} & set(described["lines"])
    assert described["exists"]
    assert compile_error(str(path)) is None


@pytest.mark.parametrize("text", [b"def f(:\n", b"\0", b"\xff\xfe"])
def test_files_that_do_not_compile_are_described_with_their_error(
    tmp_path: Path, text: bytes
) -> None:
    path = tmp_path / "score.py"
    path.write_bytes(text)
    described = describe(str(path))
    assert described["exists"]
    assert described["lines"] == []
    assert described["error"]
    assert compile_error(str(path))
    assert describe(str(tmp_path / "absent.py"))["exists"] is False
    assert compile_error(str(tmp_path))


def test_traceback_starts_with_the_users_first_frame() -> None:
    user_code = compile("def run():\n    json.loads('{')\nrun()\n", "/app/score.py", "exec")
    try:
        exec(user_code, {"json": json})
    except ValueError:
        error = sys.exc_info()[1]
    assert error is not None
    text = user_traceback(error, lambda path: path == "/app/score.py")
    assert text.splitlines()[1].strip().startswith('File "/app/score.py", line 3')
    assert "json" in text
    assert __file__ not in text
    alone = user_traceback(error, lambda path: False)
    assert alone.startswith("json.decoder.JSONDecodeError")


@pytest.mark.parametrize(
    "arguments", [{"breakpoints": [{"line": None}]}, {"breakpoints": 3}, {"source": "x"}]
)
def test_nonsense_of_a_client_ends_the_root_session_and_no_more(arguments: dict[str, Any]) -> None:
    answers, told, root = converse(
        {"command": "attach"}, {"command": "setBreakpoints", "arguments": arguments}
    )
    assert [answer["command"] for answer in answers] == ["attach"]
    assert told == ["attached", "detached"]
    assert not root.attached


def test_a_token_that_is_not_ascii_is_a_wrong_one() -> None:
    wrong = {"debugServerAccessToken": "t\u00f6ken"}
    answers, _, _ = converse({"command": "pydevdAuthorize", "arguments": wrong})
    assert [answer["success"] for answer in answers] == [False]

import json
import math
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console
from rich.file_proxy import FileProxy

from toolkit.cli import console
from toolkit.errors import EmuError


def test_lines_go_through_a_live_table_and_not_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, terminal = StringIO(), TextIOWrapper(BytesIO(), "utf-8")
    live = Console(file=shown, force_terminal=True, width=80)
    monkeypatch.setattr("sys.stderr", FileProxy(live, terminal))
    console.say("image mine:1")
    console.error(EmuError("no such run: x", details="Traceback\n", hint="see `runs list`"))
    terminal.flush()
    assert terminal.buffer.getvalue() == b""
    for text in ("image mine:1", "no such run: x", "Traceback", "see `runs list`"):
        assert text in shown.getvalue()


def test_no_colour_off_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    console.warn("careful")
    assert capsys.readouterr().err == "aml-emu  careful\n"


def test_a_services_output_leaves_stdout_to_the_document(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    console.pump(iter([b"one\n", b"\xff\n"]), json=True).join()
    assert capfdbinary.readouterr() == (b"", b"one\n\xff\n")
    console.pump(iter([b"one\n"])).join()
    assert capfdbinary.readouterr() == (b"one\n", b"")


def test_a_document_is_json_whatever_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(constant: str) -> float:
        raise AssertionError(constant)

    console.result_json({"loss": math.nan, "all": [(math.inf, -math.inf, 1.5)], "x": True})
    told = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert told == {"loss": "NaN", "all": [["Infinity", "-Infinity", 1.5]], "x": True}

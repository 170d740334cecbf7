import logging
import shlex
import signal
import sys
from pathlib import Path

import pytest

from toolkit.engines.command import Outcome, run, talk
from toolkit.errors import EngineUnavailable

ECHO = """
import os, sys
sys.stdout.write(sys.stdin.read() + os.getcwd() + os.environ.get("WORD", "-"))
sys.stderr.buffer.write(b"caf\\xe9")
sys.exit(7)
"""


def test_what_a_program_said_is_handed_back(tmp_path: Path) -> None:
    outcome = run([sys.executable, "-c", ECHO], environ={"WORD": "w"}, cwd=tmp_path, stdin="in ")
    assert outcome == Outcome(exit_code=7, output=f"in {tmp_path.resolve()}w", errors="caf\ufffd")


def test_only_the_environment_given_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORD", "leaked")
    assert run([sys.executable, "-c", ECHO], environ={}).output.endswith("-")


def test_a_missing_program_is_named() -> None:
    with pytest.raises(EngineUnavailable, match="program not found: no-such-program-7"):
        run(["no-such-program-7"], environ={"PATH": ""})


def test_a_program_that_does_not_end_is_ended() -> None:
    with pytest.raises(EngineUnavailable, match="did not end within 0 s"):
        run([sys.executable, "-c", "input()" * 9], environ={}, timeout=0.0)


def test_commands_are_logged_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    argv = [sys.executable, "-c", "print(1)"]
    with caplog.at_level(logging.DEBUG, logger="toolkit"):
        run(argv, environ={})
    assert caplog.messages == [f"running: {shlex.join(argv)}"]


LISTEN = """
import sys
for line in sys.stdin:
    print("heard", line, end="", file=sys.stderr, flush=True)
sys.exit(3)
"""


def test_a_talk_is_heard_line_by_line() -> None:
    argv = [sys.executable, "-c", LISTEN]
    with talk(argv, environ={}, body=iter([b"one\ntw", b"o\n"])) as program:
        assert list(program.lines()) == ["heard one\n", "heard two\n"]
        assert program.exit_code() == 3


def test_a_talk_that_is_left_ends_the_program() -> None:
    argv = [sys.executable, "-c", "import sys, time; print('up', file=sys.stderr); time.sleep(600)"]
    with pytest.raises(ZeroDivisionError), talk(argv, environ={}, body=iter([])) as program:  # noqa: PT012  # how it is left
        assert next(program.lines()) == "up\n"
        raise ZeroDivisionError
    assert program.exit_code() != 0


def test_a_program_that_does_not_listen_is_no_error() -> None:
    argv = [sys.executable, "-c", "import sys; sys.stdin.close()"]
    with talk(argv, environ={}, body=iter([b"x" * 1_000_000] * 3)) as program:
        assert program.exit_code() == 0


def test_a_missing_program_cannot_be_talked_to() -> None:
    with pytest.raises(EngineUnavailable, match="program not found: no-such-program-7"):
        talk(["no-such-program-7"], environ={"PATH": ""}, body=iter([])).__enter__()


def test_a_program_that_ignores_ctrl_c_is_ended_all_the_same() -> None:
    deaf = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sys.stderr.write("deaf\\n")
sys.stderr.flush()
time.sleep(600)
"""
    with talk([sys.executable, "-c", deaf], environ={}, body=iter(()), grace=0.05) as program:
        assert next(program.lines()) == "deaf\n"
        program.end()
        assert program.exit_code() == -signal.SIGKILL


def test_passwords_in_addresses_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    proxy = "http_proxy=http://me:p@ss@proxy:3128"
    run([sys.executable, "-c", "", proxy, "image@sha256:1"], environ={})
    assert "p@ss" not in caplog.text
    assert "http_proxy=http://***@proxy:3128" in caplog.text
    assert "image@sha256:1" in caplog.text
    with pytest.raises(EngineUnavailable) as error:
        run([sys.executable, "-c", "input()" * 9, proxy], environ={}, timeout=0.0)
    assert "p@ss" not in error.value.message

import pytest

from toolkit.live.failure import last_line, user_traceback

SIMPLE = """\
Traceback (most recent call last):
  File "/var/azureml-app/score.py", line 4, in init
    model = load()
ValueError: no model"""

CAUSE = """\
Traceback (most recent call last):
  File "/var/azureml-app/score.py", line 2, in init
    open("x")
FileNotFoundError: x

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/var/azureml-app/score.py", line 4, in init
    raise RuntimeError("no model")
RuntimeError: no model"""

WRAPPER = """

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/azureml-envs/e/lib/python3.11/site-packages/server/user_script.py", line 1, in load
    raise UserScriptException(ex) from ex
azureml_inference_server_http.server.user_script.UserScriptException: no model
2026-01-01 00:00:00,000 I [70] server - shutting down
"""

BOOT = "[2026-01-01 00:00:00 +0000] [70] [INFO] Booting worker with pid: 70\n"


@pytest.mark.parametrize("own", [SIMPLE, CAUSE], ids=["simple", "with a cause"])
def test_the_users_part_is_cut_out_of_the_servers_log(own: str) -> None:
    log = f"{BOOT}Initializing logger\n2026-01-01 E [70] server - {own}{WRAPPER}"
    assert user_traceback(log) == own


def test_only_the_last_start_counts() -> None:
    old = SIMPLE.replace("ValueError", "KeyError")
    assert user_traceback(f"{BOOT}{old}\n\nmore\n{BOOT}{SIMPLE}{WRAPPER}") == SIMPLE
    assert user_traceback(f"{BOOT}{old}\n\nmore\n{BOOT}Starting\n") == ""


def test_a_log_without_a_traceback_has_none() -> None:
    assert user_traceback("") == user_traceback(f"{BOOT}all is well\n") == ""


@pytest.mark.parametrize(
    ("traceback", "line"),
    [
        (SIMPLE, "ValueError: no model"),
        (CAUSE, "RuntimeError: no model"),
        (SIMPLE + "\nsecond line of the message", "ValueError: no model"),
        ("", ""),
    ],
)
def test_the_line_that_names_the_exception(traceback: str, line: str) -> None:
    assert last_line(traceback) == line

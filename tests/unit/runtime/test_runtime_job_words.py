from __future__ import annotations

import pytest

from toolkit.runtime.job_listen import patience
from toolkit.runtime.job_process import exit_code, expanded, job_environment


@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [
        (["t.py", "--remote_debug_connection_timeout", "20"], 20.0),
        (["t.py", "--remote_debug_connection_timeout=5"], 5.0),
        (["t.py", "--remote_debug_connection_timeout"], 300.0),
        (["t.py", "--remote_debug_connection_timeout", "soon"], 300.0),
        (["t.py"], 300.0),
    ],
)
def test_a_scripts_own_time_out_is_kept(arguments: list[str], seconds: float) -> None:
    assert patience(arguments, 300.0) == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$AZUREML_DATAREFERENCE_raw/a", "/data/a"),
        ("${AZUREML_DATAREFERENCE_raw}x", "/datax"),
        ("$UNKNOWN and $5", "$UNKNOWN and $5"),
        ("plain", "plain"),
    ],
)
def test_arguments_are_expanded_as_the_service_does(text: str, expected: str) -> None:
    assert expanded(text, {"AZUREML_DATAREFERENCE_raw": "/data"}) == expected


def test_exit_codes_are_a_shells() -> None:
    assert [exit_code(status) for status in (0, 3 << 8, 9)] == [0, 3, 137]


def test_the_project_is_on_the_path_where_it_was_and_the_users_own_path_stays() -> None:
    told = {"project_on_path": True, "working_dir": "/azureml-run"}
    path = job_environment({"PYTHONPATH": "/own"}, told)["PYTHONPATH"].split(":")
    assert path[0].endswith("/jobsite")
    assert path[1:] == ["/azureml-run", "/own"]
    assert (
        "/azureml-run" not in job_environment({}, {**told, "project_on_path": False})["PYTHONPATH"]
    )

"""The environment that the launcher sets, as the container reads it."""

from __future__ import annotations

import pytest

from toolkit.runtime.contract import ContractError, read_contract


def test_defaults_are_the_paths_of_an_image() -> None:
    contract = read_contract({})
    assert contract.agent_socket == "/run/aml-emu/agent.sock"
    assert contract.debugpy_home == "/opt/aml-emu/debugpy"
    assert contract.server_service == "/var/runit/gunicorn"
    assert contract.entry_file == "/var/azureml-app/main.py"
    assert (contract.debug_port, contract.control_port) == (5678, 5680)
    assert contract.reload is None
    assert not contract.debug
    assert contract.wait is None
    assert contract.break_on_errors


def test_entry_script_may_be_relative_or_absolute() -> None:
    environ = {"AML_APP_ROOT": "/app", "AZUREML_SOURCE_DIRECTORY": "src"}
    relative = read_contract({**environ, "AZUREML_ENTRY_SCRIPT": "src/score.py"})
    absolute = read_contract({**environ, "AZUREML_ENTRY_SCRIPT": "/app/src/score.py"})
    assert relative.entry_file == absolute.entry_file == "/app/src/score.py"
    assert relative.user_folders == ["/app", "/app/src"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AML_EMU_RELOAD", "teleport"),
        ("AML_EMU_DEBUG_PORT", "eleven"),
        ("AML_EMU_INIT_TIMEOUT", "1m"),
        ("AML_EMU_WAIT", "soon"),
    ],
)
def test_nonsense_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(ContractError, match=f"{name}.*{value}"):
        read_contract({name: value})

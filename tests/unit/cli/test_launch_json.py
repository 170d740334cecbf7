from pathlib import Path, PurePosixPath

import pytest

from toolkit.cli.launch_json import tell_where, written
from toolkit.dev.debug import DebugSession, PathMapping, write_launch_json
from toolkit.engines.base import Address

SESSION = DebugSession(
    name="iris",
    address=Address(host="127.0.0.1", port=5678),
    mappings=(PathMapping(local=Path("/w"), remote=PurePosixPath("/var/azureml-app")),),
)
WHERE = "127.0.0.1:5678, /w -> /var/azureml-app"


def told(path: Path | None) -> None:
    tell_where(SESSION, path, Path("/w"), PurePosixPath("/var/azureml-app"))


def test_where_to_attach(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(lambda: write_launch_json(SESSION, tmp_path))
    assert path == tmp_path / ".vscode" / "launch.json"
    told(path)
    said = capsys.readouterr().err
    assert f"F5 in VS Code, `aml-emu: iris` (in {path})" in said
    assert f"or any DAP client: {WHERE}" in said


def test_a_broken_file_is_told_and_ends_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / ".vscode" / "launch.json"
    file.parent.mkdir()
    file.write_text('{"configurations": [')
    path = written(lambda: write_launch_json(SESSION, tmp_path))
    told(path)
    said = capsys.readouterr().err
    assert f"no launch configuration was written: {file}: not JSON with comments" in said
    assert "correct or remove the file, or attach by hand" in said
    assert f"any DAP client: {WHERE}" in said
    assert "F5" not in said
    assert file.read_text() == '{"configurations": ['

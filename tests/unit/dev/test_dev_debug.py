import json
from pathlib import Path, PurePosixPath

import pytest

from toolkit.dev.debug import (
    DebugSession,
    PathMapping,
    code_mappings,
    workspace_of,
    write_launch_json,
)
from toolkit.engines.base import Address


def session(local: Path) -> DebugSession:
    return DebugSession(
        name="iris",
        address=Address(host="127.0.0.1", port=5678),
        mappings=(PathMapping(local=local, remote=PurePosixPath("/var/azureml-app")),),
    )


@pytest.mark.parametrize(
    ("local", "written"),
    [
        ("/w", "${workspaceFolder}"),
        ("/w/src/my model", "${workspaceFolder}/src/my model"),
        ("/elsewhere/src", "/elsewhere/src"),
    ],
)
def test_paths_in_the_workspace_are_written_relative_to_it(local: str, written: str) -> None:
    assert session(Path(local)).configuration(Path("/w")) == {
        "name": "aml-emu: iris",
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": "127.0.0.1", "port": 5678},
        "pathMappings": [{"localRoot": written, "remoteRoot": "/var/azureml-app"}],
        "justMyCode": True,
    }


def test_the_configuration_is_written_where_vs_code_looks(tmp_path: Path) -> None:
    path = write_launch_json(session(tmp_path), tmp_path)
    assert path == tmp_path / ".vscode" / "launch.json"
    written = json.loads(path.read_text())
    assert written["configurations"] == [session(tmp_path).configuration(tmp_path)]


def test_stepping_into_libraries_is_switched_on_once(tmp_path: Path) -> None:
    path = write_launch_json(session(tmp_path), tmp_path)
    path.write_text(path.read_text().replace("true", "false"))
    write_launch_json(session(tmp_path / "elsewhere"), tmp_path)
    (entry,) = json.loads(path.read_text())["configurations"]
    assert entry["justMyCode"] is False
    assert entry["pathMappings"][0]["localRoot"] == "${workspaceFolder}/elsewhere"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "repo" / "models" / "iris" / "score.py"
    path.parent.mkdir(parents=True)
    path.write_text("")
    return path


def test_the_workspace_is_the_nearest_folder_with_settings(tmp_path: Path, script: Path) -> None:
    (tmp_path / "home/repo/.git").mkdir()
    assert workspace_of(script, project=script.parent) == tmp_path / "home/repo"
    (tmp_path / "home/repo/models/.vscode").mkdir()
    assert workspace_of(script, project=script.parent) == tmp_path / "home/repo/models"


def test_a_git_worktree_is_a_repository(tmp_path: Path, script: Path) -> None:
    (tmp_path / "home/repo/.git").write_text("gitdir: /elsewhere\n")
    assert workspace_of(script, project=script.parent) == tmp_path / "home/repo"


def test_a_home_folder_with_vs_codes_extensions_is_no_workspace(
    tmp_path: Path, script: Path
) -> None:
    (tmp_path / "home/.vscode/extensions").mkdir(parents=True)
    assert workspace_of(script, project=script.parent) == script.parent


def test_without_any_settings_the_project_is_the_workspace(tmp_path: Path, script: Path) -> None:
    assert workspace_of(script, project=tmp_path / "home/repo") == tmp_path / "home/repo"
    assert workspace_of(script, project=tmp_path / "other") == script.parent


def test_what_lies_beside_the_code_is_mapped_before_it(tmp_path: Path) -> None:
    for name in ("src/pkg", "lib", "src/.git"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("src/main.py", "src/data.csv", "util.py"):
        (tmp_path / name).write_text("")
    code, remote = tmp_path / "src", PurePosixPath("/wd")

    def mapped(**includes: Path) -> list[tuple[str, str]]:
        found = code_mappings(code, {k.replace("_", "."): p for k, p in includes.items()}, remote)
        return [(str(each.local.relative_to(tmp_path)), str(each.remote)) for each in found]

    assert mapped() == [("src", "/wd")]
    packed = {"lib": tmp_path / "lib", "lib_zip": tmp_path / "lib"}
    assert mapped(**packed) == [("lib", "/wd/lib"), ("src", "/wd")]
    assert mapped(util_py=tmp_path / "util.py") == [
        ("src/main.py", "/wd/main.py"),
        ("util.py", "/wd/util.py"),
        ("src/pkg", "/wd/pkg"),
    ]
    assert code_mappings(None, {}, remote) == ()

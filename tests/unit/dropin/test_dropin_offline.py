from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from toolkit.dropin.azureml.core.run import Run, _OfflineRun
from toolkit.dropin.azureml.exceptions import RunEnvironmentException
from toolkit.plans.dropin import dropin_mount, dropin_source

SOURCES = sorted(dropin_source().rglob("*.py"))


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AML_EMU_TRACKING", "AZUREML_RUN_TOKEN", "AZUREML_RUN_ID"):
        monkeypatch.delenv(name, raising=False)


def test_outside_of_a_run_everything_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.get_context()
    run.log("accuracy", 0.5)
    run.log_list("l", [1])
    run.log_row("r", x=1)
    run.log_table("t", {"a": [1]})
    run.upload_file("model.pkl", "outputs/model.pkl")
    run.tag("k", "v")
    run.set_tags({"a": 1})
    run.add_properties({"p": 1})
    run.flush()
    run.fail("why", "E1")
    run.complete()
    assert capsys.readouterr().out.splitlines() == [
        "Attempted to log scalar metric accuracy:",
        "0.5",
        "Attempted to log list metric l:",
        "[1]",
        "Attempted to log row metric r:",
        "{'x': 1}",
        "Attempted to log table metric t:",
        "{'a': [1]}",
        "Attempted to track file model.pkl at outputs/model.pkl",
        "Attempted to add tag k with value v",
        "Attempted to set tags {'a': 1}",
        "Attempted to add properties {'p': 1}",
        f"Attempted to flush run with id {run.id}",
        "Run failed with error code E1:",
        "why",
    ]


def test_ids_and_contexts(capsys: pytest.CaptureFixture[str]) -> None:
    run = Run.get_context()
    assert isinstance(run, _OfflineRun)
    assert type(run).__name__ == "_OfflineRun"
    assert run.id.startswith("OfflineRun_")
    with run.child_run("kid") as kid:
        assert kid.id == f"{run.id}.kid"
    assert capsys.readouterr().out == (
        f"[START] Run {kid.id} context\n[STOP] Run {kid.id} context\n"
    )


@pytest.mark.parametrize(
    "name", ["experiment", "parent", "get_metrics", "register_model", "status"]
)
def test_it_lacks_what_the_sdks_own_lacks(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        getattr(Run.get_context(), name)
    with pytest.raises(TypeError):
        Run.get_context().log("a", 1, step=2)


def test_a_script_that_allows_no_offline_run() -> None:
    with pytest.raises(RunEnvironmentException, match=r"AZUREML_RUN_ID.*aml-emu run"):
        Run.get_context(allow_offline=False)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_it_runs_on_the_oldest_python_with_nothing_installed(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"), feature_version=(3, 8))
    optional = {"pandas"}
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
        roots = {name.partition(".")[0] for name in names}
        assert roots <= sys.stdlib_module_names | optional, f"{path}: {roots}"


def test_the_mount_is_the_folder_above_azureml() -> None:
    mount = dropin_mount()
    assert (mount.source / "azureml/core/run.py").is_file()
    assert mount.read_only

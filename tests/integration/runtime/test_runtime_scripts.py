"""The service's script: its banner, its dynamic installation, and the codes it gives up with."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.runtime.service_tree import TEMPLATES

pytestmark = pytest.mark.runit


@dataclass
class Script:
    """The script with stand-ins for the programs that it calls."""

    folder: Path

    def program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def run(self, **environ: str) -> subprocess.CompletedProcess[str]:
        app = self.folder / "app"
        app.mkdir(exist_ok=True)
        return subprocess.run(
            ["/bin/sh", str(TEMPLATES / "gunicorn" / "run.j2")],
            env={
                "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
                "AML_APP_ROOT": str(app),
                "AML_EMU_STATE": str(self.folder / "state"),
                "AML_EMU_INSTALL_FAILED_SECONDS": "0",
                "AZUREML_ENTRY_SCRIPT": "src/score.py",
                **environ,
            },
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )


@pytest.fixture
def script(tmp_path: Path) -> Script:
    script = Script(tmp_path)
    script.program("azmlinfsrv", 'echo "server: $PWD $* PYTHONPATH=$PYTHONPATH"')
    return script


def test_banner_comes_in_order_and_the_server_last(script: Script) -> None:
    packages = script.folder / "env" / "lib" / "python3.11" / "site-packages"
    (packages / "some_package-1.2.3.dist-info").mkdir(parents=True)
    done = script.run(AZUREML_CONDA_ENVIRONMENT_PATH=str(script.folder / "env"))
    assert done.returncode == 0
    wanted = [
        "- gunicorn/run",
        "| gunicorn/run | AzureML Container Runtime Information",
        "| gunicorn/run | PATH environment variable:",
        "| gunicorn/run | PYTHONPATH environment variable:",
        "some_package==1.2.3",
        f"| gunicorn/run | Entry script directory: {script.folder}/app/src",
        "| gunicorn/run | Dynamic Python Package Installation",
        "| gunicorn/run | Dynamic Python package installation is disabled.",
        "| gunicorn/run | AzureML Inference Server",
        f"server: {script.folder}/app --entry_script src/score.py --port 5001",
    ]
    found = [done.stdout.index(text) for text in wanted]
    assert found == sorted(found)


def test_extra_library_folder_comes_first_on_the_path(script: Script) -> None:
    (script.folder / "app" / "src" / "libs").mkdir(parents=True)
    done = script.run(AZUREML_EXTRA_PYTHON_LIB_PATH="libs", PYTHONPATH="/other")
    assert f"PYTHONPATH={script.folder}/app/src/libs:/other" in done.stdout


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        ({"AZUREML_EXTRA_PYTHON_LIB_PATH": "absent"}, 97),
        ({"AZUREML_EXTRA_CONDA_YAML": "absent.yml"}, 98),
        ({"AZUREML_EXTRA_CONDA_YAML_ABS_PATH": "/etc/hostname"}, 96),
        ({"AZUREML_EXTRA_REQUIREMENTS_TXT": "absent.txt"}, 99),
    ],
)
def test_what_is_missing_has_its_code(script: Script, environ: dict[str, str], code: int) -> None:
    done = script.run(**environ)
    assert done.returncode == code, done.stdout
    assert "server:" not in done.stdout


def test_requirements_are_installed_or_end_with_their_code(script: Script) -> None:
    source = script.folder / "app" / "src"
    source.mkdir(parents=True)
    (source / "extra.txt").write_text("nothing\n")
    script.program("pip", 'echo "pip: $*"')
    assert (
        f"pip: install -r {source}/extra.txt"
        in script.run(AZUREML_EXTRA_REQUIREMENTS_TXT="extra.txt").stdout
    )
    script.program("pip", "exit 1")
    assert script.run(AZUREML_EXTRA_REQUIREMENTS_TXT="extra.txt").returncode == 95


def test_missing_server_has_its_code(script: Script) -> None:
    (script.folder / "bin" / "azmlinfsrv").unlink()
    assert script.run().returncode == 100


def test_scripts_keep_to_what_every_shell_understands() -> None:
    for template in TEMPLATES.glob("*/*.j2"):
        done = subprocess.run(["/bin/sh", "-n", str(template)], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), template

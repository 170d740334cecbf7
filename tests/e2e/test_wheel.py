"""The built wheel, installed where there is no checkout: it brings its templates with it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uv

from tests.integration.served import ENV_YML
from tests.project import Project, Tree

ROOT = Path(__file__).parents[2]
SYSTEM_CERTIFICATES = {"UV_NATIVE_TLS": "1", "UV_SYSTEM_CERTS": "1"}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **SYSTEM_CERTIFICATES},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`aml-emu` of a wheel, in an environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    uv_bin = uv.find_uv_bin()
    run(uv_bin, "build", "--wheel", "--out-dir", folder / "dist", cwd=ROOT)
    (wheel,) = (folder / "dist").glob("aml_emu-*.whl")
    run(uv_bin, "venv", "--python", sys.executable, folder / "venv", cwd=folder)
    run(uv_bin, "pip", "install", "--python", folder / "venv/bin/python", wheel, cwd=folder)
    return folder / "venv/bin/aml-emu"


def test_the_command_runs(installed: Path, tmp_path: Path) -> None:
    said = run(installed, "--help", cwd=tmp_path)
    assert all(command in said for command in ("build", "serve", "invoke", "doctor"))


def test_the_wheel_renders_what_the_checkout_renders(
    installed: Path, project: Callable[[Tree], Project]
) -> None:
    made = project({"env.yml": ENV_YML})
    made.run("build", "--env", "env.yml", "--dockerfile-only", "here").assert_success()
    run(installed, "build", "--env", "env.yml", "--dockerfile-only", "there", cwd=made.path)
    files = {
        folder: {
            str(path.relative_to(made.path / folder)): path.read_bytes()
            for path in (made.path / folder).rglob("*")
            if path.is_file()
        }
        for folder in ("here", "there")
    }
    assert files["here"] == files["there"]
    assert "root/var/runit/gunicorn/run" in files["here"]


def test_the_wheel_holds_every_data_file(installed: Path) -> None:
    package = next(installed.parents[1].glob("lib/python*/site-packages/toolkit"))
    for name in ("templates", "dockerfiles"):
        ours = {str(p.relative_to(ROOT / name)) for p in (ROOT / name).rglob("*") if p.is_file()}
        packed = package / "_data" / name
        theirs = {str(p.relative_to(packed)) for p in packed.rglob("*") if p.is_file()}
        assert {name for name in ours if "__pycache__" not in name} <= theirs

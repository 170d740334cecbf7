"""`aml-emu run` in a project of its own, on containers and on processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.project import Outcome, Project, Tree, write_tree
from toolkit.engines.base import Engine
from toolkit.engines.registry import make_engine
from toolkit.plans.run import LABEL_RUN
from toolkit.settings import EngineName

ENV_YML = "name: tiny\ndependencies:\n  - python=3.11\n  - pip\n"
ENGINES = [pytest.param("docker", marks=pytest.mark.docker), "bwrap", "plain"]


class Runs:
    """A project whose runs go to one engine and have one name."""

    def __init__(
        self, path: Path, name: str, engine: EngineName, environ: Mapping[str, str]
    ) -> None:
        self.project = Project(path)
        self.name = name
        self.flags = ("--engine", engine)
        self.environ = environ
        self.engine: Engine = make_engine(engine, {**os.environ, **environ})

    def write(self, files: Tree) -> None:
        write_tree(self.project.path, {"env.yml": ENV_YML, **files})

    def run(self, *arguments: str, at_end: tuple[str, ...] = ()) -> Outcome:
        words = ("run", *arguments, "--name", self.name, *self.flags, *at_end)
        return self.project.run(*words, environ=self.environ)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """In the foreground, in a group of its own, as a terminal has it."""
        return subprocess.Popen(
            [sys.executable, "-m", "toolkit.cli", *self.words(*arguments)],
            cwd=self.project.path,
            env={**os.environ, **self.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def words(self, *arguments: str) -> list[str]:
        return ["run", *arguments, "--name", self.name, *self.flags]

    @property
    def folder(self) -> Path:
        return self.project.path / ".aml-emu" / "runs" / self.name

    def shown(self) -> dict[str, object]:
        out = self.project.run("runs", "show", self.name, "--json", environ=self.environ)
        found: dict[str, object] = json.loads(out.assert_success().out)
        return found

    def is_gone(self) -> bool:
        """Whether nothing of the run runs any more."""
        return not any(
            handle.state().is_running for handle in self.engine.find({LABEL_RUN: self.name})
        )

    def clean(self) -> None:
        for handle in self.engine.find({LABEL_RUN: self.name}):
            handle.stop(grace=0)

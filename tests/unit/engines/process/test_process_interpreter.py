"""Which Python is taken, of those that a machine has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toolkit.engines.command import Outcome
from toolkit.engines.process.interpreter import find_interpreter
from toolkit.engines.process.probes import Probes
from toolkit.errors import EngineUnavailable

OTHER = "3.9"  # never the Python that runs these tests


@dataclass
class Machine:
    """Programs by path, and the version each says it is; None: it cannot be run."""

    folder: Path
    versions: dict[str, str | None] = field(default_factory=dict)
    known_to_uv: Path | None = None
    asked: list[str] = field(default_factory=list)
    speaks_for_itself: bool = False  # each is the Python it says it is, no shim of one

    def has(self, path: str, version: str | None) -> Path:
        program = self.folder / path
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("")
        program.chmod(0o755)
        self.versions[str(program)] = version
        return program

    @property
    def environ(self) -> Mapping[str, str]:
        return {"PATH": str(self.folder / "bin"), "HOME": str(self.folder / "home")}

    @property
    def system(self) -> str:
        return str(self.folder / "usr/bin")

    def run(
        self, argv: Sequence[str], *, environ: Mapping[str, str], timeout: float | None = None
    ) -> Outcome:
        self.asked.append(argv[0])
        if argv[1:3] == ["python", "find"]:
            assert environ["UV_PYTHON_DOWNLOADS"] == "never"
            found = str(self.known_to_uv or "")
            return Outcome(exit_code=0 if found else 2, output=f"{found}\n", errors="")
        version = self.versions[argv[0]]
        if version is None:
            return Outcome(exit_code=127, output="", errors="pyenv: command not found")
        real = argv[0] if self.speaks_for_itself else f"/real{argv[0]}"
        said = json.dumps([version, "/prefix", real])
        return Outcome(exit_code=0, output=said, errors="")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_one_on_the_path_is_taken(machine: Machine) -> None:
    program = machine.has("bin/python3.9", "3.9.18")
    found = find_interpreter(OTHER, machine.environ, run=machine.run, system=machine.system)
    assert (found.version, found.prefix) == ("3.9.18", Path("/prefix"))
    assert found.executable == Path(f"/real{program}")
    assert machine.asked == [str(program)]


def test_the_systems_own_comes_first(machine: Machine) -> None:
    machine.has("bin/python3.9", "3.9.18")
    machine.has("usr/bin/python3.9", "3.9.2")
    found = find_interpreter(OTHER, machine.environ, run=machine.run, system=machine.system)
    assert found.version == "3.9.2"


def test_a_shim_that_leads_nowhere_is_passed_by(machine: Machine) -> None:
    machine.has("bin/python3.9", None)
    machine.has("home/.pyenv/versions/3.9.2/bin/python", "3.9.2")
    machine.has("home/.pyenv/versions/3.9.18/bin/python", "3.9.18")
    assert (
        find_interpreter(OTHER, machine.environ, run=machine.run, system=machine.system).version
        == "3.9.18"
    )


def test_a_name_that_promises_too_much_is_passed_by(machine: Machine) -> None:
    machine.has("bin/python3.9", "3.19.0")
    machine.has("bin/python3", "3.9.1")
    assert (
        find_interpreter(OTHER, machine.environ, run=machine.run, system=machine.system).version
        == "3.9.1"
    )


def test_what_only_uv_knows_is_found(machine: Machine) -> None:
    machine.known_to_uv = machine.has("uv/python3.9", "3.9.20")
    assert (
        find_interpreter(OTHER, machine.environ, run=machine.run, system=machine.system).version
        == "3.9.20"
    )


def test_a_python_that_is_missing_is_named(machine: Machine) -> None:
    machine.has("bin/python3", "3.12.1")
    with pytest.raises(EngineUnavailable) as caught:
        find_interpreter(OTHER, machine.environ, run=machine.run, system=machine.system)
    assert caught.value.message == "this machine has no Python 3.9, which the environment asks for"
    assert "uv python install 3.9" in caught.value.hint


def test_its_identity_changes_with_its_version_and_place(machine: Machine) -> None:
    machine.has("bin/python3.9", "3.9.18")
    one = find_interpreter(OTHER, machine.environ, run=machine.run, system=machine.system)
    machine.has("bin/python3.9", "3.9.19")
    other = find_interpreter(OTHER, machine.environ, run=machine.run, system=machine.system)
    assert one.identity != other.identity


def found(machine: Machine, probes: Probes) -> str:
    return find_interpreter(
        OTHER, machine.environ, run=machine.run, system=machine.system, probes=probes
    ).version


def test_a_python_is_asked_once_as_long_as_it_is_the_same(machine: Machine, tmp_path: Path) -> None:
    program = machine.has("usr/bin/python3.9", "3.9.1")
    machine.speaks_for_itself = True
    for _ in range(2):
        assert found(machine, Probes(tmp_path / "cache")) == "3.9.1"
    assert machine.asked == [str(program)]
    machine.versions[str(program)] = "3.9.2"
    program.write_text("another build")
    assert found(machine, Probes(tmp_path / "cache")) == "3.9.2"


def test_a_shim_is_asked_every_time(machine: Machine, tmp_path: Path) -> None:
    machine.has("bin/python3.9", "3.9.1")
    for _ in range(2):
        assert found(machine, Probes(tmp_path / "cache")) == "3.9.1"
    assert len(machine.asked) == 2


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}'])
def test_what_was_kept_and_is_damaged_is_asked_again(
    machine: Machine, tmp_path: Path, text: str
) -> None:
    machine.has("usr/bin/python3.9", "3.9.1")
    machine.speaks_for_itself = True
    (tmp_path / "pythons.json").write_text(text)
    assert found(machine, Probes(tmp_path)) == "3.9.1"
    assert found(machine, Probes(tmp_path)) == "3.9.1"
    assert len(machine.asked) == 1


def test_a_cache_that_cannot_be_written_is_done_without(machine: Machine, tmp_path: Path) -> None:
    machine.has("usr/bin/python3.9", "3.9.1")
    machine.speaks_for_itself = True
    (tmp_path / "cache").write_text("a file in its place")
    assert found(machine, Probes(tmp_path / "cache")) == "3.9.1"

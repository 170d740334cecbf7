"""How the pytest plugin ends: each deployment is stopped once, a failure spares the others."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toolkit.pytest_plugin import CommandFailed, Emulator


@dataclass
class Desk(Emulator):
    """Knows what stands, as the command line does."""

    standing: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    def command(self, *arguments: str) -> str:
        name = Path(arguments[1]).stem
        if arguments[0] == "deploy":
            self.standing.append(f"iris.{name}")
            told = {"endpoint": "iris", "deployment": name, "scoring_uri": "http://127.0.0.1:1/"}
            return json.dumps(told)
        if arguments[1] not in self.standing:
            raise CommandFailed(2, f"endpoint `iris` has no deployment `{arguments[1]}`")
        self.stopped.append(arguments[1])
        self.standing = [each for each in self.standing if each != arguments[1]]
        return ""


def test_what_was_deployed_twice_is_stopped_once() -> None:
    desk = Desk(Path())
    for file in ("blue.yml", "green.yml", "blue.yml"):
        desk.deploy(file)
    desk.close()
    assert sorted(desk.stopped) == ["iris.blue", "iris.green"]


def test_one_that_cannot_be_stopped_spares_the_others() -> None:
    desk = Desk(Path())
    desk.deploy("blue.yml")
    desk.deploy("green.yml")
    desk.standing.remove("iris.green")
    with pytest.raises(CommandFailed, match=r"iris\.green"):
        desk.close()
    assert desk.stopped == ["iris.blue"]


def test_the_users_modules_are_not_taken_for_ours(tmp_path: Path) -> None:
    for name in ("toolkit", "secrets"):
        (tmp_path / f"{name}.py").write_text(f"raise RuntimeError('{name} of the project')\n")
    assert "AzureML-" in Emulator(tmp_path).command("env", "list")

"""What an edited environment asks of a running service, with a lock that uv need not make."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from tests.fakes import FakeUv
from toolkit.engines.base import Amendable, ExecResult
from toolkit.engines.lock import lock_path, resolve
from toolkit.engines.trust import HostTrust
from toolkit.errors import NotReady, SpecError
from toolkit.live.delta import Edit, FollowedEnvironment
from toolkit.live.image import ImageRequest
from toolkit.plans.requirements import plan_requirements
from toolkit.settings import Settings
from toolkit.specs.environment import CondaEnvironment, load_environment

ENV = "name: iris\ndependencies: [python=3.11, {pip: [azureml-inference-server-http%s]}]\n"
SERVER = "azureml-inference-server-http==1.5.1\n"


@dataclass
class Container:
    """Remembers what is done to it."""

    exit_code: int = 0
    commands: list[Sequence[str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def put(self, archive: IO[bytes]) -> None:
        with tarfile.open(fileobj=io.BytesIO(archive.read())) as tar:
            self.files += tar.getnames()

    def exec_as_root(self, command: Sequence[str]) -> ExecResult:
        self.commands.append(command)
        return ExecResult(exit_code=self.exit_code, output="no list of files")


class Desk:
    def __init__(self, folder: Path) -> None:
        self.env = folder / "env.yml"
        self.settings = Settings(project=folder, environ={"HOME": str(folder)})
        self.save("", SERVER)
        self.followed = FollowedEnvironment(
            ImageRequest(env=str(self.env), kind="inference"),
            self.settings,
            platform="linux/amd64",
        )

    def save(self, more: str, lock: str) -> None:
        """The file with more packages, and the lock that uv would make of it."""
        self.env.write_text(ENV % more)
        environment = load_environment(str(self.env))
        assert isinstance(environment, CondaEnvironment)
        resolve(
            plan_requirements(environment, kind="inference"),
            platform="linux/amd64",
            path=lock_path(
                self.settings.state_folder, name="iris", platform="linux/amd64", python="3.11"
            ),
            spec=self.env,
            trust=HostTrust(),
            environ={},
            run=FakeUv(lock=lock),
        )

    def look(self) -> Edit:
        edit = self.followed.look()
        assert edit
        return edit


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_environments_own_file_is_followed(desk: Desk) -> None:
    assert desk.followed.files == {desk.env.resolve()}


def test_a_curated_environment_has_no_file_to_follow(tmp_path: Path) -> None:
    settings = Settings(project=tmp_path, environ={"HOME": str(tmp_path)})
    request = ImageRequest(env="image:mine:1", kind="inference")
    assert FollowedEnvironment(request, settings, platform="linux/amd64").files == frozenset()


def test_nothing_saved_is_nothing_new(desk: Desk) -> None:
    assert desk.followed.look() is None
    desk.env.write_text(desk.env.read_text())
    assert desk.followed.look() is None


def test_a_comment_is_nothing_new(desk: Desk) -> None:
    desk.env.write_text(desk.env.read_text() + "# a comment\n")
    assert desk.followed.look() is None


def test_a_package_more_is_a_delta(desk: Desk) -> None:
    desk.save(", six", SERVER + "six==1.17.0\n")
    edit = desk.look()
    assert edit.told == ("six==1.17.0 added",)
    assert edit.delta
    assert edit.delta.install == ("six==1.17.0",)
    assert desk.followed.look() is None, "the same file is looked at once"


def test_edits_are_compared_with_what_the_service_has(desk: Desk) -> None:
    desk.save(", six", SERVER + "six==1.16.0\n")
    desk.followed.has(desk.look())
    desk.save(", six>1", SERVER + "six==1.17.0\n")
    assert desk.look().told == ("six 1.16.0 -> 1.17.0",)
    desk.save("", SERVER)
    assert desk.look().told == ("six==1.16.0 removed",), "1.17.0 never came in"


def test_a_wrong_file_is_an_error_once_and_the_next_edit_is_looked_at(desk: Desk) -> None:
    desk.env.write_text("a: [")
    with pytest.raises(SpecError):
        desk.followed.look()
    assert desk.followed.look() is None
    desk.save(", six", SERVER + "six==1.17.0\n")
    assert desk.look().told == ("six==1.17.0 added",)


def test_a_file_that_is_gone_for_a_moment_is_an_error(desk: Desk) -> None:
    text = desk.env.read_text()
    desk.env.unlink()
    with pytest.raises(SpecError):
        desk.followed.look()
    desk.env.write_text(text)
    assert desk.followed.look() is None


def test_a_variable_more_takes_another_container(desk: Desk) -> None:
    desk.env.write_text(desk.env.read_text() + "variables: {A: b}\n")
    edit = desk.look()
    assert edit.delta is None
    assert edit.told == ("another Dockerfile",)


def test_what_goes_is_taken_out_by_the_containers_own_python(desk: Desk) -> None:
    desk.save(", six", SERVER + "six==1.17.0\n")
    desk.followed.has(desk.look())
    desk.save("", SERVER)
    container = Container()
    delta = desk.look().delta
    assert delta
    desk.followed.bring(delta, container, trust=HostTrust())
    assert container.commands == [
        [
            "/azureml-envs/iris/bin/python",
            "-I",
            "/opt/aml-emu/lib/aml_emu/uninstall.py",
            "six",
        ]
    ]
    assert container.files == []


def test_a_container_that_refuses_is_an_error(desk: Desk) -> None:
    desk.save(", six", SERVER + "six==1.17.0\n")
    desk.followed.has(desk.look())
    desk.save("", SERVER)
    delta = desk.look().delta
    assert delta
    with pytest.raises(NotReady, match="could not be removed"):
        desk.followed.bring(delta, Container(exit_code=1), trust=HostTrust())


def test_the_stand_in_is_what_an_engine_offers() -> None:
    assert isinstance(Container(), Amendable)

import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import Reception
from toolkit.engines.base import BuildOptions
from toolkit.engines.docker.peek import Peek, peek
from toolkit.plans.emulation import LABEL_INPUTS
from toolkit.plans.model import ImagePlan, joint_id

PLAN = ImagePlan(name="iris", base="aml-emu/base", dockerfile="FROM x\n")
BASE = "sha256:base"
VERSION = {"Version": "20.10", "Os": "linux", "Arch": "amd64", "Platform": {"Name": "Docker"}}


class Daemon:
    """Answers GETs on a unix socket with documents by path, and 404 for everything else."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.documents: dict[str, Any] = {}
        self.asked: list[str] = []
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self.path)
        listening.listen()
        self._reception = Reception(listening, self._converse)

    def close(self) -> None:
        self._reception.close()

    def _converse(self, connection: socket.socket) -> None:
        path = connection.recv(4096).decode().split(" ")[1]
        self.asked.append(path)
        found = path in self.documents
        status = "200 OK" if found else "404 Not Found"
        body = json.dumps(self.documents.get(path, {"message": "no"}))
        connection.sendall(f"HTTP/1.0 {status}\r\nA: b\r\n\r\n{body}".encode())


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    made = Daemon(tmp_path / "docker.sock")
    yield made
    made.close()


def has_image(daemon: Daemon, reference: str, labels: Mapping[str, str]) -> None:
    daemon.documents[f"/images/{reference}/json"] = {
        "Id": BASE if reference == PLAN.base else "sha256:found",
        "Config": {"Labels": dict(labels)},
    }


def test_who_answers(daemon: Daemon) -> None:
    daemon.documents["/version"] = VERSION
    info = Peek(daemon.path).info()
    assert info
    assert (info.version, info.platform) == ("20.10", "linux/amd64")
    assert info.address == f"unix://{daemon.path}"


def test_an_unchanged_image_is_found_with_two_questions(daemon: Daemon) -> None:
    has_image(daemon, PLAN.base, {})
    has_image(daemon, PLAN.tag(BASE), {LABEL_INPUTS: PLAN.inputs(BASE)})
    found = Peek(daemon.path).unchanged(PLAN, BuildOptions())
    assert found
    assert (found.tag, found.id, found.built) == (PLAN.tag(BASE), "sha256:found", False)
    assert len(daemon.asked) == 2


def test_an_image_of_other_inputs_is_none(daemon: Daemon) -> None:
    has_image(daemon, PLAN.base, {})
    has_image(daemon, PLAN.tag(BASE), {LABEL_INPUTS: "other"})
    assert Peek(daemon.path).unchanged(PLAN, BuildOptions()) is None


def test_an_image_taken_from_another_that_has_changed_is_none(daemon: Daemon) -> None:
    plan = replace(PLAN, others=("tool:1",))
    joint = joint_id(BASE, "sha256:found")
    has_image(daemon, PLAN.base, {})
    has_image(daemon, plan.tag(joint), {LABEL_INPUTS: plan.inputs(joint)})
    assert Peek(daemon.path).unchanged(plan, BuildOptions()) is None, "`tool:1` is not there"
    has_image(daemon, "tool:1", {})
    assert Peek(daemon.path).unchanged(plan, BuildOptions())
    daemon.documents["/images/tool:1/json"]["Id"] = "sha256:newer"
    assert Peek(daemon.path).unchanged(plan, BuildOptions()) is None


def test_without_the_base_nothing_is_known(daemon: Daemon) -> None:
    assert Peek(daemon.path).unchanged(PLAN, BuildOptions()) is None


def test_what_leaves_work_to_do_is_not_answered(daemon: Daemon) -> None:
    has_image(daemon, PLAN.base, {})
    has_image(daemon, PLAN.tag(BASE), {LABEL_INPUTS: PLAN.inputs(BASE)})
    assert Peek(daemon.path).unchanged(PLAN, BuildOptions(no_cache=True)) is None
    tagged = ImagePlan(name="iris", base=PLAN.base, dockerfile=PLAN.dockerfile, tags=("mine:1",))
    assert Peek(daemon.path).unchanged(tagged, BuildOptions()) is None


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"HTTP/1.0 200 OK\r\n\r\n[1]"])
def test_an_odd_answer_is_none(tmp_path: Path, answer: bytes) -> None:
    path = str(tmp_path / "odd.sock")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()

    def converse(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(answer)

    reception = Reception(listening, converse)
    assert Peek(path).info() is None
    reception.close()


def test_a_socket_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert Peek(str(tmp_path / "nowhere.sock")).info() is None


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, "/var/run/docker.sock"),
        ({"DOCKER_HOST": "unix:///run/user/1/docker.sock"}, "/run/user/1/docker.sock"),
        ({"DOCKER_CONTEXT": "default"}, "/var/run/docker.sock"),
        ({"DOCKER_HOST": "tcp://127.0.0.1:2375"}, None),
        ({"DOCKER_HOST": "ssh://me@host"}, None),
        ({"DOCKER_CONTEXT": "desktop"}, None),
    ],
)
def test_only_a_local_socket_is_asked(
    tmp_path: Path, environ: dict[str, str], found: str | None
) -> None:
    asked = peek({"HOME": str(tmp_path), **environ})
    assert (asked and asked.socket) == found


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        ('{"currentContext": "default"}', True),
        ('{"auths": {}}', True),
        ('{"currentContext": "desktop"}', False),
        ("not json", False),
    ],
)
def test_a_context_of_the_user_is_left_to_the_sdk(
    tmp_path: Path, config: str, *, asked: bool
) -> None:
    (tmp_path / "config.json").write_text(config)
    assert bool(peek({"DOCKER_CONFIG": str(tmp_path)})) is asked

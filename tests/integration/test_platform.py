"""Images for another processor: what an engine says that can neither run nor make them."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.integration.served import ENV_YML
from tests.project import Project, Tree
from toolkit.engines.buildkit import BuildRequest, build_image, context_of
from toolkit.engines.docker import DockerEngine
from toolkit.engines.docker.connect import connect
from toolkit.plans.model import PlacedFile

pytestmark = pytest.mark.docker

MakeProject = Callable[[Tree], Project]
FOREIGN = {"linux/amd64": "linux/arm64", "linux/arm64": "linux/amd64"}
MACHINES = {"linux/amd64": 62, "linux/arm64": 183}  # e_machine of the ELF format
EMULATORS = {"linux/amd64": "qemu-x86_64", "linux/arm64": "qemu-aarch64"}
DOCKERFILE = b"FROM scratch\nCOPY sh /bin/sh\nCOPY passwd /etc/passwd\nCOPY group /etc/group\n"


@pytest.fixture
def foreign(engine: DockerEngine) -> str:
    """A platform that the engine is not made for, and cannot emulate."""
    platform = FOREIGN[engine.check().platform]
    if Path(f"/proc/sys/fs/binfmt_misc/{EMULATORS[platform]}").exists():
        pytest.skip(f"this machine emulates {platform}")
    return platform


@pytest.fixture
def foreign_base(foreign: str) -> Iterator[str]:
    """An image whose only program is one for the other processor."""
    tag = f"aml-emu-test-{os.urandom(4).hex()}:1"
    files = {
        "Dockerfile": DOCKERFILE,
        "sh": program(MACHINES[foreign]),
        "passwd": b"root:x:0:0:root:/root:/bin/sh\n",
        "group": b"root:x:0:\n",
    }
    placed = [
        PlacedFile(path=PurePosixPath(name), content=content, mode=0o755)
        for name, content in files.items()
    ]
    client = connect(os.environ)
    request = BuildRequest(context=context_of(placed), tags=(tag,), platform=foreign)
    build_image(client.api, request, on_event=lambda _: None)
    yield tag
    client.images.remove(tag, force=True)
    client.close()


def program(machine: int) -> bytes:
    """The smallest 64-bit ELF file that a kernel takes for a program."""
    entry = 0x400078
    header = struct.pack(
        "<16sHHIQQQIHHHHHH",
        b"\x7fELF\x02\x01\x01", 2, machine, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0,
    )  # fmt: skip
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 0x80, 0x80, 0x1000)
    return header + segment + bytes(8)


def test_an_engine_that_cannot_run_it_says_so(
    project: MakeProject, foreign: str, foreign_base: str
) -> None:
    made = project({"env.yml": ENV_YML})
    flags = ("--platform", foreign, "--base", foreign_base)
    outcome = made.run("build", "--env", "env.yml", *flags).assert_failed(4)
    assert f"error: this engine cannot run programs for {foreign}\n" in outcome.err
    assert "exec format error" in outcome.err
    assert "hint: let it emulate them" in outcome.err
    kept = [path.name for path in (made.path / ".aml-emu" / "lock").glob("*.txt")]
    assert kept == [f"tiny-{foreign.replace('/', '-')}-py3.11.txt"]


def test_a_base_for_another_processor_asks_for_the_flag(
    project: MakeProject, foreign: str, foreign_base: str
) -> None:
    made = project({"env.yml": ENV_YML})
    outcome = made.run("build", "--env", "env.yml", "--base", foreign_base).assert_failed(4)
    assert f"is made for {foreign}, this engine runs" in outcome.err
    assert f"hint: pass `--platform {foreign}`" in outcome.err


def test_our_own_base_is_not_taken_for_another_platform(
    project: MakeProject, base_image: str, foreign: str
) -> None:
    made = project({"env.yml": ENV_YML})
    outcome = made.run("build", "--env", "env.yml", "--platform", foreign).assert_failed(4)
    assert f"the base image `aml-emu/base` is not made for {foreign}" in outcome.err


def test_the_engines_own_platform_makes_the_same_image(
    project: MakeProject, base_image: str, engine: DockerEngine
) -> None:
    made = project({"env.yml": ENV_YML})
    native = engine.check().platform
    plain = made.run("build", "--env", "env.yml").assert_success().out
    assert made.run("build", "--env", "env.yml", "--platform", native).out == plain


def test_an_unknown_platform_is_refused(project: MakeProject) -> None:
    made = project({"env.yml": ENV_YML})
    outcome = made.run("build", "--env", "env.yml", "--platform", "linux/s390x").assert_failed(2)
    assert "error: --platform: unknown platform: linux/s390x" in outcome.err

"""What the process engine refuses, by name and before it runs anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from toolkit.engines.base import BuildOptions
from toolkit.engines.process import ProcessEngine
from toolkit.engines.process.launch import refuse
from toolkit.engines.process.sandbox import Sandbox, choose
from toolkit.errors import BuildFailed, EngineUnavailable, SpecError
from toolkit.plans.model import Contents, ImagePlan, LaunchPlan, Mount, Port

CONTENTS = Contents(
    prefix=PurePosixPath("/azureml-envs/iris"),
    python="3.11",
    lock="",
    debugpy=PurePosixPath("/opt/aml-emu/debugpy"),
    debugpy_version="1.8.22",
    env={},
    paths_first={},
    files=(),
    folders=(),
    command=("sh",),
    working_dir=PurePosixPath("/"),
)
PLAN = ImagePlan(name="iris", base="aml-emu/base", dockerfile="", contents=CONTENTS)
LAUNCH = LaunchPlan(kind="service", name="iris", image="aml-emu/iris:1")
PLAIN = Sandbox(rung="plain", program="", version="plain processes")
BWRAP = Sandbox(rung="bwrap", program="/usr/bin/bwrap", version="bubblewrap")


def engine(folder: Path, **environ: str) -> ProcessEngine:
    return ProcessEngine({"HOME": str(folder), "PATH": "", **environ})


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        (replace(PLAN, contents=None), "Dockerfiles, which `iris` is made from"),
        (replace(PLAN, base="mcr.example/base:1"), "mcr.example/base:1"),
        (replace(PLAN, platform="linux/riscv64"), "linux/riscv64"),
    ],
)
def test_what_only_an_image_can_give_is_refused(
    tmp_path: Path, plan: ImagePlan, named: str
) -> None:
    with pytest.raises(BuildFailed) as caught:
        engine(tmp_path).build(plan, BuildOptions(), lambda _: None)
    assert named in caught.value.message
    assert "--engine docker" in caught.value.hint
    assert not (tmp_path / ".cache").exists()


def test_our_own_base_needs_not_be_made(tmp_path: Path) -> None:
    assert engine(tmp_path).has("aml-emu/base")
    assert not engine(tmp_path).has("aml-emu/iris:1")
    assert engine(tmp_path).images({}) == []
    assert engine(tmp_path).find({}) == []


def test_an_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="aml-emu/iris:1"):
        engine(tmp_path).launch(LAUNCH)


def test_what_is_to_be_mounted_must_be_there(tmp_path: Path) -> None:
    mount = Mount(source=tmp_path / "missing", target=PurePosixPath("/mnt/x"))
    with pytest.raises(EngineUnavailable, match="missing"):
        refuse(replace(LAUNCH, mounts=(mount,)), BWRAP, tmp_path)


def test_a_port_that_a_program_insists_on_cannot_be_another_outside(tmp_path: Path) -> None:
    published = replace(LAUNCH, ports=(Port(container=6000, host=7000),))
    with pytest.raises(
        EngineUnavailable, match="port 6000 cannot be published as another one: 7000"
    ):
        refuse(published, BWRAP, tmp_path)
    refuse(replace(published, port_variables={6000: "PORT"}), BWRAP, tmp_path)
    refuse(replace(LAUNCH, ports=(Port(container=6000, host=6000),)), BWRAP, tmp_path)


def test_a_cache_whose_path_is_too_long_for_sockets_is_refused_where_it_matters() -> None:
    long = Path("/home") / ("x" * 80)
    with pytest.raises(EngineUnavailable, match="too long for the sockets"):
        refuse(LAUNCH, PLAIN, long)
    refuse(LAUNCH, BWRAP, long)


def test_an_unknown_sandbox_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="AML_EMU_SANDBOX: unknown sandbox: jail"):
        engine(tmp_path, AML_EMU_SANDBOX="jail").check()


def test_plain_processes_say_what_they_cannot_give(tmp_path: Path) -> None:
    notes = "\n".join(engine(tmp_path, AML_EMU_SANDBOX="plain").check().notes)
    for lack in ("no image", "no resource limits", "C library", "network", "read-only mounts"):
        assert lack in notes


def test_where_no_rung_is_left_the_reasons_are_given(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable) as caught:
        choose({"PATH": str(tmp_path)}, ["bwrap"])
    assert caught.value.details == "bubblewrap is not installed"

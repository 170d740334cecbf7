from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from toolkit.errors import SpecError
from toolkit.plans.model import CondaMode
from toolkit.plans.packages import CondaSolved, Present, plan_packages
from toolkit.plans.requirements import Requirements
from toolkit.specs.environment import (
    CondaEnvironment,
    CuratedEnvironment,
    Dependency,
    Dockerfile,
    DockerfileEnvironment,
    ImageEnvironment,
    PipEnvironment,
    curated_names,
    load_curated,
)


def dependencies(*texts: str, first: int = 1) -> tuple[Dependency, ...]:
    return tuple(Dependency(text=text, line=n) for n, text in enumerate(texts, start=first))


CONDA = CondaEnvironment(
    name="e",
    path=Path("env.yml"),
    channels=("conda-forge",),
    conda=dependencies("python=3.10", "ffmpeg=6"),
    pip=dependencies("numpy==2.0", first=10),
    upgrades=dependencies("protobuf>=5"),
)


@pytest.mark.parametrize("tool", ["base", "rattler"])
def test_a_conda_gets_its_own_words(tool: CondaMode) -> None:
    made = plan_packages(CONDA, kind="training", mode=tool)
    assert isinstance(made, CondaSolved)
    assert (made.tool, made.channels) == (tool, ("conda-forge",))
    assert made.specs == ("python=3.10", "ffmpeg=6", "pip")
    assert made.requirements == ("numpy==2.0",)
    assert made.upgrades == ("protobuf>=5",)
    assert "no lock is kept" in made.notes[0]


def test_a_conda_without_a_python_pin_gets_the_default_and_says_so() -> None:
    made = plan_packages(replace(CONDA, conda=()), kind="training", mode="base")
    assert isinstance(made, CondaSolved)
    assert made.specs == ("python=3.11", "pip")
    assert made.notes[1] == "env.yml pins no Python: using 3.11"


def test_auto_never_switches() -> None:
    with pytest.raises(SpecError, match=r"env\.yml:2: `ffmpeg=6` is a conda package") as caught:
        plan_packages(CONDA, kind="training", mode="auto")
    for mode in ("base", "rattler", "pip-only"):
        assert f"`--conda {mode}`" in caught.value.hint


@pytest.mark.parametrize("mode", ["auto", "base", "rattler", "pip-only"])
@pytest.mark.parametrize("pin", ["python=3.6.2", "python=3.7"])
def test_a_python_the_debugger_cannot_enter_is_refused_in_every_mode(
    mode: CondaMode, pin: str
) -> None:
    environment = replace(CONDA, conda=dependencies(pin))
    with pytest.raises(SpecError, match=f"env.yml:1: too old for the debugger: `{pin}`"):
        plan_packages(environment, kind="training", mode=mode)


@pytest.mark.parametrize("mode", ["base", "rattler"])
def test_an_inference_environment_needs_the_server_in_conda_modes_too(mode: CondaMode) -> None:
    with pytest.raises(SpecError, match="no inference server"):
        plan_packages(CONDA, kind="inference", mode=mode)


@pytest.mark.parametrize("mode", ["auto", "base", "rattler", "pip-only"])
def test_conda_modes_do_not_touch_environments_without_conda(mode: CondaMode) -> None:
    pip = PipEnvironment(name="e", path=Path("r.txt"), pip=dependencies("numpy"))
    assert isinstance(plan_packages(pip, kind="training", mode=mode), Requirements)
    image = ImageEnvironment(name="e", image="x")
    assert plan_packages(image, kind="inference", mode=mode) == Present()


def test_a_named_interpreter_is_kept() -> None:
    environment = DockerfileEnvironment(
        name="e",
        dockerfile=Dockerfile(path=Path("Dockerfile"), text="FROM x\n"),
        interpreter="/opt/x/bin/python",
    )
    made = plan_packages(environment, kind="training")
    assert made == Present(interpreter=PurePosixPath("/opt/x/bin/python"))


def test_an_interpreter_that_is_no_path_is_refused() -> None:
    environment = ImageEnvironment(name="e", image="x", path=Path("a.json"), interpreter="py/thon")
    with pytest.raises(SpecError, match=r"a\.json: not an absolute path in the image: `py/thon`"):
        plan_packages(environment, kind="training")


def test_upgrades_are_locked_after_the_others() -> None:
    made = plan_packages(replace(CONDA, conda=()), kind="training")
    assert isinstance(made, Requirements)
    assert made.lines[0] == "numpy==2.0"
    assert "protobuf>=5" not in made.lines
    assert made.upgrades == ("protobuf>=5",)


def curated(recipe: CondaEnvironment, *, successor: str = "") -> CuratedEnvironment:
    return CuratedEnvironment(
        name="e", title="E", kind="training", era="2020", python="", recipe=recipe, folder=None,
        successor=successor,
    )  # fmt: skip


def test_a_retired_environment_names_its_successor() -> None:
    recipe = replace(CONDA, conda=dependencies("python=3.6"))
    with pytest.raises(SpecError, match="too old") as caught:
        plan_packages(curated(recipe, successor="sklearn-1.5"), kind="training")
    assert caught.value.hint == "use its successor: `sklearn-1.5`"


def test_a_curated_environment_of_the_other_kind_says_so() -> None:
    with pytest.raises(SpecError, match="no inference server") as caught:
        plan_packages(curated(replace(CONDA, conda=())), kind="inference")
    assert caught.value.hint == "it is made for training: pass `--kind training`"


CURRENT = [
    name
    for name in curated_names()
    if load_curated(name).era == "current"
    and isinstance(load_curated(name).recipe, CondaEnvironment)
]


@pytest.mark.parametrize("mode", ["base", "rattler", "pip-only"])
@pytest.mark.parametrize("name", CURRENT)
def test_every_current_curated_environment_has_a_plan(name: str, mode: CondaMode) -> None:
    environment = load_curated(name)
    made = plan_packages(environment, kind=environment.kind, mode=mode)
    assert isinstance(made, Requirements if mode == "pip-only" else CondaSolved)

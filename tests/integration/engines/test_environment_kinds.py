"""Every kind of environment through the real command and a real engine, and a look inside."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.integration.engines.conda_channel import make_channel
from tests.project import Project, Tree, write_tree
from toolkit.engines.base import BuildOptions
from toolkit.engines.docker import DockerEngine
from toolkit.engines.docker.connect import connect
from toolkit.plans.emulation import LABEL_NAME
from toolkit.plans.model import ImagePlan, PlacedFile

pytestmark = pytest.mark.docker

MakeProject = Callable[[Tree], Project]
FreshName = Callable[[], str]
# Writes down what it was asked for, and makes something that uv can install into.
FAKE_CONDA = b"""#!/bin/sh
echo "$@" >/tmp/asked
while [ $# -gt 0 ]; do
    case "$1" in
        --prefix) prefix=$2 ;;
        --file) file=$2 ;;
    esac
    shift
done
python3 -m venv "$prefix"
mkdir "$prefix/conda-meta"
cp "$file" /tmp/asked "$prefix/conda-meta/"
echo "$CONDA_PKGS_DIRS" >"$prefix/conda-meta/cache"
"""
DEBUGPY = "import sys; sys.path.insert(0, '/opt/aml-emu/debugpy'); import debugpy; print('debugpy')"


def inside(tag: str, *command: str) -> str:
    done = subprocess.run(
        ["docker", "run", "--rm", tag, *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def remove_images(name: str) -> None:
    client = connect({})
    for image in client.images.list(filters={"label": f"{LABEL_NAME}={name}"}):
        for tag in image.tags:
            client.images.remove(tag, force=True)
    client.close()


@pytest.fixture
def own_base(engine: DockerEngine, base_image: str, fresh_name: FreshName) -> Callable[..., str]:
    """An image on our base: some files, some more lines of a Dockerfile."""

    def make(files: dict[str, bytes | Path], *lines: str) -> str:
        placed = tuple(
            PlacedFile(path=PurePosixPath("files") / path, content=content, mode=0o755)
            for path, content in files.items()
        )
        text = "\n".join([f"FROM {base_image}", *(["COPY files/ /"] if files else []), *lines])
        plan = ImagePlan(name=fresh_name(), base=base_image, dockerfile=text + "\n", context=placed)
        return engine.build(plan, BuildOptions(), lambda _: None).tag

    return make


@pytest.fixture
def built(project: MakeProject, fresh_name: FreshName) -> Iterator[Callable[..., str]]:
    """The tag that `aml-emu build` says; what it leaves on the engine goes afterwards."""
    name = fresh_name()

    def build(files: Tree, *flags: str, **more: str) -> str:
        made = project({})
        write_tree(made.path, {key.format(**more): value for key, value in files.items()})
        for path in made.path.rglob("*"):
            if path.is_file() and path.suffix in {".yml", ".json"}:
                path.write_text(path.read_text().replace("NAME", name))
        done = made.run("build", *(flag.replace("NAME", name) for flag in flags)).assert_success()
        return done.out.splitlines()[-1]

    yield build
    remove_images(name)


@pytest.mark.parametrize("kind", ["training", "inference"])
def test_an_image_as_it_is(
    built: Callable[..., str], own_base: Callable[..., str], kind: str
) -> None:
    image = own_base({}, "ENV MINE=1")
    tag = built({"env.yml": f"name: NAME\nimage: {image}\n"}, "--env", "env.yml", "--kind", kind)
    said = inside(tag, "python3", "-c", f"import os; print(os.environ['MINE']); {DEBUGPY}")
    assert said == "1\ndebugpy"
    assert inside(tag, "ls", "/opt/aml-emu/lib/aml_emu/agent.py")
    tree = inside(tag, "sh", "-c", "ls /var/runit 2>/dev/null || true")
    assert tree == ("gunicorn" if kind == "inference" else "")


def test_a_service_tree_of_the_image_stays(
    built: Callable[..., str], own_base: Callable[..., str]
) -> None:
    image = own_base({"var/runit/gunicorn/run": b"#!/bin/sh\necho mine\n"})
    tag = built({"env.yml": f"name: NAME\nimage: {image}\n"}, "--env", "env.yml")
    assert inside(tag, "cat", "/var/runit/gunicorn/run").endswith("echo mine")
    assert inside(tag, "sh", "-c", "ls -d /var/runit/*") == "/var/runit/gunicorn"


def test_python_is_found_where_azure_ml_says_it_is(
    built: Callable[..., str], own_base: Callable[..., str]
) -> None:
    image = own_base(
        {}, "RUN python3 -m venv /azureml-envs/own",
        "ENV AZUREML_CONDA_ENVIRONMENT_PATH=/azureml-envs/own",
    )  # fmt: skip
    tag = built({"env.yml": f"name: NAME\nimage: {image}\n"}, "--env", "env.yml")
    found = inside(tag, "printenv", "AZUREML_CONDA_ENVIRONMENT_PATH")
    assert found == "/azureml-envs/own"


def test_an_image_with_an_old_python_is_refused(
    project: MakeProject, own_base: Callable[..., str]
) -> None:
    old = b'#!/bin/sh\n[ "$1" = -V ] && echo Python 3.6.2 && exit 0\nexit 1\n'
    image = own_base({"old/bin/python3": old}, "ENV PATH=/old/bin:$PATH")
    made = project({}).run("build", "--env", f"image:{image}").assert_failed(4)
    assert "/old/bin/python3 is Python 3.6.2: the debugger needs Python 3.8 or newer" in made.err


def test_an_image_without_the_named_interpreter_is_refused(
    project: MakeProject, base_image: str
) -> None:
    definition = {
        "name": "a",
        "docker": {"baseImage": base_image},
        "python": {"userManagedDependencies": True, "interpreterPath": "/nowhere/python"},
    }
    made = project({"a.json": json.dumps(definition)})
    assert (
        "the image has no /nowhere/python"
        in made.run("build", "--env", "a.json").assert_failed(4).err
    )


def test_a_conda_file_on_an_image(built: Callable[..., str], own_base: Callable[..., str]) -> None:
    image = own_base({"mine.txt": b"mine\n"})
    files: Tree = {
        "env.yml": f"name: NAME\nimage: {image}\nconda_file: conda.yml\n",
        "conda.yml": "dependencies:\n  - python=3.11\n  - pip:\n      - six==1.17.0\n",
    }
    tag = built(files, "--env", "env.yml", "--kind", "training")
    assert inside(tag, "cat", "/mine.txt") == "mine"
    assert inside(tag, "python", "-c", "import six; print(six.__version__)") == "1.17.0"


def test_a_dockerfile_with_its_context(
    built: Callable[..., str], base_image: str, engine: DockerEngine
) -> None:
    files: Tree = {
        "env.yml": "name: NAME\nbuild:\n  path: ctx\n",
        "aml-emu.toml": f'[images]\n"mcr.example/*" = "{base_image}"\n',
        "ctx": {
            "Dockerfile": """
                ARG TAG=1
                FROM mcr.example/azureml/base:${TAG} AS first
                RUN echo made >/made
                FROM mcr.example/azureml/other
                COPY --from=first /made /made
                COPY . /ctx
                WORKDIR /ctx
                USER nobody
                """,
            ".dockerignore": "*.log\n",
            "kept.txt": "kept\n",
            "left.log": "left\n",
        },
    }
    tag = built(files, "--env", "env.yml", "--kind", "inference")
    seen = inside(tag, "sh", "-c", "cat /made /ctx/kept.txt; ls -A /ctx | sort; pwd; id -un")
    assert seen.split() == [
        "made", "kept", ".dockerignore", "Dockerfile", "kept.txt", "/var/azureml-app", "dockeruser",
    ]  # fmt: skip
    assert inside(tag, "python3", "-c", DEBUGPY) == "debugpy"


def test_a_dockerfile_is_built_once_and_again_when_its_context_changes(
    project: MakeProject, base_image: str, fresh_name: FreshName
) -> None:
    made = project({f"{fresh_name()}.Dockerfile": f"FROM {base_image}\nCOPY a /a\n", "a": "1"})
    (dockerfile,) = made.path.glob("*.Dockerfile")
    command = ("build", "--env", dockerfile.name, "--kind", "training", "--json")

    def build() -> dict[str, object]:
        document = json.loads(made.run(*command).assert_success().out)
        assert isinstance(document, dict)
        return document

    first, second = build(), build()
    assert (first["built"], second["built"]) == (True, False)
    assert first["tag"] == second["tag"]
    (made.path / "a").write_text("2")
    assert build()["tag"] != first["tag"]


def test_another_image_in_an_earlier_stage_is_another_build(
    project: MakeProject, engine: DockerEngine, base_image: str, fresh_name: FreshName
) -> None:
    name, tool = fresh_name(), f"aml-emu-test-{os.urandom(4).hex()}:tool"
    text = f"FROM {tool} AS tool\nFROM {base_image}\nCOPY --from=tool /made /made\n"
    made = project({f"{name}.Dockerfile": text})
    command = ("build", "--env", f"{name}.Dockerfile", "--kind", "training", "--json")

    def build(said: str) -> tuple[bool, str]:
        plan = ImagePlan(
            name=name,
            base=base_image,
            dockerfile=f"FROM {base_image}\nRUN echo {said} >/made\n",
            labels={LABEL_NAME: name},
            tags=(tool,),
        )
        engine.build(plan, BuildOptions(), lambda _: None)
        document = json.loads(made.run(*command).assert_success().out)
        return document["built"], inside(document["tag"], "cat", "/made")

    try:
        assert build("one") == (True, "one")
        assert build("one") == (False, "one")
        assert build("two") == (True, "two")
    finally:
        remove_images(name)


def test_a_base_dockerfile_of_the_first_sdk_below_its_conda_part(
    built: Callable[..., str], base_image: str
) -> None:
    definition = {
        "name": "NAME",
        "docker": {"baseDockerfile": f"FROM {base_image}\nRUN echo made >/made\n"},
        "environmentVariables": {"MODE": "fast"},
        "python": {
            "condaDependencies": {"dependencies": ["python=3.11", {"pip": ["six==1.17.0"]}]}
        },
    }
    tag = built(
        {"azureml_environment.json": json.dumps(definition)},
        "--env", "azureml_environment.json", "--kind", "training",
    )  # fmt: skip
    code = "import os, six; print(six.__version__, os.environ['MODE'], open('/made').read())"
    assert inside(tag, "python", "-c", code) == "1.17.0 fast made"


def test_a_curated_environment_in_azures_place(
    project: MakeProject, base_image: str, engine: DockerEngine
) -> None:
    made = project({"aml-emu.toml": f'[images]\n"mcr.microsoft.com/*" = "{base_image}"\n'})
    done = made.run("build", "--env", "azureml:AzureML-minimal-py311-inference@latest")
    tag = done.assert_success().out.splitlines()[-1]
    assert (
        f"`{base_image}` stands in for `mcr.microsoft.com/azureml/inference-base-2204" in done.err
    )
    code = (
        "import sys, azureml_inference_server_http, joblib; print(sys.prefix, joblib.__version__)"
    )
    assert inside(tag, "python", "-c", code) == "/azureml-envs/minimal 1.5.3"
    remove_images("minimal-py311-inference")


def test_the_conda_of_the_base_image(
    built: Callable[..., str], own_base: Callable[..., str]
) -> None:
    image = own_base({"opt/miniconda/bin/conda": FAKE_CONDA})
    files: Tree = {
        "env.yml": """
            name: NAME
            channels: [conda-forge, nodefaults]
            dependencies:
              - python=3.11
              - ffmpeg=6.*
              - pip:
                  - six==1.17.0
            """
    }
    tag = built(files, "--env", "env.yml", "--kind", "training", "--conda", "base", "--base", image)
    code = "import six, sys; print(six.__version__, sys.prefix)"
    version, prefix = inside(tag, "python", "-c", code).split()
    assert version == "1.17.0"
    asked = inside(tag, "cat", f"{prefix}/conda-meta/asked")
    assert asked.startswith(f"create --yes --quiet --prefix {prefix} --override-channels")
    assert "--channel conda-forge --file" in asked
    assert inside(tag, "cat", f"{prefix}/conda-meta/conda.txt") == "python=3.11\nffmpeg=6.*\npip"
    assert inside(tag, "cat", f"{prefix}/conda-meta/cache") == "/var/cache/aml-emu-conda"
    assert inside(tag, "ls", "/var/cache/aml-emu-conda") == ""


def test_a_base_without_conda_says_what_to_do(project: MakeProject, base_image: str) -> None:
    made = project({"env.yml": "dependencies:\n  - ffmpeg\n"})
    refused = made.run("build", "--env", "env.yml", "--kind", "training", "--conda", "base")
    assert "the base image has no conda" in refused.assert_failed(4).err


@pytest.mark.parametrize(("wanted", "code"), [("tiny-data=1.2", 0), ("tiny-data=9", 4)])
def test_rattler_solves_and_installs_without_any_conda(
    project: MakeProject, own_base: Callable[..., str], tmp_path: Path, wanted: str, code: int,
    fresh_name: FreshName,
) -> None:  # fmt: skip
    channel = make_channel(tmp_path / "channel")
    image = own_base(
        {
            f"channel/{file.relative_to(channel)}": file
            for file in channel.rglob("*.*")
            if file.is_file()
        }
    )
    made = project(
        {
            "env.yml": f"""
                name: {fresh_name()}
                channels: ["file:///channel"]
                dependencies:
                  - python=3.11
                  - {wanted}
                  - pip:
                      - six==1.17.0
                """
        }
    )
    done = made.run(
        "build", "--env", "env.yml", "--kind", "training", "--conda", "rattler", "--base", image
    )
    if code:
        assert "No candidates were found for tiny-data 9" in done.assert_failed(code).err
        return
    tag = done.assert_success().out.splitlines()[-1]
    prefix = inside(tag, "python", "-c", "import six, sys; print(sys.prefix)")
    assert inside(tag, "cat", f"{prefix}/share/tiny-data/hello.txt") == "hello"
    assert "tiny-data-1.2.3-0.json" in inside(tag, "ls", f"{prefix}/conda-meta")
    assert inside(tag, "sh", "-c", "find / -xdev -path '*/rattler/*' 2>/dev/null") == ""

"""Private package feeds: the package gets into the image, the password nowhere."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.engines.feed_server import PACKAGE, USER, FeedServer, certificate
from tests.project import Project, Tree
from toolkit.engines.docker import DockerEngine
from toolkit.engines.docker.connect import connect
from toolkit.plans.emulation import LABEL_RECIPE

pytestmark = pytest.mark.docker

PASSWORD = f"pw-{os.urandom(8).hex()}@/x"  # as passwords may be: with characters to quote
FORMS = (
    PASSWORD.encode(),
    quote(PASSWORD, safe="").encode(),
    base64.b64encode(f"{USER}:{PASSWORD}".encode()),
)
QUOTED = quote(PASSWORD, safe="")
MakeProject = Callable[[Tree], Project]

ENV = """\
name: {name}
dependencies:
  - python=3.11
  - pip:
{lines}      - {package}==1.0
"""


def env(name: str, *lines: str) -> str:
    listed = "".join(f"      - {line}\n" for line in lines)
    return ENV.format(name=name, lines=listed, package=PACKAGE)


@pytest.fixture(scope="module")
def feed(engine: DockerEngine) -> Iterator[FeedServer]:
    """On the bridge, where builds and this machine both reach it."""
    network = connect(os.environ).networks.get("bridge").attrs
    with FeedServer(network["IPAM"]["Config"][0]["Gateway"], password=PASSWORD) as server:
        yield server


def home(project: Project, files: Tree) -> dict[str, str]:
    """Variables of a user who has this machine's certificates, and otherwise only these files."""
    for name, text in files.items():
        path = project.path / "home" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text))
    return {"HOME": str(project.path / "home"), "XDG_CONFIG_HOME": ""}


def in_the_environment_file(feed: FeedServer, name: str) -> tuple[str, dict[str, str], Tree]:
    return env(name, f"--extra-index-url {feed.url_with(QUOTED)}"), {}, {}


def in_a_variable_of_the_file(feed: FeedServer, name: str) -> tuple[str, dict[str, str], Tree]:
    url = feed.url_with("${FEED_PASSWORD}")
    return env(name, f"--extra-index-url {url}"), {"FEED_PASSWORD": QUOTED}, {}


def in_pip_conf(feed: FeedServer, name: str) -> tuple[str, dict[str, str], Tree]:
    text = f"[global]\nextra-index-url = {feed.url_with(QUOTED)}\n"
    return env(name), {}, {".config/pip/pip.conf": text}


def in_netrc(feed: FeedServer, name: str) -> tuple[str, dict[str, str], Tree]:
    text = f"machine {feed.host} login {USER} password {PASSWORD}\n"
    return env(name), {"PIP_EXTRA_INDEX_URL": feed.url}, {".netrc": text}


def in_uvs_variables(feed: FeedServer, name: str) -> tuple[str, dict[str, str], Tree]:
    variables = {
        "UV_INDEX": f"team={feed.url}",
        "UV_INDEX_TEAM_USERNAME": USER,
        "UV_INDEX_TEAM_PASSWORD": PASSWORD,
    }
    return env(name), variables, {}


@pytest.mark.parametrize(
    "way",
    [
        in_the_environment_file,
        in_a_variable_of_the_file,
        in_pip_conf,
        in_netrc,
        in_uvs_variables,
    ],
)
def test_the_package_is_installed_and_the_password_is_nowhere(
    project: MakeProject,
    base_image: str,
    fresh_name: Callable[[], str],
    feed: FeedServer,
    way: Callable[[FeedServer, str], tuple[str, dict[str, str], Tree]],
) -> None:
    text, variables, files = way(feed, fresh_name())
    made = project({"env.yml": text, ".aml-emu": {}})
    environ = {**home(made, files), **variables}
    build = ("build", "--env", "env.yml", "--kind", "training")
    outcome = made.run(*build, environ=environ).assert_success()
    tag = outcome.out.splitlines()[-1]
    said = subprocess.run(
        ["docker", "run", "--rm", tag, "python", "-c", f"import {PACKAGE} as p; print(p.VALUE)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout == "42\n"

    assert "given to the build as secrets: " in outcome.err
    assert_silent(f"{outcome.out}{outcome.err}".encode(), "what was printed")
    made.run(*build, "--dockerfile-only", "context", environ=environ).assert_success()
    for folder in (".aml-emu", "context"):
        found = [path for path in (made.path / folder).rglob("*") if path.is_file()]
        assert found
        for path in found:
            assert_silent(path.read_bytes(), str(path))
    assert_silent_image(tag)
    doctor = made.run("doctor", environ=environ)
    assert_silent(f"{doctor.out}{doctor.err}".encode(), "the doctor's report")


def assert_silent(content: bytes, where: str) -> None:
    for form in FORMS:
        assert form not in content, f"the password is in {where}"


def assert_silent_image(tag: str) -> None:
    """No layer, no line of history, no label or variable has it."""
    for command in (["history", "--no-trunc", tag], ["inspect", tag]):
        done = subprocess.run(["docker", *command], capture_output=True, check=True)
        assert_silent(done.stdout, f"docker {command[0]}")
    labels = json.loads(done.stdout)[0]["Config"]["Labels"]
    assert_silent(zlib.decompress(base64.b64decode(labels[LABEL_RECIPE])), "the recipe label")
    saved = subprocess.run(["docker", "save", tag], capture_output=True, check=True).stdout
    layers = 0
    with tarfile.open(fileobj=io.BytesIO(saved)) as image:
        for member in image:
            file = image.extractfile(member) if member.isfile() else None
            if file is None:
                continue
            content = file.read()
            if content[:2] == b"\x1f\x8b":
                content = zlib.decompress(content, wbits=31)
            layers += content[257:262] == b"ustar"
            assert_silent(content, f"{member.name} of docker save")
    assert layers > 3


def refused(made: Project, environ: dict[str, str]) -> str:
    """What an `aml-emu build` that fails says."""
    outcome = made.run(
        "build", "--env", "env.yml", "--kind", "training", environ={**home(made, {}), **environ}
    ).assert_failed(4)
    assert "Traceback" not in outcome.err
    assert not list(made.path.glob(".aml-emu/lock/*")), "a lock of a failed resolution"
    return outcome.err


@pytest.mark.parametrize("password", [None, "wrong-one"])
def test_a_feed_that_needs_a_password_is_named(
    project: MakeProject, feed: FeedServer, password: str | None
) -> None:
    made = project({"env.yml": env("x"), ".aml-emu": {}})
    url = feed.url_with(password) if password else feed.url
    said = refused(made, {"UV_INDEX": url})
    assert f"error: the package index asks for a valid password: {feed.url}\n" in said
    assert "netrc" in said.rpartition("hint: ")[2]
    assert "wrong-one" not in said


@pytest.mark.parametrize(
    ("days", "is_trusted", "problem"), [(30, False, "is not trusted"), (-1, True, "has expired")]
)
def test_a_certificate_that_is_no_good_is_named(
    project: MakeProject, tmp_path: Path, *, days: int, is_trusted: bool, problem: str
) -> None:
    made = project({"env.yml": env("x"), ".aml-emu": {}})
    pair = certificate(tmp_path, "127.0.0.1", days=days)
    environ = {"SSL_CERT_FILE": str(pair[0])} if is_trusted else {}
    with FeedServer("127.0.0.1", password=PASSWORD, certificate=pair) as server:
        said = refused(made, {"UV_INDEX": server.url, **environ})
    assert f"error: the certificate of the package index {problem}: {server.url}/" in said
    assert "SSL_CERT_FILE" in said.rpartition("hint: ")[2]


def test_a_git_address_with_a_password_is_refused(project: MakeProject) -> None:
    line = f"p @ git+https://{USER}:{QUOTED}@example.com/p.git"
    made = project({"env.yml": env("x", line), ".aml-emu": {}})
    outcome = made.run("build", "--env", "env.yml", "--kind", "training").assert_failed(2)
    assert "a password in a git address cannot be kept secret" in outcome.err
    assert_silent(outcome.err.encode(), "the error")

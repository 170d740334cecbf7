"""Builds by a real engine. The base image is a shell and a few programs of this machine."""

import base64
import contextlib
import gzip
import io
import json
import os
import secrets
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path, PurePosixPath
from typing import Any

import docker
import docker.errors
import psutil
import pytest

from toolkit.engines.buildkit import BuildCancelled, BuildRequest, build_image, context_of
from toolkit.engines.events import (
    BuildEvent,
    ImageReady,
    StepCached,
    StepDone,
    StepLog,
    StepStarted,
)
from toolkit.errors import BuildFailed
from toolkit.plans.model import PlacedFile

pytestmark = pytest.mark.docker

PROGRAMS = ("sh", "cat", "env", "ls", "seq", "sha256sum", "sleep", "wc")
LABEL = "aml-emu-test-buildkit"
PATIENCE = 20.0


@pytest.fixture(scope="module")
def api() -> Iterator[docker.APIClient]:
    client = docker.from_env().api
    yield client
    for image in client.images(filters={"label": LABEL}, all=True):
        remove(client, image["Id"])
    client.close()


def remove(api: docker.APIClient, image: str) -> None:
    with contextlib.suppress(docker.errors.ImageNotFound):  # went with another one
        api.remove_image(image, force=True, noprune=False)


def inspected(api: Any, image: str) -> dict[str, Any]:
    found: dict[str, Any] = api.inspect_image(image)
    return found


def minimal_root() -> bytes:
    """The programs with the libraries they load, as a tar."""
    found = {name: shutil.which(name) for name in PROGRAMS}
    programs = {f"bin/{name}": path for name, path in found.items() if path is not None}
    needed = subprocess.run(
        ["ldd", *programs.values()], capture_output=True, text=True, check=True
    ).stdout
    libraries = {word.lstrip("/"): word for word in needed.split() if Path(word).is_file()}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, path in {**libraries, **programs}.items():
            archive.add(os.path.realpath(path), arcname=name)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def base(api: docker.APIClient) -> Iterator[str]:
    name = f"aml-emu-test-{secrets.token_hex(4)}"
    api.import_image_from_data(minimal_root(), repository=name, tag="base")
    yield f"{name}:base"
    remove(api, f"{name}:base")


Build = Callable[..., str]


@pytest.fixture
def events() -> list[BuildEvent]:
    return []


@pytest.fixture
def build(api: docker.APIClient, base: str, events: list[BuildEvent]) -> Build:
    """Build from lines put behind `FROM base`; files and fields of the request by keyword."""

    def built(
        *lines: str,
        text: str | None = None,
        files: tuple[PlacedFile, ...] = (),
        cancel: threading.Event | None = None,
        **fields: object,
    ) -> str:
        default = "\n".join([f"FROM {base}", *lines, ""])
        context = context_of([placed("Dockerfile", (text or default).encode()), *files])
        request = BuildRequest(context=context, labels={LABEL: "1"}, **fields)  # type: ignore[arg-type]  # as given
        return build_image(api, request, on_event=events.append, cancel=cancel)

    return built


def history(api: Any, image: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.history(image)
    return found


def placed(path: str, content: bytes | Path, mode: int = 0o644) -> PlacedFile:
    return PlacedFile(path=PurePosixPath(path), content=content, mode=mode)


def output(events: list[BuildEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, StepLog))


def nonce() -> str:
    """Makes a step's cache entry its own."""
    return secrets.token_hex(6)


def test_a_build_gives_an_image_and_its_story(
    api: docker.APIClient, build: Build, events: list[BuildEvent]
) -> None:
    mark = nonce()
    tag = f"aml-emu-test-{mark}:1"
    image = build(f"RUN echo hello {mark} && seq 3", "ENV A=b", tags=(tag,))
    assert inspected(api, tag)["Id"] == image
    assert inspected(api, image)["Config"]["Labels"] == {LABEL: "1"}
    assert output(events) == f"hello {mark}\n1\n2\n3\n"
    (run,) = [e for e in events if isinstance(e, StepStarted) and e.name.startswith("RUN")]
    assert run.place == "2/2"
    assert [e for e in events if isinstance(e, StepDone) and e.step == run.step]
    assert events[-1] == ImageReady(id=image)


def test_the_second_build_runs_nothing(build: Build, events: list[BuildEvent]) -> None:
    step = f"RUN echo {nonce()}"
    first = build(step)
    events.clear()
    started = time.monotonic()
    second = build(step)
    assert time.monotonic() - started < 2
    assert second == first
    assert output(events) == ""
    assert [event for event in events if isinstance(event, StepCached)]


def test_no_cache_runs_all_again(build: Build, events: list[BuildEvent]) -> None:
    mark = nonce()
    build(f"RUN echo {mark}")
    events.clear()
    build(f"RUN echo {mark}", no_cache=True)
    assert output(events) == f"{mark}\n"


def test_files_arrive_with_their_modes(
    build: Build, events: list[BuildEvent], tmp_path: Path
) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(5 << 20)
    files = (placed("run.sh", b"echo ran\n", 0o755), placed("deep/er/big", big))
    build("COPY . /ctx", "RUN /bin/sh /ctx/run.sh; wc -c /ctx/deep/er/big", files=files)
    assert output(events) == "ran\n5242880 /ctx/deep/er/big\n"


def test_arguments_target_and_dockerfile_are_honoured(
    build: Build, base: str, events: list[BuildEvent]
) -> None:
    mark = nonce()
    text = f"FROM {base} AS one\nARG WHO\nRUN echo {mark} $WHO\nFROM one\nRUN exit 1\n"
    files = (placed("docker/Other", text.encode()),)
    build(files=files, build_args={"WHO": "me"}, target="one", dockerfile="docker/Other")
    assert output(events) == f"{mark} me\n"


def saved_layers(api: docker.APIClient, image: str) -> Iterator[bytes]:
    """Every file that makes up the image, unpacked where the engine packs it."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(api.get_image(image)))) as archive:
        for info in archive:
            member = archive.extractfile(info)
            if member is not None:
                content = member.read()
                yield gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content


def test_a_secret_is_read_and_leaves_no_trace(
    api: docker.APIClient, build: Build, events: list[BuildEvent]
) -> None:
    needle = secrets.token_hex(16).encode()
    secret = (needle + b"\n") * 6061  # 200 kB, three times the flow control window
    mark = nonce()
    image = build(
        f"RUN --mount=type=secret,id=ca,required=true wc -c < /run/secrets/ca && echo {mark} > /m",
        "RUN test ! -e /run/secrets/ca",
        secrets={"ca": secret, "unused": b"x"},
    )
    assert output(events).split()[0] == str(len(secret)) == "200013"
    assert needle.decode() not in json.dumps(history(api, image))
    assert needle.decode() not in json.dumps(inspected(api, image))
    layers = list(saved_layers(api, image))
    assert any(mark.encode() in layer for layer in layers)  # the search does see files
    assert not any(needle in layer for layer in layers)


def test_a_missing_secret_is_named(build: Build) -> None:
    with pytest.raises(BuildFailed, match="nope"):
        build("RUN --mount=type=secret,id=nope,required=true true", secrets={"other": b"x"})


def test_a_failing_step_gives_its_exit_code_and_last_lines(build: Build) -> None:
    with pytest.raises(BuildFailed) as failed:
        build("RUN echo fine", "RUN seq 1000; echo at last; exit 7")
    assert failed.value.message == (
        "build step `RUN seq 1000; echo at last; exit 7` failed with exit code: 7"
    )
    lines = failed.value.details.splitlines()
    assert len(lines) == 20
    assert lines[-1] == "at last"
    assert lines[-2] == "1000"


def test_what_a_failing_step_says_on_stderr_is_kept(build: Build) -> None:
    with pytest.raises(BuildFailed) as failed:
        build("RUN echo no such thing >&2; exit 3")
    assert failed.value.details == "no such thing"


def test_an_unknown_instruction_is_a_failed_build(build: Build) -> None:
    with pytest.raises(BuildFailed, match="unknown instruction: FRUM"):
        build("FRUM x")


def test_an_image_that_is_not_there_is_named(build: Build) -> None:
    with pytest.raises(BuildFailed) as failed:
        build(text="FROM aml-emu-test.invalid/nothing:1\n")
    assert "`aml-emu-test.invalid/nothing:1`" in failed.value.message
    assert "[images]" in failed.value.hint


def test_a_bad_tag_is_refused(build: Build) -> None:
    with pytest.raises(BuildFailed, match="invalid reference format"):
        build(tags=("Not:A:Tag",))


def running(argument: str) -> bool:
    return any(
        argument in (process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
    )


def wait_until(claim: Callable[[], bool], *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def shared_processes(api: docker.APIClient) -> None:
    if "Desktop" in api.info()["OperatingSystem"]:
        pytest.skip("the engine runs in a virtual machine, whose processes cannot be seen")


@pytest.mark.usefixtures("shared_processes")
@pytest.mark.parametrize("way", ["event", "ctrl-c"])
def test_a_cancelled_step_is_really_gone(build: Build, way: str) -> None:
    duration = f"600.{secrets.randbelow(10**9)}"
    cancel, over = threading.Event(), threading.Event()
    times: list[float] = []

    def interrupt() -> None:
        seen = wait_until(lambda: running(duration) or over.is_set(), seconds=PATIENCE)
        if over.is_set():
            return  # a signal would now hit the next test
        times.append(time.monotonic())
        if way == "ctrl-c" and seen:
            os.kill(os.getpid(), signal.SIGINT)
        else:
            cancel.set()

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    try:
        with pytest.raises(BuildCancelled if way == "event" else KeyboardInterrupt):
            build(f"RUN sleep {duration}", cancel=cancel)
    finally:
        over.set()
        interrupter.join()
    assert wait_until(lambda: not running(duration), seconds=2)
    assert time.monotonic() - times[0] < 2


class Registry(BaseHTTPRequestHandler):
    """Wants a login, then has nothing to give."""

    seen: list[str]
    # Newer engines try TLS first, and plain HTTP only if the answer begins like HTTP.
    default_request_version = "HTTP/1.0"

    def do_GET(self) -> None:
        authorization = self.headers.get("Authorization", "")
        if authorization:
            self.seen.append(authorization)
            self.send_response(404)
        else:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="test"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET  # noqa: N815 - a name that http.server looks for

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Quiet."""


@pytest.fixture
def registry() -> Iterator[str]:
    Registry.seen = []
    with HTTPServer(("127.0.0.1", 0), Registry) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_registry_is_told_the_login_of_the_docker_configuration(
    registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: docker.APIClient
) -> None:
    login = base64.b64encode(b"me:pass:word").decode()
    config = {"auths": {registry: {"auth": login}}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    context = context_of([placed("Dockerfile", f"FROM {registry}/private:1\n".encode())])
    client = docker.from_env().api
    with pytest.raises(BuildFailed, match=rf"`{registry}/private:1`"):
        build_image(client, BuildRequest(context=context), on_event=lambda event: None)
    client.close()
    assert f"Basic {login}" in Registry.seen

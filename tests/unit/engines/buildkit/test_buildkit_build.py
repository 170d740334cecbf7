"""The whole path over a real socket, against an engine that answers from a script."""

import base64
import io
import json
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import docker
import pytest

from tests.unit.engines.buildkit.buildkit_engine import Exchange, ScriptedEngine, scripted_engine
from toolkit.engines.buildkit import (
    BuildCancelled,
    BuildRequest,
    build_image,
    builder_of,
    context_of,
)
from toolkit.engines.buildkit.protobuf import bytes_field, fields
from toolkit.engines.buildkit.services import CREDENTIALS, GET_SECRET, HEALTH
from toolkit.engines.events import BuildEvent, ImageReady, StepCached, StepStarted, Transfer
from toolkit.errors import BuildFailed, EngineUnavailable, SpecError
from toolkit.plans.model import PlacedFile

RECORDED = Path(__file__).parent / "recorded"
DOCKERFILE = PlacedFile(path=PurePosixPath("Dockerfile"), content=b"FROM base\n")
REQUEST = BuildRequest(context=context_of([DOCKERFILE]))
IMAGE = "sha256:aeb91b056c7717595eb4c096adf0683d9a444b44b411646911235f3ead2d6a9b"


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedEngine]:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with scripted_engine(tmp_path) as engine:
        yield engine


@pytest.fixture
def api(engine: ScriptedEngine) -> Iterator[docker.APIClient]:
    client = engine.api()
    yield client
    client.close()


def silent(event: BuildEvent) -> None:
    pass


def answer(*chunks: bytes) -> Callable[[Exchange], None]:
    def build(exchange: Exchange) -> None:
        exchange.begin_stream()
        for chunk in chunks:
            exchange.stream(chunk)
        exchange.end_stream()

    return build


def refuse(status: int, message: str) -> Callable[[Exchange], None]:
    return lambda exchange: exchange.say(status, {"message": message})


def test_a_recorded_build_gives_its_image(engine: ScriptedEngine, api: docker.APIClient) -> None:
    recorded = (RECORDED / "cached.jsonl").read_bytes()
    # Messages and chunks need not end together.
    engine.routes["/build"] = answer(recorded[:1000], recorded[1000:1003], recorded[1003:])
    events: list[BuildEvent] = []
    assert build_image(api, REQUEST, on_event=events.append, builder="buildkit") == IMAGE
    assert any(isinstance(event, StepCached) for event in events)
    assert events[-1] == ImageReady(id=IMAGE)


def test_steps_can_be_run_for_the_caches_sake_alone(
    engine: ScriptedEngine, api: docker.APIClient
) -> None:
    without = b"".join(
        line
        for line in (RECORDED / "cached.jsonl").read_bytes().splitlines(keepends=True)
        if b"moby.image.id" not in line
    )
    engine.routes["/build"] = answer(without)
    events: list[BuildEvent] = []
    request = replace(REQUEST, without_image=True)
    assert build_image(api, request, on_event=events.append, builder="buildkit") == ""
    assert events[-1] == ImageReady(id="")
    (asked,) = engine.requests_of("/build")
    assert json.loads(asked.query["outputs"][0]) == [{"Type": "cacheonly"}]
    with pytest.raises(EngineUnavailable, match="neither an image nor an error"):
        build_image(api, REQUEST, on_event=silent, builder="buildkit")


def test_the_request_is_what_was_asked_for(engine: ScriptedEngine, api: docker.APIClient) -> None:
    engine.routes["/build"] = answer((RECORDED / "cached.jsonl").read_bytes())
    request = BuildRequest(
        context=context_of([DOCKERFILE]),
        dockerfile="docker/Dockerfile",
        tags=("a:1", "b:2"),
        labels={"io.aml-emu.inputs": "12"},
        build_args={"PYTHON": "3.10", "http_proxy": "http://mine"},
        platform="linux/arm64",
        target="tools",
        no_cache=True,
        network="host",
    )
    environment = {"HTTP_PROXY": "http://proxy.example", "HTTPS_PROXY": "http://proxy.example"}
    build_image(api, request, on_event=silent, builder="buildkit", environment=environment)

    (asked,) = engine.requests_of("/build")
    (session,) = engine.requests_of("/session")
    assert asked.query["version"] == ["2"]
    assert asked.query["session"] == [session.headers["X-Docker-Expose-Session-Uuid"]]
    assert asked.query["dockerfile"] == ["docker/Dockerfile"]
    assert asked.query["t"] == ["a:1", "b:2"]
    assert json.loads(asked.query["labels"][0]) == {"io.aml-emu.inputs": "12"}
    assert asked.query["platform"] == ["linux/arm64"]
    assert asked.query["target"] == ["tools"]
    assert asked.query["nocache"] == ["1"]
    assert asked.query["networkmode"] == ["host"]
    build_args = json.loads(asked.query["buildargs"][0])
    assert build_args["PYTHON"] == "3.10"
    assert build_args["http_proxy"] == "http://mine"
    assert build_args["https_proxy"] == "http://proxy.example"
    assert asked.body == b"".join(context_of([DOCKERFILE])())


def test_what_was_not_asked_for_is_not_sent(engine: ScriptedEngine, api: docker.APIClient) -> None:
    engine.routes["/build"] = answer((RECORDED / "cached.jsonl").read_bytes())
    build_image(api, REQUEST, on_event=silent, builder="buildkit")
    (asked,) = engine.requests_of("/build")
    assert not {"platform", "target", "nocache", "networkmode", "t"} & asked.query.keys()


def test_the_engine_gets_secrets_through_the_session(
    engine: ScriptedEngine, api: docker.APIClient
) -> None:
    big = b"0123456789abcdef" * 12_500
    engine.session_calls = [
        (HEALTH, b""),
        (GET_SECRET, bytes_field(1, b"ca")),
        (GET_SECRET, bytes_field(1, b"nope")),
        (CREDENTIALS, bytes_field(1, b"feeds.example")),
        ("/moby.filesync.v1.Auth/FetchToken", b""),
    ]

    def build(exchange: Exchange) -> None:
        assert engine.session_answered.wait(10)
        answer((RECORDED / "cached.jsonl").read_bytes())(exchange)

    engine.routes["/build"] = build
    request = BuildRequest(context=context_of([DOCKERFILE]), secrets={"ca": big})
    build_image(api, request, on_event=silent, builder="buildkit")

    assert [reply.status for reply in engine.session_answers] == [0, 0, 5, 0, 12]
    assert dict(fields(engine.session_answers[1].message)) == {1: big}
    assert engine.session_gone.wait(10)
    assert big[:16] not in engine.requests_of("/build")[0].body
    assert big[:16].decode() not in str(engine.requests_of("/build")[0].query)
    assert "0123456789" not in repr(request)


def test_without_sessions_a_build_without_secrets_goes_on(
    engine: ScriptedEngine, api: docker.APIClient
) -> None:
    engine.routes["/session"] = refuse(404, "page not found")
    engine.routes["/build"] = answer((RECORDED / "cached.jsonl").read_bytes())
    assert build_image(api, REQUEST, on_event=silent, builder="buildkit") == IMAGE
    assert "session" not in engine.requests_of("/build")[0].query


def test_without_sessions_secrets_are_refused_by_name(
    engine: ScriptedEngine, api: docker.APIClient
) -> None:
    engine.routes["/session"] = refuse(404, "page not found")
    request = BuildRequest(context=context_of([DOCKERFILE]), secrets={"feed": b"token"})
    with pytest.raises(EngineUnavailable, match="feed") as refused:
        build_image(api, request, on_event=silent, builder="buildkit")
    assert refused.value.hint
    assert engine.requests_of("/build") == []


def test_a_refused_session_says_why(engine: ScriptedEngine, api: docker.APIClient) -> None:
    engine.routes["/session"] = refuse(500, "no hijacking today")
    with pytest.raises(EngineUnavailable, match="no hijacking today"):
        build_image(api, REQUEST, on_event=silent, builder="buildkit")


def test_a_failing_step_is_a_failed_build(engine: ScriptedEngine, api: docker.APIClient) -> None:
    engine.routes["/build"] = answer((RECORDED / "exit_7.jsonl").read_bytes())
    with pytest.raises(BuildFailed) as failed:
        build_image(api, REQUEST, on_event=silent, builder="buildkit")
    assert failed.value.message == (
        "build step `RUN seq 30; echo bad; exit 7` failed with exit code: 7"
    )
    assert failed.value.details.splitlines() == [*(str(n) for n in range(12, 31)), "bad"]


def test_a_refused_build_says_why(engine: ScriptedEngine, api: docker.APIClient) -> None:
    engine.routes["/build"] = refuse(400, "invalid reference format")
    with pytest.raises(BuildFailed, match="invalid reference format"):
        build_image(api, REQUEST, on_event=silent, builder="buildkit")


def vanish(exchange: Exchange) -> None:
    """Die in the middle of a message."""
    exchange.begin_stream()
    exchange.stream((RECORDED / "cached.jsonl").read_bytes()[:700])
    exchange.close_connection = True


def hang_up_at_once(exchange: Exchange) -> None:
    exchange.close_connection = True


@pytest.mark.parametrize("death", [vanish, hang_up_at_once])
def test_an_engine_that_vanishes_is_unavailable(
    engine: ScriptedEngine, api: docker.APIClient, death: Callable[[Exchange], None]
) -> None:
    engine.routes["/build"] = death
    with pytest.raises(EngineUnavailable, match="does not answer") as gone:
        build_image(api, REQUEST, on_event=silent, builder="buildkit")
    assert "doctor" in gone.value.hint


def test_an_engine_that_was_never_there_is_unavailable() -> None:
    api = docker.APIClient(base_url="tcp://127.0.0.1:1", version="1.41")
    with pytest.raises(EngineUnavailable, match="does not answer"):
        build_image(api, REQUEST, on_event=silent)
    api.close()


def test_an_answer_without_image_is_no_success(
    engine: ScriptedEngine, api: docker.APIClient
) -> None:
    engine.routes["/build"] = answer(b'{"stream":"bye"}\n')
    with pytest.raises(EngineUnavailable, match="neither an image nor an error"):
        build_image(api, REQUEST, on_event=silent, builder="buildkit")


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>\n",
        b"[1]\n",
        b'{"id":"moby.buildkit.trace","aux":"!"}\n',
        b'{"id":"moby.buildkit.trace"}\n',
        b'{"id":"moby.buildkit.trace","aux":{"a":1}}\n',
        b'{"id":"moby.image.id","aux":null}\n',
    ],
)
def test_an_answer_that_cannot_be_read_is_no_crash(
    engine: ScriptedEngine, api: docker.APIClient, garbage: bytes
) -> None:
    engine.routes["/build"] = answer(garbage)
    with pytest.raises(EngineUnavailable, match="cannot be read"):
        build_image(api, REQUEST, on_event=silent, builder="buildkit")


def test_a_context_file_that_is_gone_is_the_users_to_mend(
    engine: ScriptedEngine, api: docker.APIClient, tmp_path: Path
) -> None:
    engine.routes["/build"] = answer(b"")
    missing = PlacedFile(path=PurePosixPath("x"), content=tmp_path / "gone.whl")
    request = BuildRequest(context=context_of([missing]))
    with pytest.raises(SpecError, match=r"build context cannot be read: .*gone\.whl"):
        build_image(api, request, on_event=silent, builder="buildkit")


def test_a_big_context_tells_how_far_it_is(
    engine: ScriptedEngine, api: docker.APIClient, tmp_path: Path
) -> None:
    engine.routes["/build"] = answer((RECORDED / "cached.jsonl").read_bytes())
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(20 << 20)
    files = [DOCKERFILE, PlacedFile(path=PurePosixPath("big"), content=big)]
    events: list[BuildEvent] = []
    request = BuildRequest(context=context_of(files))
    build_image(api, request, on_event=events.append, builder="buildkit")
    sent = [event.current for event in events if isinstance(event, Transfer)]
    assert len(sent) == 2
    assert sent == sorted(sent)


def endless(gone: threading.Event) -> Callable[[Exchange], None]:
    def build(exchange: Exchange) -> None:
        exchange.begin_stream()
        recorded = (RECORDED / "exit_7.jsonl").read_bytes()
        exchange.stream(recorded[: recorded.rindex(b'{"errorDetail"')])
        if exchange.gone():
            gone.set()
        exchange.close_connection = True

    return build


def test_setting_the_event_hangs_up(engine: ScriptedEngine, api: docker.APIClient) -> None:
    gone, cancel = threading.Event(), threading.Event()
    engine.routes["/build"] = endless(gone)

    def on_event(event: BuildEvent) -> None:
        if isinstance(event, StepStarted) and event.name.startswith("RUN"):
            cancel.set()

    with pytest.raises(BuildCancelled):
        build_image(api, REQUEST, on_event=on_event, builder="buildkit", cancel=cancel)
    assert gone.wait(10)
    assert engine.session_gone.wait(10)


def test_whatever_interrupts_the_reading_hangs_up(
    engine: ScriptedEngine, api: docker.APIClient
) -> None:
    gone = threading.Event()
    engine.routes["/build"] = endless(gone)

    def on_event(event: BuildEvent) -> None:
        if isinstance(event, StepStarted) and event.name.startswith("RUN"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_image(api, REQUEST, on_event=on_event, builder="buildkit")
    assert gone.wait(10)
    assert engine.session_gone.wait(10)


def test_a_build_cancelled_beforehand_does_not_begin(
    engine: ScriptedEngine, api: docker.APIClient
) -> None:
    cancel = threading.Event()
    cancel.set()
    engine.routes["/build"] = answer(b"")
    with pytest.raises(BuildCancelled):
        build_image(api, REQUEST, on_event=silent, builder="buildkit", cancel=cancel)


PODMAN = {"Components": [{"Name": "Podman Engine", "Version": "4.3.1"}]}


def test_the_engine_is_asked_who_it_is() -> None:
    assert builder_of(PODMAN) == "buildah"
    assert builder_of({"Components": [{"Name": "Engine", "Version": "20.10.24"}]}) == "buildkit"
    assert builder_of({"Version": "18.09"}) == "buildkit"
    assert builder_of({"Components": None}) == "buildkit"


def test_podman_gets_secrets_beside_the_context(
    engine: ScriptedEngine, api: docker.APIClient
) -> None:
    engine.routes["/version"] = lambda exchange: exchange.say(200, PODMAN)
    engine.routes["/build"] = answer(
        b'{"stream":"STEP 1/1: FROM base\\n"}\n{"stream":"COMMIT\\n"}\n',
        b'{"stream":"--\\u003e f732\\n"}\n{"aux":{"ID":"sha256:f732"}}\n',
        b'{"stream":"Successfully built f732\\n"}\n',
    )
    request = BuildRequest(
        context=context_of([DOCKERFILE]), secrets={"feed": b"token", "ca": b"cert"}
    )
    assert build_image(api, request, on_event=silent) == "sha256:f732"

    (asked,) = engine.requests_of("/build")
    assert engine.requests_of("/session") == []
    sources = dict(
        tuple(part.split("=")[1] for part in secret.split(","))
        for secret in json.loads(asked.query["secrets"][0])
    )
    with tarfile.open(fileobj=io.BytesIO(asked.body)) as archive:
        carried = {name: archive.extractfile(source) for name, source in sources.items()}
        contents = {name: file.read() for name, file in carried.items() if file is not None}
        assert "Dockerfile" in archive.getnames()
    assert contents == {"feed": b"token", "ca": b"cert"}


def test_podman_gets_the_registry_logins(
    engine: ScriptedEngine, api: docker.APIClient, tmp_path: Path
) -> None:
    auth = base64.b64encode(b"me:pw").decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"feeds.example": {"auth": auth}}}))
    engine.routes["/build"] = answer(b'{"aux":{"ID":"f732"}}\n')
    assert build_image(api, REQUEST, on_event=silent, builder="buildah") == "sha256:f732"
    (asked,) = engine.requests_of("/build")
    sent = json.loads(base64.urlsafe_b64decode(asked.headers["X-Registry-Config"]))
    assert sent["feeds.example"]["username"] == "me"


def test_podman_names_the_failing_step(engine: ScriptedEngine, api: docker.APIClient) -> None:
    engine.routes["/build"] = answer(
        b'{"stream":"STEP 1/2: FROM base\\n"}\n{"stream":"STEP 2/2: RUN exit 7\\n"}\n',
        b'{"stream":"last words\\n"}\n{"error":"building at STEP \\"RUN exit 7\\": '
        b'while running runtime: exit status 7\\n"}\n',
    )
    with pytest.raises(BuildFailed) as failed:
        build_image(api, REQUEST, on_event=silent, builder="buildah")
    assert failed.value == BuildFailed(
        "build step `RUN exit 7` failed with exit code: 7", details="last words"
    )

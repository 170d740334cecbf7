"""What every engine promises. One suite over all of them.

`bench` runs a test on each engine, the fake one too. `real` runs it only where a thing has a file
system and a shell of its own, which a fake could only pretend to.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import psutil
import pytest

from tests.contract.benches import (
    IDLE,
    PATIENCE,
    PORT,
    SERVER,
    STUBBORN,
    TEST_LABEL,
    Bench,
    DockerBench,
    FakeBench,
    ProcessBench,
    Program,
    image_plan,
    is_ready,
    refuses,
    said,
    saying,
    says,
    shell,
)
from tests.integration.engines.process_bench import needs
from toolkit.engines import ports
from toolkit.engines.base import BuildOptions, Engine, State
from toolkit.engines.docker import DockerEngine
from toolkit.engines.events import BuildEvent, ImageReady
from toolkit.engines.process.sandbox import RUNGS
from toolkit.errors import BuildFailed, EngineUnavailable, NameTaken, PortTaken
from toolkit.live.readiness import retry_until
from toolkit.plans.model import Cache, Mount, PlacedFile, Port

DOCKER = pytest.param("docker", marks=pytest.mark.docker)
SANDBOXES = ["bwrap", "unshare"]


@pytest.fixture(scope="session")
def docker_image(engine: DockerEngine, base_image: str, docker_cleanup: str) -> str:
    """One small image for the whole session."""
    plan = image_plan(f"{docker_cleanup}-contract", base_image)
    return engine.build(plan, BuildOptions(), lambda _: None).tag


@pytest.fixture(scope="session")
def process_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("process") / "cache"


@pytest.fixture(params=["fake", DOCKER, *SANDBOXES, "plain"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = make_bench(request)
    yield made
    made.close()


@pytest.fixture(params=[DOCKER, *SANDBOXES, "plain"])
def real(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = make_bench(request)
    yield made
    made.close()


@pytest.fixture(params=[DOCKER, *SANDBOXES])
def apart(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Where a thing has a file system of its own: plain processes have not, and say so."""
    made = make_bench(request)
    yield made
    made.close()


@pytest.fixture(params=[DOCKER])
def builder(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Where the steps of a Dockerfile are carried out."""
    made = make_bench(request)
    yield made
    made.close()


def make_bench(request: pytest.FixtureRequest) -> FakeBench | DockerBench | ProcessBench:
    if request.param == "fake":
        return FakeBench()
    if request.param in RUNGS:
        needs(request.param, request)
        return ProcessBench(request.getfixturevalue("process_cache"), request.param)
    image = request.getfixturevalue("docker_image")
    return DockerBench(
        engine=request.getfixturevalue("engine"),
        fresh_name=request.getfixturevalue("fresh_name"),
        base=request.getfixturevalue("base_image"),
        image=image,
    )


# --- the engine itself


def test_an_engine_says_who_it_is(bench: Bench) -> None:
    info = bench.engine.check()
    assert info.name
    assert info.version
    assert info.address
    assert info.platform.startswith("linux/")


# --- images


def build(engine: Engine, bench: Bench, line: str) -> list[bool]:
    plan = bench.image_plan(line)
    return [engine.build(plan, BuildOptions(), lambda _: None).built for _ in range(2)]


def test_an_image_is_built_once(bench: Bench) -> None:
    assert build(bench.engine, bench, "LABEL once=1") == [True, False]


def test_a_built_image_has_its_names_and_labels(bench: Bench) -> None:
    events: list[BuildEvent] = []
    plan = bench.image_plan("LABEL named=1")
    further = f"aml-emu/{plan.name}:further"
    plan = replace(plan, tags=(further,))
    image = bench.engine.build(plan, BuildOptions(), events.append)
    assert image.tag.startswith(f"aml-emu/{plan.name}:")
    assert bench.engine.has(image.tag)
    assert bench.engine.has(further)
    assert ImageReady(id=image.id) in events
    found = {stored.tag: stored for stored in bench.engine.images({TEST_LABEL: plan.name})}
    assert set(found) == {image.tag, further}
    assert found[image.tag].id == image.id
    assert found[image.tag].size > 0


def test_an_image_that_is_not_there_is_not_there(bench: Bench) -> None:
    assert not bench.engine.has("aml-emu/test-never-built:1")
    assert bench.engine.images({TEST_LABEL: "never built"}) == []


def test_a_base_that_cannot_be_had_is_named(bench: Bench) -> None:
    plan = replace(bench.image_plan(), base="aml-emu/test-no-such-base:1")
    with pytest.raises(BuildFailed, match="aml-emu/test-no-such-base:1"):
        bench.engine.build(plan, BuildOptions(), lambda _: None)


def test_an_image_can_be_built_anew(bench: Bench) -> None:
    plan = bench.image_plan("LABEL anew=1")
    anew = BuildOptions(no_cache=True)
    first, again = (bench.engine.build(plan, anew, lambda _: None) for _ in range(2))
    assert first.built
    assert again.built
    assert first.tag == again.tag


def test_secrets_are_mounted_and_leave_nothing(builder: Bench) -> None:
    line = "RUN --mount=type=secret,id=feed,target=/run/feed wc -c </run/feed >/opt/size"
    plan = replace(builder.image_plan(line), secrets=("feed",))
    image = builder.engine.build(plan, BuildOptions(secrets={"feed": b"s3cr3t"}), lambda _: None)
    handle = builder.launch(shell("cat /opt/size; ls -A /run/feed"), image=image.tag)
    handle.wait(30)
    assert said(handle).split()[0] == "6"
    assert "s3cr3t" not in said(handle)


def test_a_step_that_fails_is_told_with_its_words(builder: Bench) -> None:
    plan = builder.image_plan("RUN echo the reason && exit 7")
    with pytest.raises(BuildFailed) as caught:
        builder.engine.build(plan, BuildOptions(), lambda _: None)
    assert "the reason" in caught.value.details
    assert builder.engine.images({TEST_LABEL: plan.name}) == []


# --- launching


def test_a_launched_server_gets_ready(bench: Bench) -> None:
    handle = bench.launch(SERVER, ports=(Port(container=PORT),))
    assert handle.state() == State(status="running")
    assert is_ready(handle)


def test_an_image_that_was_never_built_cannot_be_launched(bench: Bench) -> None:
    name = bench.name()
    with pytest.raises(EngineUnavailable):
        bench.launch(IDLE, name=name, image="aml-emu/test-never-built:1", labels={TEST_LABEL: name})
    assert bench.engine.find({TEST_LABEL: name}) == []


def test_what_is_to_be_mounted_must_be_there(bench: Bench, tmp_path: Path) -> None:
    name = bench.name()
    mount = Mount(source=tmp_path / "missing", target=PurePosixPath("/mnt/x"))
    with pytest.raises(EngineUnavailable):
        bench.launch(IDLE, name=name, mounts=(mount,), labels={TEST_LABEL: name})
    assert bench.engine.find({TEST_LABEL: name}) == []
    assert not (tmp_path / "missing").exists()


def test_a_name_is_taken_while_anything_has_it(bench: Bench) -> None:
    name = bench.name()
    first = bench.launch(IDLE, name=name)
    with pytest.raises(NameTaken, match=name):
        bench.launch(IDLE, name=name)
    first.stop(grace=0)
    assert bench.launch(IDLE, name=name).state().is_running


def test_a_name_is_taken_by_the_remains_of_one_that_ended(bench: Bench) -> None:
    name = bench.name()
    bench.launch(saying("", exit_code=1), name=name).wait(30)
    with pytest.raises(NameTaken, match=name):
        bench.launch(IDLE, name=name)


# --- ports


def test_a_port_is_published_where_it_was_asked_for(bench: Bench) -> None:
    port = ports.free_port()
    handle = bench.launch(SERVER, ports=(Port(container=PORT, host=port),))
    assert (handle.address(PORT).host, handle.address(PORT).port) == ("127.0.0.1", port)
    assert is_ready(handle)


def test_any_free_port_is_found(bench: Bench) -> None:
    handle = bench.launch(SERVER, ports=(Port(container=PORT), Port(container=PORT + 1)))
    first, second = handle.address(PORT), handle.address(PORT + 1)
    assert first.host == second.host == "127.0.0.1"
    assert 0 < first.port != second.port > 0


def test_a_port_that_is_not_published_has_no_address(bench: Bench) -> None:
    handle = bench.launch(SERVER, ports=(Port(container=PORT),))
    with pytest.raises(KeyError):
        handle.address(PORT + 1)


def test_a_thing_without_ports_has_no_address(bench: Bench) -> None:
    with pytest.raises(KeyError):
        bench.launch(IDLE).address(PORT)


def test_only_this_machine_reaches_a_port(bench: Bench) -> None:
    handle = bench.launch(SERVER, ports=(Port(container=PORT),))
    assert is_ready(handle)
    others = {
        each.address
        for addresses in psutil.net_if_addrs().values()
        for each in addresses
        if each.family is socket.AF_INET and not each.address.startswith("127.")
    }
    assert all(refuses(host, handle.address(PORT).port) for host in others)


def test_a_port_held_by_a_process_is_taken(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        held_by = f"`{psutil.Process().name()}` (pid {os.getpid()})"
        assert bench.engine.port_holder(port) == held_by
        with pytest.raises(PortTaken) as caught:
            bench.launch(SERVER, ports=(Port(container=PORT, host=port),))
        assert caught.value.message == f"port {port} is in use by {held_by}"


def test_a_port_held_by_another_launch_is_taken(bench: Bench) -> None:
    port = ports.free_port()
    first = bench.launch(SERVER, ports=(Port(container=PORT, host=port),))
    assert first.name in (bench.engine.port_holder(port) or "")
    name = bench.name()
    with pytest.raises(PortTaken) as caught:
        bench.launch(
            SERVER,
            name=name,
            ports=(Port(container=PORT, host=port),),
            labels={TEST_LABEL: name},
        )
    assert first.name in caught.value.message
    assert bench.engine.find({TEST_LABEL: name}) == []
    first.stop(grace=0)
    assert bench.engine.port_holder(port) is None
    bench.launch(SERVER, name=name, ports=(Port(container=PORT, host=port),))


def test_a_free_port_has_no_holder(bench: Bench) -> None:
    assert bench.engine.port_holder(ports.free_port()) is None


def test_two_services_stand_side_by_side(bench: Bench) -> None:
    both = [bench.launch(SERVER, ports=(Port(container=PORT),)) for _ in range(2)]
    assert all(is_ready(handle) for handle in both)
    assert len({handle.address(PORT) for handle in both}) == 2
    assert len({handle.id for handle in both}) == 2
    both[0].stop(grace=0)
    assert is_ready(both[1])


# --- the log


def test_the_log_is_everything_that_was_said(bench: Bench) -> None:
    text = "first\nsecond café\nthird without an end"
    handle = bench.launch(saying(text))
    handle.wait(30)
    assert said(handle) == text


@pytest.mark.parametrize(
    ("tail", "expected"), [(1, "3\n"), (2, "2\n3\n"), (9, "1\n2\n3\n"), (0, "")]
)
def test_the_logs_tail_is_its_last_lines(bench: Bench, tail: int, expected: str) -> None:
    handle = bench.launch(saying("1\n2\n3\n"))
    handle.wait(30)
    assert said(handle, tail=tail) == expected


def test_the_log_can_be_read_while_the_thing_runs(bench: Bench) -> None:
    handle = bench.launch(saying("hello\n", exit_code=None))
    assert says(handle, "hello\n")
    assert handle.state().is_running


def test_following_the_log_ends_with_the_thing(bench: Bench) -> None:
    handle = bench.launch(saying("all of it\n", exit_code=0))
    assert b"".join(handle.logs(follow=True)) == b"all of it\n"
    assert handle.state().status == "exited"


def test_the_log_goes_with_the_thing(bench: Bench) -> None:
    handle = bench.launch(saying("x\n"))
    handle.stop(grace=0)
    assert said(handle) == ""
    assert list(handle.logs(follow=True)) == []


def test_stderr_is_in_the_log(real: Bench) -> None:
    handle = real.launch(shell("echo out; echo err >&2"))
    handle.wait(30)
    assert sorted(said(handle).split()) == ["err", "out"]


# --- its end


@pytest.mark.parametrize("code", [0, 1, 3, 137])
def test_the_exit_code_is_kept(bench: Bench, code: int) -> None:
    handle = bench.launch(saying("bye\n", exit_code=code))
    ended = State(status="exited", exit_code=code)
    assert handle.wait(30) == ended
    assert handle.wait() == ended
    assert handle.state() == ended


def test_waiting_has_a_time_out(bench: Bench) -> None:
    handle = bench.launch(IDLE)
    started = time.monotonic()
    assert handle.wait(0.2) == State(status="running")
    assert 0.1 < time.monotonic() - started < 10


def test_what_ended_has_no_address(bench: Bench) -> None:
    handle = bench.launch(saying("", exit_code=0), ports=(Port(container=PORT),))
    handle.wait(30)
    with pytest.raises(KeyError):
        handle.address(PORT)


def test_stopping_removes_it(bench: Bench) -> None:
    name = bench.name()
    handle = bench.launch(IDLE, labels={TEST_LABEL: name})
    handle.stop()
    assert handle.state() == State(status="gone")
    assert bench.engine.find({TEST_LABEL: name}) == []


@pytest.mark.parametrize("program", [IDLE, saying("", exit_code=1)], ids=["running", "ended"])
def test_stopping_again_is_no_error(bench: Bench, program: Program) -> None:
    handle = bench.launch(program)
    for _ in range(2):
        handle.stop(grace=0)
    assert handle.state().status == "gone"
    assert handle.wait(1).status == "gone"


def test_what_does_not_listen_is_ended_all_the_same(real: Bench) -> None:
    handle = real.launch(STUBBORN)
    assert says(handle, "started")
    started = time.monotonic()
    handle.stop(grace=1)
    assert handle.state().status == "gone"
    assert time.monotonic() - started < 10


def test_what_listens_is_given_its_time(real: Bench, tmp_path: Path) -> None:
    mount = Mount(source=tmp_path, target=PurePosixPath("/mnt/out"))
    tidy = "trap 'echo tidy >/mnt/out/end; exit 0' TERM; echo started; sleep 600 & wait"
    handle = real.launch(shell(tidy), mounts=(mount,))
    assert says(handle, "started")
    handle.stop(grace=10)
    assert (tmp_path / "end").read_text() == "tidy\n"


# --- finding it again


def test_what_was_launched_is_found_by_its_labels(bench: Bench) -> None:
    mark = bench.name()
    one = bench.launch(IDLE, labels={TEST_LABEL: mark, "n": "1", "sentence": "a = b, c"})
    two = bench.launch(IDLE, labels={TEST_LABEL: mark, "n": "2"})
    find = bench.engine.find
    assert {handle.id for handle in find({TEST_LABEL: mark})} == {one.id, two.id}
    assert [handle.id for handle in find({TEST_LABEL: mark, "n": "2"})] == [two.id]
    assert [handle.id for handle in find({TEST_LABEL: mark, "sentence": ""})] == [one.id]
    assert find({TEST_LABEL: mark, "n": "3"}) == []
    assert find({TEST_LABEL: mark, "other": ""}) == []


def test_labels_come_back_as_they_were_given(bench: Bench) -> None:
    labels = {TEST_LABEL: bench.name(), "path": "/a b/c", "json": '["é", 1]', "empty": ""}
    bench.launch(IDLE, labels=labels)
    (found,) = bench.engine.find({TEST_LABEL: labels[TEST_LABEL]})
    assert {key: found.labels[key] for key in labels} == labels


def test_what_ended_is_found_too(bench: Bench) -> None:
    mark = bench.name()
    handle = bench.launch(saying("x", exit_code=3), labels={TEST_LABEL: mark})
    handle.wait(30)
    (found,) = bench.engine.find({TEST_LABEL: mark})
    assert found.state() == State(status="exited", exit_code=3)


def test_another_process_can_take_over(bench: Bench) -> None:
    """The command that launched it is dead; the next one finds it, asks it, ends it."""
    mark = bench.name()
    first = bench.launch(SERVER, ports=(Port(container=PORT),), labels={TEST_LABEL: mark})
    (found,) = bench.other_process().find({TEST_LABEL: mark})
    assert (found.id, found.name) == (first.id, first.name)
    assert found.address(PORT) == first.address(PORT)
    assert is_ready(found)
    found.stop(grace=0)
    assert first.state() == State(status="gone")
    first.stop(grace=0)


# --- inside it


AWKWARD = {
    "PLAIN": "x",
    "EMPTY": "",
    "SPACES": " a  b ",
    "DOLLAR": "$HOME ${X} `id`",
    "QUOTES": "\"a\" 'b' \\",
    "UNICODE": "café 日本",
    "EQUALS": "a=b=c",
    "LINES": "a\nb",
}


def test_variables_arrive_as_they_are(real: Bench) -> None:
    show = "import os, json; print(json.dumps(dict(os.environ)))"
    handle = real.launch(Program(command=("python3", "-c", show)), env=AWKWARD)
    handle.wait(30)
    arrived = json.loads(said(handle))
    assert {name: arrived.get(name) for name in AWKWARD} == AWKWARD


def test_arguments_arrive_as_they_are(real: Bench) -> None:
    awkward = ("a b", "", "$HOME", "'\"", "*", "-x")
    show = "import sys; sys.stdout.write('|'.join(sys.argv[1:]))"
    handle = real.launch(Program(command=("python3", "-c", show, *awkward)))
    handle.wait(30)
    assert said(handle) == "|".join(awkward)


def test_it_starts_where_the_plan_says(real: Bench) -> None:
    handle = real.launch(shell("pwd"), working_dir=PurePosixPath("/usr/bin"))
    handle.wait(30)
    assert said(handle) == "/usr/bin\n"


def test_a_command_can_be_run_inside(real: Bench) -> None:
    handle = real.launch(IDLE, env={"WORD": "there"})
    result = handle.exec(["sh", "-c", "echo $WORD; echo wrong >&2; exit 5"])
    assert result.exit_code == 5
    assert sorted(result.output.split()) == ["there", "wrong"]
    assert handle.exec(["true"]).exit_code == 0
    assert handle.state().is_running


def test_a_command_that_is_not_there_fails(real: Bench) -> None:
    assert real.launch(IDLE).exec(["no-such-program-7"]).exit_code in {126, 127}


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder, with: signs é"
    folder.mkdir()
    (folder / "file.txt").write_text("from the host\n")
    return folder


def test_a_folder_is_shared_both_ways(real: Bench, shared: Path) -> None:
    mount = Mount(source=shared, target=PurePosixPath("/mnt/in it"))
    handle = real.launch(IDLE, mounts=(mount,))
    assert handle.exec(["cat", "/mnt/in it/file.txt"]).output == "from the host\n"
    (shared / "file.txt").write_text("changed\n")
    assert handle.exec(["cat", "/mnt/in it/file.txt"]).output == "changed\n"
    assert handle.exec(["sh", "-c", "echo back >'/mnt/in it/new.txt'"]).exit_code == 0
    assert (shared / "new.txt").read_text() == "back\n"
    assert (shared / "new.txt").stat().st_uid == os.getuid()


def test_what_is_read_only_cannot_be_written(apart: Bench, shared: Path) -> None:
    mount = Mount(source=shared, target=PurePosixPath("/mnt/in"), read_only=True)
    handle = apart.launch(IDLE, mounts=(mount,))
    assert handle.exec(["cat", "/mnt/in/file.txt"]).output == "from the host\n"
    for command in ("echo x >/mnt/in/file.txt", "echo x >/mnt/in/new", "rm /mnt/in/file.txt"):
        assert handle.exec(["sh", "-c", command]).exit_code != 0
    assert [path.name for path in shared.iterdir()] == ["file.txt"]
    assert (shared / "file.txt").read_text() == "from the host\n"


def test_a_file_lies_within_a_shared_folder(apart: Bench, shared: Path, tmp_path: Path) -> None:
    """As a model lies within the code."""
    (shared / "model").mkdir()
    (shared / "model/m.bin").touch()
    model = tmp_path / "m.bin"
    model.write_text("the model\n")
    root = PurePosixPath("/mnt/app")
    mounts = (
        Mount(source=shared, target=root),
        Mount(source=model, target=root / "model/m.bin", read_only=True),
    )
    handle = apart.launch(shell("cat /mnt/app/model/m.bin /mnt/app/file.txt"), mounts=mounts)
    handle.wait(30)
    assert said(handle) == "the model\nfrom the host\n"
    assert (shared / "model/m.bin").read_text() == ""


def test_files_are_placed_before_it_starts(apart: Bench, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"x" * 2_000_000)
    files = (
        PlacedFile(
            path=PurePosixPath("/srv/new/run"),
            content=b"#!/bin/sh\ncat /srv/new/word; wc -c </srv/new/deep/big\n",
            mode=0o755,
        ),
        PlacedFile(path=PurePosixPath("/srv/new/word"), content="café\n".encode(), mode=0o600),
        PlacedFile(path=PurePosixPath("/srv/new/deep/big"), content=big),
    )
    program = Program(command=("/srv/new/run",))
    handle = apart.launch(program, files=files)
    assert handle.wait(30).exit_code == 0
    assert said(handle).split() == ["café", "2000000"]


def test_caches_survive(real: Bench) -> None:
    cache = Cache(name=real.name(), target=PurePosixPath("/var/cache/thing"))
    first = real.launch(shell("echo kept >/var/cache/thing/file"), caches=(cache,))
    assert first.wait(30).exit_code == 0
    first.stop(grace=0)
    second = real.launch(shell("cat /var/cache/thing/file"), caches=(cache,))
    second.wait(30)
    assert said(second) == "kept\n"


def test_caches_of_different_names_are_different(real: Bench) -> None:
    target = PurePosixPath("/var/cache/thing")
    write = shell("echo kept >/var/cache/thing/file")
    real.launch(write, caches=(Cache(name=real.name(), target=target),)).wait(30)
    other = real.launch(
        shell("ls /var/cache/thing"), caches=(Cache(name=real.name(), target=target),)
    )
    other.wait(30)
    assert said(other) == ""


def test_nothing_else_of_one_is_seen_by_the_next(apart: Bench) -> None:
    apart.launch(shell("touch /tmp/mark")).wait(30)
    second = apart.launch(shell("ls /tmp"))
    second.wait(30)
    assert "mark" not in said(second)


# --- what it may use


def test_a_limit_of_cpus_holds_or_is_said_not_to(real: Bench) -> None:
    """Version 1 and 2 of the kernel's control groups say it in different files."""
    quota = "cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us"
    handle = real.launch(shell(quota), cpus=0.5)
    handle.wait(30)
    is_limited = said(handle).split()[:1] == ["50000"]
    assert is_limited != any("no resource limits" in each for each in real.engine.check().notes)


@pytest.mark.parametrize("cpus", [0.001, 4096.0])
def test_any_limit_of_cpus_can_be_launched(bench: Bench, cpus: float) -> None:
    assert bench.launch(IDLE, cpus=cpus).state().is_running


# --- what runs need


def test_things_reach_this_machine_by_its_address(real: Bench) -> None:
    address = real.engine.host_address()
    with socket.create_server((address.bind, 0)) as server:
        server.settimeout(30)
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(({address.name!r}, {port}), 20).close()"
        handle = real.launch(Program(command=("python3", "-c", code)))
        connection, _ = server.accept()
        connection.close()
    assert handle.wait(30).exit_code == 0


def test_every_engine_has_an_address_for_servers_of_ours(bench: Bench) -> None:
    address = bench.engine.host_address()
    assert address.name
    socket.create_server((address.bind, 0)).close()


def test_a_leashed_things_input_stays_open(real: Bench) -> None:
    handle = real.launch(shell("cat; echo ended"), leashed=True)
    assert handle.wait(1.0).is_running


def test_a_leashed_thing_ends_with_who_launched_it(real: Bench, tmp_path: Path) -> None:
    labels = {TEST_LABEL: real.name()}
    child = os.fork()
    if child == 0:
        program = shell("echo begun; cat; echo over")
        real.launch(program, leashed=True, labels=labels)
        (tmp_path / "launched").touch()
        threading.Event().wait(2 * PATIENCE)
        os._exit(1)
    try:
        launched = tmp_path / "launched"
        assert retry_until(lambda: launched.exists() or None, timeout=PATIENCE)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    (handle,) = real.other_process().find(labels)
    assert handle.wait(PATIENCE).exit_code == 0
    assert said(handle) == "begun\nover\n"
    handle.stop(grace=0)


def test_what_runs_beside_a_leashed_thing_has_no_input(real: Bench) -> None:
    handle = real.launch(IDLE, leashed=True)
    assert handle.exec(["cat"]).exit_code == 0

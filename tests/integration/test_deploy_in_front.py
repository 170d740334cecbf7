"""Deployments in the foreground: breakpoints through the router, saves, environments."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes import wait_for
from tests.integration.desk import SCORE, VERSIONS, Desk, InFront
from tests.integration.served import ENV_YML
from tests.project import write_tree
from toolkit.engines.docker import DockerEngine
from toolkit.plans.emulation import LABEL_ENDPOINT

pytestmark = pytest.mark.docker

BREAKPOINT = next(n for n, line in enumerate(SCORE.strip().splitlines(), 1) if "return" in line)
RELOADED = r"reloaded score\.py in \d+ ms"


def test_a_request_to_the_debugged_replica_only_stops_at_a_breakpoint(desk: Desk) -> None:
    script = desk.project.path / "code" / "score.py"
    with InFront(desk, "green.yml", "--debug", "--record") as green, green.debug() as session:
        session.set_breakpoints(script, [BREAKPOINT])
        session.wait_for_worker()
        for reloads, word in enumerate(("answer", "again"), start=0):
            with ThreadPoolExecutor() as threads:
                sent = threads.submit(desk.answer, {"number": 21}, "--debugged")
                stop = session.wait_for_stop()
                assert (stop.file, stop.function) == (str(script), "run")
                assert session.locals(stop)["body"] == "{'number': 21}"
                others = [desk.answer({"number": number}) for number in range(3)]
                assert [each[word] for each in others] == [0, 2, 4]  # the second replica's
                session.continue_(stop)
                assert sent.result(60) == {word: 42, "who": "green"}
            if not reloads:
                script.write_text(script.read_text().replace('"answer"', '"again"'))
                green.wait_for_count(RELOADED, 2)  # in both replicas
        with ThreadPoolExecutor() as threads:
            sent_again = threads.submit(
                desk.project.run, "replay", desk.name, "--debug", timeout=60
            )
            session.continue_(session.wait_for_stop())
            assert json.loads(sent_again.result(60).assert_success().out)["again"] == 42


def test_each_deployment_has_a_debugger_and_reloads_of_its_own(desk: Desk) -> None:
    write_tree(desk.project.path, {"other": {"score.py": SCORE}})
    desk.edit("green.yml", "code: code", "code: other")
    code, other = desk.project.path / "code", desk.project.path / "other"
    flags = ("--debug", "--instances", "1")
    with (
        InFront(desk, "blue.yml", *flags) as blue,
        InFront(desk, "green.yml", *flags) as green,
        blue.debug() as in_blue,
        green.debug(other) as in_green,
    ):
        for session, folder in ((in_blue, code), (in_green, other)):
            session.set_breakpoints(folder / "score.py", [BREAKPOINT])
            session.wait_for_worker()
        for served, session, colour, folder in (
            (blue, in_blue, "blue", code),
            (green, in_green, "green", other),
        ):
            script = folder / "score.py"
            script.write_text(script.read_text().replace('"answer"', f'"{colour}"'))
            served.wait_for_count(RELOADED, 1)
            later = served.score_later({"number": 2})
            stop = session.wait_for_stop()
            assert stop.file == str(script)
            session.continue_(stop)
            assert later() == {colour: 4, "who": colour}
        assert (blue.count(RELOADED), green.count(RELOADED)) == (1, 1)


def test_an_edited_environment_comes_into_every_replica(desk: Desk, engine: DockerEngine) -> None:
    write_tree(desk.project.path, {"code": {"score.py": VERSIONS}})
    with InFront(desk, "green.yml") as green:
        before = {handle.id for handle in engine.find({LABEL_ENDPOINT: desk.name})}
        assert len(before) == 2
        env = desk.project.path / "env.yml"
        env.write_text(ENV_YML.lstrip() + "      - six==1.17.0\n")
        green.wait_for_line("environment changed: six==1.17.0 added")
        green.wait_for_count(r"reloaded the service in \d+ ms", 2)
        answers = [green.score({"number": 1}) for _ in range(4)]
        assert [each["six"] for each in answers] == [["1.17.0"]] * 4
        assert {handle.id for handle in engine.find({LABEL_ENDPOINT: desk.name})} == before
        env.write_text(env.read_text() + "variables:\n  PAINT: oil\n")
        green.wait_for_line("environment changed: .*another Dockerfile")
        green.wait_for_line("runs in a new container, from aml-emu/")
        answers = [green.score({"number": 1}) for _ in range(4)]
        assert [(each["six"], each["paint"]) for each in answers] == [(["1.17.0"], "oil")] * 4
        after = {handle.id for handle in engine.find({LABEL_ENDPOINT: desk.name})}
        assert len(after) == 2
        assert not after & before


def test_the_router_speaks_where_deploy_runs(desk: Desk) -> None:
    with InFront(desk, "green.yml", "--json") as green:
        green.wait_for_output("\n}\n")  # while it runs: what the replicas say is on stderr
        document = json.loads(green.output)
        assert document["deployment"] == "green"
        green.wait_for_line("Users's init has completed successfully")
        desk.kill(desk.replicas("green")[0])
        assert [green.score({"number": n})["answer"] for n in range(6)] == [0, 2, 4, 6, 8, 10]
        green.wait_for_line("does not answer any more.*: 1 of 2 take requests")


def test_a_raw_file_is_sent_as_what_it_is(desk: Desk) -> None:
    api = "from azureml_inference_server_http.api"
    script = (
        f"{api}.aml_request import rawhttp\n{api}.aml_response import AMLResponse\n\n"
        "def init():\n    pass\n\n@rawhttp\ndef run(request):\n"
        "    told = [len(request.get_data()), request.content_type, request.headers['x-mine']]\n"
        "    return AMLResponse(' '.join(map(str, told)), 200, {'x-own': 'kept'})\n"
    )
    photo = b"\x89PNG" + bytes(range(256)) * 400  # larger than what the router holds in memory
    write_tree(desk.project.path, {"code": {"score.py": script}, "photo.png": photo})
    desk.deploy("blue.yml").assert_success()
    flags = ("--file", "photo.png", "--header", "x-mine: yes", "--json")
    told = json.loads(desk.project.run("invoke", desk.name, *flags).assert_success().out)
    assert told["body"] == f"{len(photo)} image/png yes"
    assert told["headers"]["x-own"] == "kept"


def test_the_parts_of_an_answer_come_as_they_are_made(desk: Desk) -> None:
    streams = (
        "\ndef parts():\n    import pathlib, time\n    yield 'one\\n'\n"
        "    while not pathlib.Path(__file__).with_name('go').exists():\n        time.sleep(0.01)\n"
        "    yield 'two\\n'\n"
    )
    script = SCORE.replace("    return {", "    return Response(parts())\n    return {") + streams
    write_tree(desk.project.path, {"code": {"score.py": "from flask import Response\n" + script}})
    desk.deploy("blue.yml").assert_success()
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "toolkit.cli", "invoke", desk.name),
            *("--data", '{"number": 1}', "--stream", "--timing"),
        ],
        cwd=desk.project.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as invoke:
        assert invoke.stdout is not None
        assert invoke.stderr is not None
        assert invoke.stdout.readline() == b"one\n"
        assert wait_for(lambda: invoke.poll() is None)
        (desk.project.path / "code" / "go").touch()
        assert invoke.stdout.read() == b"two\n"
        assert b"first byte after " in invoke.stderr.read()
    assert invoke.returncode == 0

import asyncio
import io
import json
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from aiohttp import web

from tests.unit.live.router.bench import Container, bench, once, run, serving
from toolkit.live.endpoint import Serving
from toolkit.live.router.access import make_token
from toolkit.live.router.keep import unpacked
from toolkit.specs.deployment import Collection, DataCollector, ProbeSettings, RequestSettings


def test_a_request_comes_through_with_its_body_and_headers(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            status, headers, body = await it.post(b'{"a": 1}', path="/score?x=1", x_mine="yes")
            assert (status, json.loads(body)) == (200, {"from": "blue"})
            assert headers["x-own"] == "kept"
            assert headers["azureml-model-deployment"] == "blue"
            assert blue.requests == [("POST", "/score?x=1", b'{"a": 1}')]
            assert blue.headers[0]["x-mine"] == "yes"
            assert "Authorization" not in blue.headers[0]

    run(scenario())


def test_who_has_no_key_or_a_wrong_one_is_not_let_in(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            assert (await it.post(key="wrong"))[0] == 401
            assert (await it.post(Authorization="Basic abc"))[0] == 401
            assert (await it.post(Authorization=""))[0] == 401
            assert (await it.post(key=it.state.secondary))[0] == 200
            assert len(blue.requests) == 1

    run(scenario())


def test_tokens_are_judged_by_time_and_endpoint(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, Container("blue")) as it:
            await it.change(auth_mode="aml_token")
            assert (await it.post())[0] == 200
            assert (await it.post(key=it.state.primary))[0] == 401
            old = make_token(it.state, lifetime=-1)["accessToken"]
            assert (await it.post(key=old))[0] == 401
            other = make_token(replace(it.state, name="other"))["accessToken"]
            assert (await it.post(key=other))[0] == 403

    run(scenario())


def test_traffic_is_shared_as_it_was_set_and_at_once(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue"), green := Container("green")) as it:
            await it.serve(serving("green", green))
            await it.change(traffic={"blue": 90, "green": 10})
            for _ in range(100):
                await it.post()
            assert (len(blue.requests), len(green.requests)) == (90, 10)
            await it.change(traffic={"blue": 0, "green": 100})
            for _ in range(5):
                await it.post()
            assert (len(blue.requests), len(green.requests)) == (90, 15)
            await it.post(azureml_model_deployment="blue")
            assert len(blue.requests) == 91
            assert (await it.post(azureml_model_deployment="red"))[0] == 404
            await it.change(traffic={})
            assert (await it.post())[0] == 404

    run(scenario())


def test_mirrored_requests_are_copies(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue"), green := Container("green")) as it:
            await it.serve(serving("green", green))
            await it.change(mirror={"green": 50})
            answers = [await it.post(f"{n}".encode()) for n in range(10)]
            assert {json.loads(body)["from"] for _, _, body in answers} == {"blue"}
            await it.until(lambda: len(green.requests) == 5)
            assert len(blue.requests) == 10
            assert {body for _, _, body in green.requests} < {body for _, _, body in blue.requests}
            assert len(green.requests) == 5

    run(scenario())


def test_what_the_model_answers_badly_is_a_424(tmp_path: Path) -> None:
    async def fails(_request: web.BaseRequest) -> web.Response:
        return web.json_response({"message": "no"}, status=500)

    async def scenario() -> None:
        async with bench(tmp_path, container := Container("blue", fails)) as it:
            status, headers, body = await it.post()
            assert (status, json.loads(body)) == (424, {"message": "no"})
            assert headers["ms-azureml-model-error-statuscode"] == "500"
            assert headers["ms-azureml-model-error-reason"] == "model_error"
            await it.serve(serving("blue", container, kind="kubernetes"))
            assert (await it.post())[0] == 500

    run(scenario())


def test_no_request_after_a_reload_uses_a_connection_of_before(tmp_path: Path) -> None:
    """The worker at its other end would answer with the old code."""
    peers: list[object] = []

    async def says_who(request: web.BaseRequest) -> web.Response:
        assert request.transport is not None
        peers.append(request.transport.get_extra_info("peername"))
        return web.Response()

    async def scenario() -> None:
        async with bench(tmp_path, Container("blue", says_who)) as it:
            for _ in range(3):
                await it.post()
            assert len(set(peers)) == 1
            await it.reloaded()
            await it.post()
            assert len(set(peers)) == 2

    run(scenario())


def test_a_request_under_way_survives_a_reload(tmp_path: Path) -> None:
    async def scenario() -> None:
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_request: web.BaseRequest) -> web.Response:
            asked.set()
            await go_on.wait()
            return web.json_response({"code": "old"})

        async with bench(tmp_path, Container("blue", slow)) as it:
            under_way = asyncio.ensure_future(it.post())
            await asked.wait()
            await it.reloaded()
            go_on.set()
            status, _, body = await under_way
            assert (status, json.loads(body)) == (200, {"code": "old"})

    run(scenario())


def test_who_takes_too_long_is_cut_off(tmp_path: Path) -> None:
    async def slow(_request: web.BaseRequest) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def scenario() -> None:
        async with bench(tmp_path, container := Container("blue", slow)) as it:
            limits = RequestSettings(timeout_ms=50, concurrent=1, queue_wait_ms=500)
            await it.serve(serving("blue", container, requests=limits))
            status, _, body = await it.post()
            assert (status, "request_timeout_ms" in body.decode()) == (408, True)
            await it.serve(serving("blue", container, requests=limits, kind="kubernetes"))
            assert (await it.post())[0] == 504

    run(scenario())


def test_more_than_twice_what_it_takes_is_refused_and_waiting_has_an_end(tmp_path: Path) -> None:
    free = asyncio.Event()

    async def scenario() -> None:
        async with bench(tmp_path, container := Container("blue", once(free))) as it:
            limits = RequestSettings(timeout_ms=9000, concurrent=2, queue_wait_ms=9000)
            await it.serve(serving("blue", container, requests=limits))
            calls = [asyncio.ensure_future(it.post()) for _ in range(6)]
            done, _ = await asyncio.wait(calls, timeout=1, return_when=asyncio.FIRST_COMPLETED)
            while len(done) < 2:
                more, _ = await asyncio.wait(
                    set(calls) - done, timeout=1, return_when=asyncio.FIRST_COMPLETED
                )
                done |= more
            assert sorted(call.result()[0] for call in done) == [429, 429]
            free.set()
            answers = await asyncio.gather(*calls)
            assert sorted(answer[0] for answer in answers) == [200] * 4 + [429] * 2
            free.clear()
            short = RequestSettings(timeout_ms=9000, concurrent=1, queue_wait_ms=20)
            await it.serve(serving("blue", container, requests=short))
            first = asyncio.ensure_future(it.post())
            await it.until(lambda: it.router.pools["blue"].active == 1)
            status, _, body = await it.post()
            assert (status, "max_queue_wait_ms" in body.decode()) == (429, True)
            free.set()
            assert (await first)[0] == 200

    run(scenario())


def test_who_gave_up_waiting_does_not_count_as_waiting(tmp_path: Path) -> None:
    """Otherwise a server that stands still for a moment has everybody refused at once."""
    free = asyncio.Event()

    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue", once(free))) as it:
            limits = RequestSettings(timeout_ms=9000, concurrent=1, queue_wait_ms=20)
            await it.serve(serving("blue", blue, requests=limits))
            first = asyncio.ensure_future(it.post())
            pool = it.router.pools["blue"]
            await it.until(lambda: pool.active == 1)
            for _ in range(3):
                status, _, body = await it.post()
                assert (status, "max_queue_wait_ms" in body.decode()) == (429, True)
            assert len(pool.waiting) == 0
            free.set()
            assert (await first)[0] == 200

    run(scenario())


def test_what_a_kubernetes_endpoint_answers_in_front_of_its_pods(tmp_path: Path) -> None:
    free = asyncio.Event()

    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue", once(free))) as it:
            limits = RequestSettings(timeout_ms=9000, concurrent=1, queue_wait_ms=20)
            await it.serve(serving("blue", blue, kind="kubernetes", requests=limits))
            first = asyncio.ensure_future(it.post())
            await it.until(lambda: it.router.pools["blue"].active == 1)
            status, headers, body = await it.post()
            assert (status, "max_queue_wait_ms" in body.decode()) == (503, True)
            assert headers["azureml-model-deployment"] == "blue"
            impatient = [it.post() for _ in range(3)]
            assert {answer[0] for answer in await asyncio.gather(*impatient)} == {503}
            free.set()
            assert (await first)[0] == 200
            large = await it.post(io.BytesIO(b"x" * 2_000_000))
            assert large[0] == 200  # its limit is its ingress's: 100 MiB
            await blue.stop()
            status, _, body = await it.post()
            assert (status, "No replica" in body.decode()) == (502, True)

    run(scenario())


def test_a_body_that_is_too_large_is_refused(tmp_path: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 50_000

    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            assert (await it.post(io.BytesIO(b"x" * 1_572_865)))[0] == 413
            assert (await it.post(chunks()))[0] == 413
            assert (await it.post(io.BytesIO(b"x" * 1_500_000)))[0] == 200
            assert [len(body) for _, _, body in blue.requests] == [1_500_000]

    run(scenario())


def test_bodies_are_passed_on_as_they_come(tmp_path: Path) -> None:
    more = asyncio.Event()

    async def streams(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"one")
        await more.wait()
        await response.write(b"two")
        await response.write_eof()
        return response

    async def scenario() -> None:
        async with bench(tmp_path, Container("blue", streams)) as it:
            key = {"Authorization": f"Bearer {it.state.primary}"}
            async with it.session.post(f"{it.state.url}/score", headers=key) as answer:
                assert await answer.content.readany() == b"one"
                more.set()
                assert await answer.content.read() == b"two"

    run(scenario())


def test_when_one_dies_the_others_take_over_and_it_is_said(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, one := Container("one"), two := Container("two")) as it:
            await it.serve(serving("blue", one, two))
            before = [await it.post() for _ in range(4)]
            assert {json.loads(body)["from"] for _, _, body in before} == {"one", "two"}
            await one.stop()
            answers = [await it.post() for _ in range(6)]
            assert {(status, json.loads(body)["from"]) for status, _, body in answers} == {
                (200, "two")
            }
            assert any("`iris.blue.1` does not answer any more" in line for line in it.said)
            await two.stop()
            assert (await it.post())[0] == 500
            assert "0 of 2 take requests" in it.said[-1]

    run(scenario())


def test_a_dead_deployments_share_goes_to_the_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue"), green := Container("green")) as it:
            await it.serve(serving("green", green))
            await it.change(traffic={"blue": 50, "green": 50})
            await green.stop()
            statuses = [(await it.post())[0] for _ in range(10)]
            assert statuses.count(500) == 1  # the one that found out
            assert len(blue.requests) == 9

    run(scenario())


def test_one_that_is_well_again_gets_requests_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            often = ProbeSettings(initial_delay=0.01, period=0.05)
            await it.serve(serving("blue", blue, readiness=often))
            await blue.stop()
            assert (await it.post())[0] == 500
            await blue.start()
            await it.until(lambda: it.router.pools["blue"].is_there)
            assert (await it.post())[0] == 200
            assert "answers again" in it.said[-1]

    run(scenario())


def test_a_replica_that_is_not_live_is_started_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            probe = ProbeSettings(initial_delay=0.01, period=0.01, timeout=0.5, failure_threshold=2)
            await it.serve(serving("blue", blue, liveness=probe))
            await asyncio.sleep(0.1)
            assert it.revived == []
            await blue.stop()
            await it.until(lambda: bool(it.revived))
            assert it.revived[0] == "iris.blue.1"

    run(scenario())


def test_probes_go_on_while_the_endpoint_is_looked_at_again_and_again(tmp_path: Path) -> None:
    """The router reads its file every second, most probes are due every ten."""

    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            probe = ProbeSettings(initial_delay=0.05, period=0.05, timeout=1, failure_threshold=2)
            await it.serve(serving("blue", blue, liveness=probe))
            await blue.stop()
            while not it.revived:
                await it.router.renew()
                await asyncio.sleep(0.01)
            assert it.revived == ["iris.blue.1"]

    run(scenario())


def test_a_server_that_is_being_started_anew_is_left_alone(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            begun, done = threading.Event(), threading.Event()
            calls: list[str] = []

            def revive(_serving: Serving, replica: str) -> None:
                calls.append(replica)
                begun.set()
                done.wait(10)

            it.router.revive = revive
            probe = ProbeSettings(initial_delay=0.01, period=0.01, timeout=1, failure_threshold=1)
            await it.serve(serving("blue", blue, liveness=probe))
            await blue.stop()
            await it.until(begun.is_set)
            await asyncio.sleep(0.2)  # twenty probes, if there were any
            assert calls == ["iris.blue.1"]
            done.set()
            await it.until(lambda: len(calls) > 1)

    run(scenario())


def test_who_failed_its_readiness_probe_must_answer_as_often_as_it_says(tmp_path: Path) -> None:
    answers: list[int] = []

    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            probe = ProbeSettings(period=0.01, timeout=1, success_threshold=2, failure_threshold=1)
            await it.serve(serving("blue", blue, readiness=probe))
            pool = it.router.pools["blue"]
            blue.health = lambda: answers.pop(0) if answers else 503
            await it.until(lambda: not pool.is_there)
            answers.extend([200, 503, 200, 200])
            await it.until(lambda: pool.is_there)
            assert answers == []

    run(scenario())


def test_only_the_debugged_replica_is_asked_when_that_is_wanted(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, one := Container("one"), two := Container("two")) as it:
            made = serving("blue", one, two)
            first = replace(made.replicas[0], debugged=True)
            await it.serve(replace(made, replicas=(first, made.replicas[1])))
            for _ in range(4):
                await it.post(aml_emu_replica="debugged")
            assert (len(one.requests), len(two.requests)) == (4, 0)
            assert "aml-emu-replica" not in {name.lower() for name in one.headers[0]}

    run(scenario())


def test_records_hold_no_secrets_and_replays_are_not_recorded(tmp_path: Path) -> None:
    keys: list[str] = []

    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            keys.append(it.state.primary)
            await it.serve(serving("blue", blue, recorded=True))
            leaking = f'{{"key": "{it.state.primary}"}}'.encode()
            await it.post(leaking, Cookie="id=1", x_copy=it.state.primary, x_mine="yes")
            await it.post(b"{}", aml_emu_replay="1")
            await it.post(bytes(range(256)))

    run(scenario())
    written = sorted((tmp_path / "records").glob("*.json"))
    assert len(written) == 2
    text = written[0].read_text()
    assert keys[0] not in text
    request = json.loads(text)["request"]
    named = {name.lower(): value for name, value in request["headers"].items()}
    assert named["cookie"] == named["authorization"] == named["x-copy"] == "[redacted]"
    assert named["x-mine"] == "yes"
    assert unpacked(json.loads(written[1].read_text())["request"]) == bytes(range(256))


def test_a_large_body_is_passed_on_whole_and_kept_in_part(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            await it.serve(serving("blue", blue, recorded=True))
            assert (await it.post(io.BytesIO(b"x" * 1_200_000)))[0] == 200
            assert len(blue.requests[0][2]) == 1_200_000

    run(scenario())
    (written,) = (tmp_path / "records").glob("*.json")
    kept = json.loads(written.read_text())
    assert (kept["request"]["cut"], kept["answer"]["cut"]) == (True, False)
    assert unpacked(kept["request"]) == b"x" * (1 << 20)


def test_collected_data_are_json_lines(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, blue := Container("blue")) as it:
            wanted = (Collection(name="model_inputs"), Collection(name="model_outputs"))
            collector = DataCollector(collections=wanted, rolling="day", headers=("x-mine",))
            await it.serve(serving("blue", blue, collector=collector, collected=tmp_path / "data"))
            await it.post(b'{"a": 1}', x_mine="yes", x_other="no")
            await it.post(b"{}", path="/other")

    run(scenario())
    (inputs,) = tmp_path.glob("data/modelDataCollector/iris/blue/model_inputs/*/*/*/*.jsonl")
    (line,) = inputs.read_text().splitlines()
    event = json.loads(line)
    assert event["data"] == {"a": 1}
    assert {name.lower() for name in event["headers"]} == {"x-mine"}
    (outputs,) = tmp_path.glob("data/modelDataCollector/iris/blue/model_outputs/*/*/*/*.jsonl")
    assert json.loads(outputs.read_text())["data"] == {"from": "blue"}


def test_its_own_questions_need_the_password(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with bench(tmp_path, Container("blue")) as it:
            assert (await it.post(path="/.aml-emu/stop"))[0] == 401
            assert not it.router.stopping.is_set()
            await it.post()
            control = it.state.control
            status, _, body = await it.post(path="/.aml-emu/status", aml_emu_control=control)
            assert status == 200
            assert json.loads(body)["deployments"]["blue"]["statuses"] == {"200": 1}
            assert (await it.post(path="/.aml-emu/x", aml_emu_control=control))[0] == 404
            assert (await it.post(path="/.aml-emu/stop", aml_emu_control=control))[0] == 200
            assert it.router.stopping.is_set()
            assert (await it.post(path="/.aml-emu/status", aml_emu_control=control))[0] == 503

    run(scenario())


def test_old_replicas_finish_what_they_began(tmp_path: Path) -> None:
    free = asyncio.Event()

    async def scenario() -> None:
        async with bench(tmp_path, Container("old", once(free)), new := Container("new")) as it:
            call = asyncio.ensure_future(it.post())
            await it.until(lambda: it.router.pools["blue"].active == 1)
            renewing = asyncio.ensure_future(it.serve(serving("blue", new)))
            await asyncio.sleep(0.05)
            assert not renewing.done()
            assert json.loads((await it.post())[2]) == {"from": "new"}
            free.set()
            await renewing
            assert (await call)[2] == b"old"

    run(scenario())

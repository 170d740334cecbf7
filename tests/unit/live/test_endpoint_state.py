import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from toolkit.engines.base import Address
from toolkit.errors import NotFound, SpecError
from toolkit.live.endpoint import Endpoints, EndpointState, Replica, Serving, document
from toolkit.live.router.access import decide, make_token, sign
from toolkit.specs.deployment import Collection, DataCollector
from toolkit.specs.endpoint import Endpoint
from toolkit.workspace.model import Owner

HERE = Address(host="127.0.0.1", port=1)
REPLICA = Replica(name="iris.blue.1", address=HERE, liveness=HERE, readiness=HERE)
BLUE = Serving(
    name="blue",
    kind="managed",
    file=Path("/p/blue.yml"),
    engine="docker",
    fingerprint="f",
    replicas=(REPLICA,),
    collector=DataCollector(collections=(Collection(name="request"),)),
    owner=Owner(pid=1, started=2.0, host="h"),
)


@pytest.fixture
def endpoints(tmp_path: Path) -> Endpoints:
    return Endpoints(tmp_path / ".aml-emu")


def made(endpoints: Endpoints) -> EndpointState:
    return endpoints.ensure(Endpoint(name="iris"), port=lambda: 8000)


def test_what_is_written_is_read(endpoints: Endpoints) -> None:
    state = made(endpoints)
    endpoints.change("iris", lambda found: found.with_serving(BLUE))
    assert endpoints.get("iris") == state.with_serving(BLUE)
    assert endpoints.names() == ["iris"]


def test_keys_and_port_stay_and_only_the_user_may_read_them(endpoints: Endpoints) -> None:
    first = made(endpoints)
    again = endpoints.ensure(Endpoint(name="iris"), port=lambda: 9999)
    assert again == first
    assert (endpoints.folder / "iris.json").stat().st_mode & 0o777 == 0o600
    shown = json.dumps(document(first))
    assert not any(key in shown for key in (first.primary, first.secret, first.control))


def test_changes_from_many_threads_are_all_kept(endpoints: Endpoints) -> None:
    made(endpoints)

    def count() -> None:
        for _ in range(20):
            endpoints.change("iris", lambda found: replace(found, serial=found.serial + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert endpoints.get("iris").serial == 80


def test_a_change_that_fails_changes_nothing(endpoints: Endpoints) -> None:
    state = made(endpoints)

    def fail(_found: EndpointState) -> EndpointState:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        endpoints.change("iris", fail)
    assert endpoints.get("iris") == state


def test_names_that_nothing_has(endpoints: Endpoints) -> None:
    state = made(endpoints).with_serving(BLUE)
    with pytest.raises(NotFound) as caught:
        endpoints.get("irsi")
    assert "`iris`" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        state.serving("blu")
    assert "`blue`" in caught.value.hint
    with pytest.raises(NotFound):
        endpoints.change("other", lambda found: found)


def test_a_file_that_is_damaged_says_what_to_do(endpoints: Endpoints) -> None:
    made(endpoints)
    (endpoints.folder / "iris.json").write_text('{"name": 1}')
    with pytest.raises(SpecError) as caught:
        endpoints.get("iris")
    assert "deploy again" in caught.value.hint


def token(state: EndpointState, **changes: object) -> str:
    claims = {"aud": state.name, "exp": 2**40, **changes}
    return sign(claims, state.secret)


@pytest.mark.parametrize(
    ("mode", "given", "decision"),
    [
        ("key", lambda s: f"Bearer {s.primary}", "allowed"),
        ("key", lambda s: f"bearer {s.secondary}", "allowed"),
        ("key", lambda s: s.primary, "unauthorized"),
        ("key", lambda _: None, "unauthorized"),
        ("key", lambda _: "Bearer schlüssel", "unauthorized"),
        ("key", lambda s: f"Bearer {token(s)}", "unauthorized"),
        ("aml_token", lambda s: f"Bearer {token(s)}", "allowed"),
        ("aml_token", lambda s: f"Bearer {make_token(s)['accessToken']}", "allowed"),
        ("aml_token", lambda s: f"Bearer {token(s, aud='other')}", "forbidden"),
        ("aml_token", lambda s: f"Bearer {token(s, exp=1)}", "unauthorized"),
        ("aml_token", lambda s: f"Bearer {token(replace(s, secret='x'))}", "unauthorized"),
        ("aml_token", lambda _: "Bearer a.b.c", "unauthorized"),
        ("aad_token", lambda s: f"Bearer {token(s)}", "allowed"),
    ],
)
def test_who_is_let_in(
    endpoints: Endpoints, mode: str, given: Callable[[EndpointState], str | None], decision: str
) -> None:
    state = replace(made(endpoints), auth_mode=mode)  # type: ignore[arg-type]  # one of the three
    assert decide(state, given(state)) == decision


def test_the_address_is_the_containers_own_route(endpoints: Endpoints) -> None:
    state = made(endpoints)
    assert state.scoring_uri == "http://127.0.0.1:8000/score"
    own = replace(BLUE, scoring_path="/v1/models/m:predict")
    assert state.with_serving(own).scoring_uri == "http://127.0.0.1:8000/v1/models/m:predict"


def test_no_half_written_file_is_left(endpoints: Endpoints) -> None:
    made(endpoints)
    assert list(endpoints.folder.glob("*.writing")) == []

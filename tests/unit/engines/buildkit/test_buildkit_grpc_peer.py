import pytest
from h2.exceptions import ProtocolError

from tests.unit.engines.buildkit.grpc_caller import Answer, GrpcCaller
from toolkit.engines.buildkit.grpc_peer import GrpcPeer
from toolkit.engines.buildkit.protobuf import bytes_field, fields
from toolkit.engines.buildkit.services import GET_SECRET, HEALTH, Login, session_services

BIG = bytes(range(256)) * 4000  # sixteen times the first flow control window


def no_login(host: str) -> Login:
    return Login()


def peer(**secrets: bytes) -> GrpcPeer:
    return GrpcPeer(session_services(secrets, no_login))


def talk(peer: GrpcPeer, caller: GrpcCaller) -> None:
    """Carry bytes both ways until nobody has more to say."""
    caller.receive(peer.greeting())
    while outgoing := caller.outgoing():
        caller.receive(peer.receive(outgoing))


def ask(peer: GrpcPeer, method: str, message: bytes = b"", raw: bytes | None = None) -> Answer:
    caller = GrpcCaller()
    stream = caller.call(method, message, raw=raw)
    talk(peer, caller)
    answer = caller.answers[stream]
    assert answer.is_complete
    return answer


def test_a_secret_is_handed_over() -> None:
    answer = ask(peer(feed=b"token"), GET_SECRET, bytes_field(1, b"feed"))
    assert answer.headers[":status"] == "200"
    assert answer.headers["content-type"] == "application/grpc"
    assert answer.status == 0
    assert dict(fields(answer.message)) == {1: b"token"}


def test_a_secret_larger_than_the_window_arrives_whole() -> None:
    answer = ask(peer(ca=BIG), GET_SECRET, bytes_field(1, b"ca"))
    assert dict(fields(answer.message)) == {1: BIG}
    assert answer.status == 0


def test_no_more_is_sent_than_the_window_allows() -> None:
    served, caller = peer(ca=BIG), GrpcCaller(acknowledge=False)
    stream = caller.call(GET_SECRET, bytes_field(1, b"ca"))
    talk(served, caller)
    assert len(caller.answers[stream].body) == 65535
    assert not caller.answers[stream].is_complete

    caller.credit(stream, 65535)
    caller.receive(served.receive(caller.outgoing()))
    assert len(caller.answers[stream].body) > 65535


def test_two_calls_at_once_are_both_answered() -> None:
    caller = GrpcCaller()
    big = caller.call(GET_SECRET, bytes_field(1, b"ca"))
    small = caller.call(GET_SECRET, bytes_field(1, b"feed"))
    talk(peer(ca=BIG, feed=b"token"), caller)
    assert dict(fields(caller.answers[big].message)) == {1: BIG}
    assert dict(fields(caller.answers[small].message)) == {1: b"token"}


def test_a_call_taken_back_does_not_stop_the_next() -> None:
    served, caller = peer(ca=BIG, feed=b"token"), GrpcCaller(acknowledge=False)
    stream = caller.call(GET_SECRET, bytes_field(1, b"ca"))
    talk(served, caller)
    caller.http.reset_stream(stream)
    caller.http.increment_flow_control_window(65535)
    next_stream = caller.call(GET_SECRET, bytes_field(1, b"feed"))
    caller.receive(served.receive(caller.outgoing()))
    assert dict(fields(caller.answers[next_stream].message)) == {1: b"token"}


def test_a_missing_secret_is_not_found_by_name() -> None:
    answer = ask(peer(feed=b"token"), GET_SECRET, bytes_field(1, b"other"))
    assert answer.status == 5
    assert answer.headers["grpc-message"] == "secret other: not found"


def test_a_refusal_with_odd_characters_is_still_a_header() -> None:
    answer = ask(peer(), GET_SECRET, bytes_field(1, "50%\nö".encode()))
    assert answer.headers["grpc-message"] == "secret 50%25%0A%C3%B6: not found"


def test_health_is_serving() -> None:
    assert dict(fields(ask(peer(), HEALTH).message)) == {1: 1}


def test_an_unknown_method_is_unimplemented() -> None:
    answer = ask(peer(), "/moby.filesync.v1.FileSync/DiffCopy")
    assert answer.status == 12


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\x00\x00\x00", id="no message"),
        pytest.param(b"\x01\x00\x00\x00\x00", id="compressed"),
        pytest.param(b"\x00\x00\x00\x00\x09abc", id="shorter than said"),
        pytest.param(b"\x00\x00\x00\x00\x02\x0a\x09", id="broken protobuf"),
    ],
)
def test_a_broken_request_is_an_internal_error(raw: bytes) -> None:
    assert ask(peer(), GET_SECRET, raw=raw).status == 13


def test_bytes_may_come_one_by_one() -> None:
    served, caller = peer(feed=b"token"), GrpcCaller()
    stream = caller.call(GET_SECRET, bytes_field(1, b"feed"))
    caller.receive(served.greeting())
    for byte in caller.outgoing():
        caller.receive(served.receive(bytes([byte])))
    assert dict(fields(caller.answers[stream].message)) == {1: b"token"}


def test_goodbye_ends_it() -> None:
    served, caller = peer(), GrpcCaller()
    caller.receive(served.greeting())
    caller.http.close_connection()
    served.receive(caller.outgoing())
    assert served.is_over


def test_what_is_not_http2_is_refused() -> None:
    served = peer()
    served.greeting()
    with pytest.raises(ProtocolError):
        served.receive(b"GET / HTTP/1.1\r\n\r\n" * 4)

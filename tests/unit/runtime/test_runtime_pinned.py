"""What is changed about debugpy, on stand-ins for its modules."""

from __future__ import annotations

import socket
import time
from types import SimpleNamespace

import pytest

from toolkit.runtime.adapter_process import forget_gone_workers
from toolkit.runtime.adapter_process import send_without_delay as adapter_without_delay
from toolkit.runtime.pinned import hurried, keep_no_log, send_without_delay


def no_delay(connection: socket.socket) -> bool:
    return bool(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))


def test_worker_and_adapter_send_without_delay() -> None:
    class Stream:
        def __init__(self, connection: socket.socket, name: str) -> None:
            self.about = (connection, name)

        @classmethod
        def from_socket(cls, connection: socket.socket, name: str) -> Stream:
            return cls(connection, name)

    with socket.socket() as worker, socket.socket() as adapter:
        pydevd = SimpleNamespace(start_client=lambda host, port: worker)
        send_without_delay(pydevd)
        assert pydevd.start_client("127.0.0.1", 1) is worker
        adapter_without_delay(Stream)
        assert Stream.from_socket(adapter, name="a").about == (adapter, "a")
        assert no_delay(worker)
        assert no_delay(adapter)


def test_worker_that_has_gone_is_known_to_no_client() -> None:
    class Connection:
        def __init__(self) -> None:
            self.is_gone = False

        def disconnect(self) -> None:
            self.is_gone = True

    stays, goes = Connection(), Connection()
    client = SimpleNamespace(known_subprocesses={stays, goes})
    forget_gone_workers(Connection, [SimpleNamespace(client=None), SimpleNamespace(client=client)])
    goes.disconnect()
    assert goes.is_gone
    assert client.known_subprocesses == {stays}


@pytest.mark.parametrize(("configured_after", "least", "most"), [(0, 0.0, 0.02), (10**9, 0.05, 5)])
def test_pause_of_a_connecting_pydevd_ends_with_its_reason(
    configured_after: int, least: float, most: float
) -> None:
    looks: list[int] = []

    def is_attached() -> bool:
        looks.append(1)
        return len(looks) > configured_after

    pydevd = SimpleNamespace(time=time, _is_attached=is_attached)
    with hurried(pydevd):
        started = time.monotonic()
        pydevd.time.sleep(0.05)
        assert least <= pydevd.time.monotonic() - started < most
    assert pydevd.time is time


def test_log_is_kept_only_where_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def ensured() -> bool:
        api = SimpleNamespace(ensure_logging=SimpleNamespace(ensured=False))
        keep_no_log(api)
        return bool(api.ensure_logging.ensured)

    monkeypatch.delenv("DEBUGPY_LOG_DIR", raising=False)
    assert ensured()
    monkeypatch.setenv("DEBUGPY_LOG_DIR", "/tmp")
    assert not ensured()

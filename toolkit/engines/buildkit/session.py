"""The session that a build calls back into, carried by a hijacked connection to the engine."""

# ruff: noqa: PLC0415  # who has a client has paid for these imports

from __future__ import annotations

import contextlib
import logging
import threading
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from toolkit.engines.buildkit.grpc_status import GrpcError, Status
from toolkit.engines.buildkit.sdk import registry_login
from toolkit.engines.buildkit.services import GET_SECRET, Login, Service, session_services
from toolkit.engines.buildkit.wire import Wire, engine_answering, post
from toolkit.errors import EngineUnavailable

if TYPE_CHECKING:
    import docker

logger = logging.getLogger(__name__)

_SWITCHING_PROTOCOLS = 101
_NOT_FOUND = 404


@contextlib.contextmanager
def open_session(api: docker.APIClient, secrets: Mapping[str, bytes]) -> Iterator[str | None]:
    """Serve a session while the block runs; its id, or None where the engine has no sessions.

    Without one the build can have neither secrets nor registry logins, so that having secrets
    is then an EngineUnavailable.
    """
    session = uuid.uuid4().hex
    with engine_answering():
        wire = post(api, "/session", headers=_headers(session))
    try:
        if wire.status not in (_SWITCHING_PROTOCOLS, _NOT_FOUND):
            raise EngineUnavailable(f"the Docker engine refused a build session: {wire.error()}")
        if wire.status == _NOT_FOUND or not wire.can_converse:
            _go_without(secrets)
            yield None
            return
        with _served(api, wire, secrets):
            yield session
    finally:
        wire.close()


def _headers(session: str) -> dict[str, str]:
    return {
        "Connection": "Upgrade",
        "Upgrade": "h2c",
        "X-Docker-Expose-Session-Uuid": session,
        "X-Docker-Expose-Session-Name": "aml-emu",
        # A header of several values, of which `requests` can send one; the engine calls the
        # other methods without looking them up here.
        "X-Docker-Expose-Session-Grpc-Method": GET_SECRET,
    }


def _go_without(secrets: Mapping[str, bytes]) -> None:
    if secrets:
        raise EngineUnavailable(
            f"the Docker engine takes no build sessions, which secrets need: {', '.join(secrets)}",
            hint="connect to a Docker engine from 18.09 to 29 over a unix or tcp socket, "
            "or build without private package feeds",
        )
    logger.debug("the engine takes no build sessions: registry logins are not passed on")


@contextlib.contextmanager
def _served(api: docker.APIClient, wire: Wire, secrets: Mapping[str, bytes]) -> Iterator[None]:
    def login(host: str) -> Login:
        import docker.errors  # whoever has a client has paid for this import

        try:
            return registry_login(api, host)
        except docker.errors.DockerException as error:
            raise GrpcError(Status.UNKNOWN, f"no login for {host}: {error}") from error

    thread = threading.Thread(
        target=_converse, args=(wire, session_services(secrets, login)), name="build session"
    )
    thread.daemon = True
    thread.start()
    try:
        yield
    finally:
        wire.hang_up()
        thread.join()


def _converse(wire: Wire, services: Mapping[str, Service]) -> None:
    """Answer until the connection ends, whoever ends it; hang up when it cannot go on."""
    # Loading HTTP/2 takes about as long as the engine needs to read a small context.
    from h2.exceptions import ProtocolError

    from toolkit.engines.buildkit.grpc_peer import GrpcPeer

    peer = GrpcPeer(services)
    try:
        wire.send(peer.greeting())
        while not peer.is_over and (data := wire.receive()):
            wire.send(peer.receive(data))
    except (OSError, ProtocolError) as error:
        logger.debug("build session ended: %s", error)
    finally:
        wire.hang_up()

"""The one connection to the emulator: JSON calls and streams of files, past every proxy.

Calls are made at once and in order, so that what was logged is kept even if the job is killed.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import threading
from typing import Any, BinaryIO, Dict, Iterator, Mapping, Optional, Tuple
from urllib.parse import quote, urlencode, urlsplit

from ..exceptions import RunEnvironmentException, ServiceException

_BASE = "/aml-emu/1.0"
_TIMEOUT = 60.0
_BLOCK = 1 << 20
_FIRST_ERROR = 400
_STALE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)


class Link:
    """One server and one token. Threads and forked processes have connections of their own."""

    def __init__(self, server: str, token: str) -> None:
        self._netloc = urlsplit(server).netloc
        self._token = token
        self._local = threading.local()

    def call(
        self,
        method: str,
        path: str,
        body: Optional[Mapping[str, Any]] = None,
        query: Optional[Mapping[str, Any]] = None,
    ) -> Dict[str, Any]:
        """The JSON that is answered; raises ServiceException for an error."""
        data = None if body is None else json.dumps(body).encode("utf-8")
        with self._told():
            status, text = self._exchange(method, _address(path, query), data)
        if status >= _FIRST_ERROR:
            raise _refused(status, text)
        return dict(json.loads(text))

    def upload(self, place: str, stream: BinaryIO, *, exclusive: bool = False) -> None:
        """Stream a file to a place, e.g. `runs/<id>/<name>`."""
        query = {"exclusive": "1"} if exclusive else None
        with self._told(), contextlib.closing(self._open()) as connection:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # a refusal comes before all is sent; it says why, and can be read all the same
                connection.request(
                    "PUT",
                    _address("files/" + place, query),
                    body=stream,
                    headers=self._headers(),
                    encode_chunked=True,
                )
            answer = connection.getresponse()
            text = answer.read()
        if answer.status >= _FIRST_ERROR:
            raise _refused(answer.status, text)

    def download(self, place: str, target: str) -> None:
        """Stream a file from a place; `target` appears when it is whole."""
        with contextlib.closing(self._open()) as connection:
            with self._told():
                connection.request("GET", _address("files/" + place, None), headers=self._headers())
                answer = connection.getresponse()
                refusal = answer.read() if answer.status >= _FIRST_ERROR else b""
            if answer.status >= _FIRST_ERROR:
                raise _refused(answer.status, refusal)
            os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
            unfinished = f"{target}.{os.getpid()}.part"
            try:
                with open(unfinished, "wb") as file:
                    file.writelines(iter(functools.partial(self._block, answer), b""))
                self._check_whole(answer, place)
                os.replace(unfinished, target)
            finally:
                with contextlib.suppress(FileNotFoundError):  # it has its name
                    os.unlink(unfinished)

    def _exchange(self, method: str, address: str, data: Optional[bytes]) -> Tuple[int, bytes]:
        """Over the connection that is there, or a new one if it was closed meanwhile.

        One that is left in the middle, as by Ctrl-C, is of no use to the next call: it is closed.
        """
        kept = self._kept()
        try:
            try:
                return self._ask(kept, method, address, data)
            except _STALE:
                kept.close()
                return self._ask(kept, method, address, data)
        except BaseException:
            kept.close()
            raise

    def _ask(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        address: str,
        data: Optional[bytes],
    ) -> Tuple[int, bytes]:
        headers = dict(self._headers(), **{"Content-Type": "application/json"})
        connection.request(method, address, body=data, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What breaks on the way is a ServiceException, which scripts catch."""
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or type(error).__name__
            raise ServiceException(
                f"the emulator does not answer at {self._netloc}: {why}"
            ) from error

    def _block(self, answer: http.client.HTTPResponse) -> bytes:
        with self._told():
            return answer.read(_BLOCK)

    def _check_whole(self, answer: http.client.HTTPResponse, place: str) -> None:
        if answer.length:  # what was promised and has not come; reading by blocks does not tell
            raise ServiceException(
                f"the emulator at {self._netloc} ended in the middle of a file: {place}"
            )

    def _kept(self) -> http.client.HTTPConnection:
        """The thread's own connection; one that a fork brought along is the parent's."""
        if getattr(self._local, "pid", None) != os.getpid():
            self._local.connection = self._open()
            self._local.pid = os.getpid()
        connection: http.client.HTTPConnection = self._local.connection
        return connection

    def _open(self) -> http.client.HTTPConnection:
        return _Connection(self._netloc, timeout=_TIMEOUT)

    def _headers(self) -> Dict[str, str]:
        return {"Authorization": "Bearer " + self._token}


class _Connection(http.client.HTTPConnection):
    """Closed with the last reference: a thread's own connection ends with the thread."""

    def __del__(self) -> None:
        self.close()


def link_of_environment() -> Optional[Link]:
    """The link of the run that this process belongs to; None outside of one."""
    server = os.environ.get("AML_EMU_TRACKING")
    token = os.environ.get("AZUREML_RUN_TOKEN")
    return _link(server, token) if server and token else None


@functools.lru_cache(maxsize=4)
def _link(server: str, token: str) -> Link:
    """A script that asks for its run again has the same connection."""
    return Link(server, token)


def link_or_raise() -> Link:
    found = link_of_environment()
    if found is None:
        raise RunEnvironmentException(
            "this process is in no run of aml-emu: start it with `aml-emu run` or `aml-emu python`"
        )
    return found


def _address(path: str, query: Optional[Mapping[str, Any]]) -> str:
    asked = "?" + urlencode(query, doseq=True) if query else ""
    return f"{_BASE}/{quote(path)}{asked}"


def _refused(status: int, text: bytes) -> ServiceException:
    try:
        found = dict(json.loads(text))
    except ValueError:  # whatever it is that answers there, it is not the emulator's protocol
        found = {"message": f"status {status}: " + text.decode("utf-8", "replace").strip()}
    return ServiceException(
        str(found.get("message", "")), status_code=status, error_code=str(found.get("error_code"))
    )

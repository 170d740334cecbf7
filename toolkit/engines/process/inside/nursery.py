"""Starts many launches from one running Python: each a fork in namespaces of its own.

Called with one open socket. A request comes with three open files (standard input, output, and
where to say that it runs); the exit codes go back over the socket. When the other side is gone,
everything is ended.
"""

from __future__ import annotations

import array
import json
import os
import selectors
import signal
import socket

from . import namespaces, processes

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would take 5 ms
    from typing import Any

LONGEST_REQUEST = 1 << 20
FILES = 3
RESTORED = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)


def main(file: str) -> None:
    """Serve until the other side hangs up."""
    Nursery(socket.socket(fileno=int(file))).serve()
    os._exit(0)


class Nursery:
    """The children by pid; all of them are known to the other side by the name it gave."""

    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        self._children: dict[int, str] = {}
        self._wake, woken = os.pipe()
        for number in (self._wake, woken):
            os.set_blocking(number, False)  # the call takes no keyword
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is not for it

    def serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._asked, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fd == self._wake:
                        os.read(self._wake, 4096)
                        self._reap()
                    elif not self._answer():
                        self._end_all()
                        return

    def _answer(self) -> bool:
        """Whether there was a request; False when the other side is gone."""
        size = array.array("i").itemsize
        try:
            text, extra, _, _ = self._asked.recvmsg(
                LONGEST_REQUEST, socket.CMSG_SPACE(FILES * size)
            )
        except OSError:
            return False
        if not text:
            return False
        files = array.array("i")
        for _, _, data in extra:
            files.frombytes(data[: len(data) - len(data) % size])
        request = json.loads(text)
        if "kill" in request:
            self._kill(request["kill"])
        else:
            self._begin(request, list(files))
        for file in files:
            os.close(file)
        return True

    def _begin(self, request: dict[str, Any], files: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            try:
                self._asked.close()
                _become(request, files)
            except OSError as error:
                named = f": {error.filename}" if error.filename else ""
                os.write(files[2], f"{error.strerror}{named}\n".encode())
            finally:
                os._exit(127)
        self._children[pid] = request["name"]

    def _kill(self, name: str) -> None:
        for pid, known in self._children.items():
            if known == name:
                os.kill(pid, signal.SIGKILL)  # the kernel ends what is inside with it

    def _reap(self) -> None:
        for pid, status in processes.reap().items():
            name = self._children.pop(pid, None)
            if name is not None:
                told = {"name": name, "exit_code": processes.exit_code(status)}
                try:
                    self._asked.send(json.dumps(told).encode())
                except OSError:
                    return  # who asked is gone, which the next look will show

    def _end_all(self) -> None:
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)
        for pid in list(self._children):
            os.waitpid(pid, 0)


def _become(request: dict[str, Any], files: list[int]) -> None:
    """In the child: enter namespaces, and be the command; raises OSError if it cannot."""
    standard_input, output, ack = files
    signal.set_wakeup_fd(-1)
    for number in RESTORED:
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    processes.die_with_parent()
    os.dup2(standard_input, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, ack)  # the lock is the nursery's own, and so is the way to ask for more
    os.closerange(ack + 1, 256)
    os.set_inheritable(ack, False)  # noqa: FBT003  # the call takes no keyword
    namespaces.enter(request["place"], only_inside=(ack,))
    os.chdir(request["cwd"])
    os.execvpe(request["argv"][0], request["argv"], request["env"])  # noqa: S606  # no shell is wanted

"""`runsvdir`, `runsv` and `sv` for machines without runit: same scripts, same files, same words.

What runit does beyond that (log services, checks,
environment folders) is not here. See smarden.org/runit for the contract.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
import time
from pathlib import Path

from . import processes

RESCAN_SECONDS = 1.0
QUICK_SECONDS = 1.0  # a service that lived shorter is not started again at once
SV_SECONDS = 7.0
HANGUP_EXIT = 111
NO_SCRIPT = 127
TAI_EPOCH = 4611686018427387914
DOWN, RUN, FINISH = 0, 1, 2
WORDS = {DOWN: "down", RUN: "run", FINISH: "finish"}
SIGNALS = {
    "t": signal.SIGTERM,
    "k": signal.SIGKILL,
    "h": signal.SIGHUP,
    "i": signal.SIGINT,
    "a": signal.SIGALRM,
    "q": signal.SIGQUIT,
    "1": signal.SIGUSR1,
    "2": signal.SIGUSR2,
}
VERBS = {
    "status": "", "restart": "tcu", "up": "u", "start": "u", "down": "d", "stop": "d",
    "once": "o", "exit": "x", "term": "t", "kill": "k", "hup": "h", "reload": "h",
    "interrupt": "i", "quit": "q", "alarm": "a", "1": "1", "2": "2",
}  # fmt: skip

PATIENT = ("start", "stop", "restart", "reload", "status")  # these wait, and tell how it went


def runsvdir(tree: str) -> int:
    """A `runsv` for each folder of the tree, until a signal comes."""
    _call_me("runsvdir")
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(0))
    signal.signal(signal.SIGHUP, lambda *_: ended.append(HANGUP_EXIT))
    wake = _woken_by(signal.SIGCHLD)
    running: dict[str, int] = {}
    while not ended:
        gone = processes.reap()
        running = {name: pid for name, pid in running.items() if pid not in gone}
        for folder in sorted(Path(tree).iterdir()):
            if folder.name not in running and folder.is_dir() and folder.name[0] != ".":
                running[folder.name] = _fork_runsv(folder)
        _doze(wake, RESCAN_SECONDS)
        _drain(wake)
    if ended[0] == HANGUP_EXIT:
        for pid in running.values():
            os.kill(pid, signal.SIGTERM)
    return ended[0]


def _fork_runsv(folder: Path) -> int:
    pid = os.fork()
    if pid == 0:
        processes.die_with_parent()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os._exit(runsv(str(folder)))
    return pid


def runsv(service: str) -> int:
    """Supervise one service until it is told to exit."""
    _call_me("runsv")
    os.chdir(service)
    return Supervised().live()


class Supervised:
    """One service: what runs, what is wanted, and the files that `sv` reads and writes."""

    def __init__(self) -> None:
        Path("supervise").mkdir(mode=0o700, exist_ok=True)
        self._control = _open_pipe(Path("supervise/control"))
        self._wake = _woken_by(signal.SIGCHLD)
        self._pid = 0
        self._state = DOWN
        self._since = time.time()
        self._wanted = "d" if Path("down").exists() else "u"
        self._terminated = False
        self._leaving = False
        signal.signal(signal.SIGTERM, lambda *_: self._obey("x"))
        self._write_status()
        self._ok = _open_pipe(Path("supervise/ok"))  # last: who can open it reads the status

    def live(self) -> int:
        while not (self._leaving and self._state == DOWN):
            if self._state == DOWN and self._wanted in "uo":
                self._start("run", RUN)
                self._wanted = "d" if self._wanted == "o" else self._wanted
            self._write_status()
            self._wait()
        return 0

    def _wait(self) -> None:
        ready, _, _ = select.select([self._control, self._wake], [], [], RESCAN_SECONDS)
        if self._wake in ready:
            _drain(self._wake)
        for pid, status in processes.reap().items():
            if pid == self._pid:
                self._over(status)
        if self._control in ready:
            for letter in os.read(self._control, 256).decode("ascii", "replace"):
                self._obey(letter)

    def _over(self, status: int) -> None:
        """A script ended: `finish` follows `run`, and nothing follows `finish`."""
        lived = time.time() - self._since
        before, self._pid, self._terminated = self._state, 0, False
        if before == RUN and Path("finish").is_file():
            code = -1 if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
            self._start("finish", FINISH, str(code), str(status & 0xFF))
            return
        self._state, self._since = DOWN, time.time()
        if lived < QUICK_SECONDS:
            self._write_status()
            _doze(self._control, QUICK_SECONDS)

    def _start(self, script: str, state: int, *arguments: str) -> None:
        pid = os.fork()
        if pid == 0:
            processes.die_with_parent()
            for number in (signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            try:
                os.execv(f"./{script}", [f"./{script}", *arguments])  # noqa: S606  # no shell
            except OSError as error:
                os.write(2, f"runsv: cannot run {script}: {error.strerror}\n".encode())
            os._exit(NO_SCRIPT)
        self._pid, self._state, self._since = pid, state, time.time()

    def _obey(self, letter: str) -> None:
        if letter in "uo":
            self._wanted = letter
        elif letter in "dx":
            self._wanted = "d"
            self._leaving = self._leaving or letter == "x"
            self._send(signal.SIGTERM)
        elif letter in SIGNALS:
            self._send(SIGNALS[letter])
        self._write_status()

    def _send(self, number: int) -> None:
        if self._pid and self._state == RUN:
            self._terminated = self._terminated or number == signal.SIGTERM
            os.kill(self._pid, number)

    def _write_status(self) -> None:
        seconds, fraction = divmod(self._since, 1)
        flags = bytes((0, ord(self._wanted.replace("o", "d")), self._terminated, self._state))
        packed = struct.pack(">QI", TAI_EPOCH + int(seconds), int(fraction * 1e9))
        scratch = Path("supervise/status.new")
        scratch.write_bytes(packed + struct.pack("<I", self._pid) + flags)
        scratch.replace("supervise/status")
        Path("supervise/pid").write_text(f"{self._pid or ''}\n", "ascii")


class Status:
    """What `supervise/status` says."""

    def __init__(self, service: Path) -> None:
        packed = (service / "supervise/status").read_bytes()
        seconds, fraction = struct.unpack(">QI", packed[:12])
        self.since: float = seconds - TAI_EPOCH + fraction / 1e9
        self.pid: int = struct.unpack("<I", packed[12:16])[0]
        self.wanted, self.terminated, self.state = chr(packed[17]), packed[18], packed[19]

    def satisfies(self, letters: str, asked: float) -> bool:
        """Whether what was asked for at that time has come about."""
        if letters == "tcu":
            return self.state == RUN and not self.terminated and self.since >= asked
        if letters == "u":
            return self.state == RUN
        if letters in "dx" and letters:
            return self.state == DOWN
        return True

    def told(self, service: Path) -> str:
        seconds = max(0, int(time.time() - self.since))
        word = WORDS[self.state]
        process = f" (pid {self.pid})" if self.pid else ""
        wanted = ""
        if word == "run" and self.wanted == "d":
            wanted = ", want down"
        elif word == "down" and self.wanted == "u":
            wanted = ", want up"
        return f"{word}: {service}:{process} {seconds}s{wanted}"


def sv(verb: str, *services: str) -> int:
    """Ask the supervisors of services; 0 if all of them did it."""
    if verb not in VERBS:
        sys.stderr.write(f"fatal: unknown command: {verb}\n")
        return 100
    root = Path(os.environ.get("SVDIR") or "/etc/service")
    failures = 0
    for name in services:
        service = Path(name) if name[0] in "/." else root / name
        said = _ask(service, VERBS[verb], patient=verb in PATIENT)
        failed = said.startswith(("fail:", "timeout:"))
        failures += failed
        if failed or verb in PATIENT:
            sys.stdout.write(f"{said}\n")
    return failures


def _ask(service: Path, letters: str, *, patient: bool) -> str:
    try:
        os.close(os.open(service / "supervise/ok", os.O_WRONLY | os.O_NONBLOCK))
    except OSError as error:
        missing = "unable to open supervise/ok: file does not exist"
        said = missing if isinstance(error, FileNotFoundError) else "runsv not running"
        return f"fail: {service}: {said}"
    if not letters:
        return Status(service).told(service)
    asked = time.time()
    control = os.open(service / "supervise/control", os.O_WRONLY | os.O_NONBLOCK)
    os.write(control, letters.encode())
    os.close(control)
    if not patient:
        return "ok:"
    deadline = time.monotonic() + float(os.environ.get("SVWAIT") or SV_SECONDS)
    while not (status := Status(service)).satisfies(letters, asked):
        if time.monotonic() > deadline:
            return f"timeout: {status.told(service)}"
        time.sleep(0.02)
    return f"ok: {status.told(service)}"


def _call_me(name: str) -> None:
    """The name that `ps` and the services' own scripts look for."""
    Path("/proc/self/comm").write_text(name, "ascii")


def _woken_by(number: signal.Signals) -> int:
    """A file that becomes readable when the signal comes."""
    wake, woken = os.pipe()
    for file in (wake, woken):
        os.set_blocking(file, False)
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    signal.signal(number, lambda *_: None)
    return wake


def _open_pipe(path: Path) -> int:
    """Open for reading and writing: neither end of it is ever missing."""
    if not path.exists():
        os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)


def _doze(file: int, seconds: float) -> None:
    select.select([file], [], [], seconds)


def _drain(file: int) -> None:
    try:
        os.read(file, 4096)
    except BlockingIOError:
        return


def main(program: str, *arguments: str) -> None:
    """Be the program of that name."""
    programs = {"runsvdir": runsvdir, "runsv": runsv, "sv": sv}
    sys.exit(programs[program](*arguments))

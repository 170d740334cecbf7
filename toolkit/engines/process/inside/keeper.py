"""Owns one launch from its start to its end, whatever becomes of the command that asked for it.

Called with the launch's folder, the numbers of open files (its lock, the socket for requests, where
to say whether it started, and the command's standard input or -1), the rung, and the program that
starts the launch. Writes the log and, at the end, the exit code; holds the lock as long as
anything of the launch lives.
"""

from __future__ import annotations

import os

from . import processes

PLAIN = "plain"
NO_FILE = -1


def main(folder: str, *words: str) -> None:
    """Become a daemon, start the launch, and see it to its end."""
    lock, listener, ack, leash = map(int, words[:4])
    rung, *argv = words[4:]
    if os.fork():
        os._exit(0)
    os.setsid()
    if rung == PLAIN:
        processes.adopt_orphans()
    log = os.open(f"{folder}/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, file in enumerate((nothing, log, log)):
        os.dup2(file, number)
    life, mine = os.pipe()
    spec = os.open(f"{folder}/launch.json", os.O_RDONLY)
    pid = os.fork()
    if pid == 0:
        if leash != NO_FILE:
            os.dup2(leash, 0)
        _become_first(argv, (spec, listener, ack, life, lock))
    for file in (spec, listener, ack, life, leash):
        if file != NO_FILE:
            os.close(file)
    status = 0
    ended = 0
    while ended != pid:  # an adopted orphan may end before
        ended, status = os.wait()
    if rung == PLAIN:
        processes.kill_descendants()
    record(folder, processes.exit_code(status))
    os.close(mine)
    os._exit(0)  # whoever waits for the lock waits no longer than needed


def _become_first(argv: list[str], handed: tuple[int, ...]) -> None:
    """Be the launch's first process, which is told the numbers of all open files but the lock."""
    for file in handed:
        os.set_inheritable(file, True)  # noqa: FBT003  # the call takes no keyword
    argv = [*argv, *(str(file) for file in handed[:4])]
    try:
        os.execve(argv[0], argv, {"PATH": os.defpath})  # noqa: S606  # no shell is wanted
    except OSError as error:
        os.write(handed[2], f"{argv[0]}: {error.strerror}\n".encode())
    os._exit(127)


def record(folder: str, code: int) -> None:
    """Say how it ended; the folder may have been removed meanwhile."""
    scratch = f"{folder}/exit.new"
    try:
        with open(scratch, "w", encoding="utf-8") as file:  # noqa: PTH123  # pathlib takes 7 ms
            file.write(f'{{"exit_code": {code}}}')
        os.replace(scratch, f"{folder}/exit.json")  # noqa: PTH105  # as above
    except FileNotFoundError:
        return

"""One process of a job: its log, its variables, its group, and how it ended."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

NOT_FOUND = 127
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# Python ignores these for itself; a program expects them as the system has them.
RESTORED = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGCHLD,
)


def exit_code(status: int) -> int:
    """As a shell has it: 128 and the number of the signal for who was killed."""
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def hold_back() -> None:
    """From now on an end that is asked for waits: a process that is being started would miss it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def let_through() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


class Process:
    def __init__(self, number: int, log: str, argv: List[str], environ: Dict[str, str]) -> None:
        self.number = number
        self.pid = 0
        self.code = 0
        self.signal = 0
        self._log = log
        self._argv = argv
        self._environ = environ
        self._is_over = False

    def start(self) -> None:
        """Start it in a session of its own, its output appended to its log.

        To be called while the signals of an end are held back.
        """
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self.pid = os.fork()
        if self.pid == 0:
            _become(self._argv, self._environ, log)
        os.close(log)

    def ended(self, status: int) -> None:
        self._is_over = True
        self.code = exit_code(status)
        self.signal = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0

    def send(self, number: int) -> None:
        """To all of its group; those that left it end with the container."""
        try:
            os.killpg(self.pid, number)
        except PermissionError:
            return  # nobody is left in it
        except ProcessLookupError:
            if not self._is_over:  # it has just been started and has no group yet
                os.kill(self.pid, number)


def of_rank(number: int, told: Dict[str, Any], environ: Dict[str, str]) -> Process:
    """The process of a job that has this number among its ranks."""
    rank = told["ranks"][number]
    own = dict(environ, **rank["env"])
    return Process(number, rank["log"], _work(told, own), job_environment(own, told))


def _work(told: Dict[str, Any], environ: Dict[str, str]) -> List[str]:
    if told.get("script"):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "job_script.py")
        arguments = [expanded(word, environ) for word in told["arguments"]]
        return [sys.executable, program, told["script"], *arguments]
    return ["bash", "-c", told["command"]]


def start_agent(told: int, log: str, environ: Dict[str, str]) -> int:
    """Start what holds the debugger's door; it says on `told` when the job may begin."""
    package = os.path.dirname(os.path.abspath(__file__))
    boot = (
        "import importlib, sys; sys.path.append(sys.argv.pop(1)); "
        "importlib.import_module(sys.argv.pop(1) + '.job_agent').main()"
    )
    place = (os.path.dirname(package), os.path.basename(package))
    argv = [sys.executable, "-I", "-S", "-c", boot, *place, str(told), log]
    pid = os.fork()
    if pid == 0:
        try:
            os.execve(argv[0], argv, environ)  # noqa: S606  # no shell is wanted
        finally:
            os._exit(NOT_FOUND)
    return pid


def job_environment(environ: Dict[str, str], told: Dict[str, Any]) -> Dict[str, str]:
    """The variables of the job: those of the container, and where its Python looks for modules."""
    package = os.path.dirname(os.path.abspath(__file__))
    ahead = [os.path.join(package, "jobsite")]
    if told.get("project_on_path"):
        ahead.append(told["working_dir"])
    before = [environ["PYTHONPATH"]] if environ.get("PYTHONPATH") else []
    return dict(environ, PYTHONPATH=os.pathsep.join([*ahead, *before]))


def expanded(text: str, environ: Dict[str, str]) -> str:
    """`$AZUREML_DATAREFERENCE_x` and `$x` in an argument, as the v1 service expands them."""
    if "$" not in text:
        return text
    import re  # noqa: PLC0415  # 6 ms, which most jobs do without

    return re.sub(
        r"\$(?:\{(\w+)\}|(\w+))", lambda found: environ.get(found[1] or found[2], found[0]), text
    )


def _become(argv: List[str], environ: Dict[str, str], log: int) -> None:
    """Be the program; what prevents it is said in the log."""
    try:
        os.setsid()
        for number in RESTORED:
            signal.signal(number, signal.SIG_DFL)
        let_through()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.execvpe(argv[0], argv, environ)  # noqa: S606  # no shell is wanted
    except OSError as error:
        os.write(2, f"aml-emu: cannot start {argv[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(NOT_FOUND)

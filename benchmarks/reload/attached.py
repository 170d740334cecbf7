"""A debugger that is attached as an IDE is, with a breakpoint where nothing passes by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from benchmarks.reload.project import Project
from benchmarks.reload.subject import Running, Subject
from toolkit.dev.dap_session import DapSession
from toolkit.plans import azureml

ELSEWHERE = ("train.py", 7)


@contextmanager
def attach(running: Running, project: Project) -> Iterator[DapSession]:
    """A session whose worker has its breakpoints."""
    assert running.debug_port
    name, line = ELSEWHERE
    with DapSession(
        "127.0.0.1",
        running.debug_port,
        path_mappings=[(project.folder, str(azureml.APP_ROOT))],
        breakpoints={str(project.folder / name): [line]},
        name="benchmark",
    ) as session:
        session.wait_for_worker()
        yield session


def attach_if_asked(
    subject: Subject, running: Running, project: Project
) -> AbstractContextManager[DapSession | None]:
    """Nobody is attached to a subject whose debugger is off, or only listens."""
    return attach(running, project) if subject.debugger == "attached" else nullcontext()

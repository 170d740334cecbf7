"""The job of a parallel step: the emulator's driver, which calls the entry script in the image."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from toolkit.plans import emulation
from toolkit.plans.pipeline.graph import ParallelWork
from toolkit.specs.job import CommandJob

PROGRAM: Final[PurePosixPath] = emulation.RUNTIME_PACKAGE / "parallel_main.py"
BATCH_VARIABLE: Final = "AML_EMU_MINI_BATCHES"
FAILED_FOLDER: Final = "outputs/failed_mini_batches"


def parallel_job(work: ParallelWork, *, debug: bool = False) -> CommandJob:
    """Under a debugger the batches run one by one in one process, and nothing is tried again."""
    parallel, body = work.parallel, work.body
    told = {
        "entry_script": parallel.task.entry_script,
        "files": parallel.batch.files,
        "size": parallel.batch.size,
        "concurrency": parallel.concurrency * body.instance_count,
        "error_threshold": parallel.error_threshold,
        "mini_batch_error_threshold": parallel.batch_error_threshold,
        "timeout": parallel.retry.timeout,
        "max_retries": parallel.retry.max_retries,
        "logging_level": parallel.logging_level,
        "debug": debug,
    }
    append = parallel.task.append_row_to or "''"
    arguments = parallel.task.program_arguments or ""
    command = (
        f"python {PROGRAM} {shlex.quote(json.dumps(told))} "
        f'"${{{{inputs.{parallel.input}}}}}" {append} {arguments}'  # a file may be called anything
    )
    return replace(body, command=command.rstrip(), instance_count=1)

"""Where things are in the container of a job, per service generation: constants and paths only.

Sources: log lines of Azure ML jobs that people published, and the azureml-core package's public
behaviour; v2 names as in "Interactive jobs" and "Save and write experiment files".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

Era = Literal["v1", "v2"]

V1_WORKING_DIR: Final = PurePosixPath("/azureml-run")
V2_ROOT: Final = PurePosixPath("/mnt/azureml/cr/j")
HOME: Final = PurePosixPath("/root")
USER: Final = "root"

CONTROL_LOG: Final = "azureml-logs/60_control_log.txt"
BUILD_LOG: Final = "azureml-logs/20_image_build_log.txt"
MASTER_PORT: Final = 6105
FIRST_TENSORFLOW_PORT: Final = 2222
DEFAULT_SHM_SIZE: Final = "2g"
OUTPUTS: Final = "outputs"
LOGS: Final = "logs"


@dataclass(frozen=True)
class JobLayout:
    """The folders of one job as its processes see them."""

    era: Era
    working_dir: PurePosixPath
    data: PurePosixPath

    @property
    def log_folder(self) -> str:
        """Where the output of the job's processes is written, in the working directory."""
        return "azureml-logs" if self.era == "v1" else "user_logs"

    def log(self, rank: int | None = None) -> str:
        """The log of the only process, or of one of several."""
        if self.era == "v1":
            name = "70_driver_log.txt" if rank is None else f"70_driver_log_{rank}.txt"
        else:
            name = "std_log.txt" if rank is None else f"std_log_process_{rank}.txt"
        return f"{self.log_folder}/{name}"

    @property
    def mpi_log(self) -> str:
        """What the program that starts the processes of an MPI job says itself."""
        return f"{self.log_folder}/{'70_mpi_log.txt' if self.era == 'v1' else 'mpi_log.txt'}"

    def input(self, name: str) -> PurePosixPath:
        return self.data / f"INPUT_{name}"

    def output(self, name: str) -> PurePosixPath:
        return self.data / name


def job_layout(era: Era, run: str) -> JobLayout:
    """The layout for a run; the v2 service names its folder by 32 hexadecimal digits."""
    if era == "v1":
        return JobLayout("v1", V1_WORKING_DIR, V1_WORKING_DIR.with_name("azureml-data"))
    root = V2_ROOT / hashlib.md5(run.encode(), usedforsecurity=False).hexdigest()
    return JobLayout("v2", root / "exe/wd", root / "cap/data-capability/wd")


def run_variables(
    layout: JobLayout, *, run: str, root: str, experiment: str, nodes: int
) -> Mapping[str, str]:
    """What the service tells a job of itself; addresses and tokens come from the tracking."""
    common = {
        "AZUREML_RUN_ID": run,
        "AZUREML_ROOT_RUN_ID": root,
        "AZUREML_ARM_PROJECT_NAME": experiment,
        "AZUREML_DATA_CONTAINER_ID": f"dcid.{run}",
        "AZUREML_NODE_COUNT": str(nodes),
        "AZUREML_FRAMEWORK": "Python",
    }
    if layout.era == "v1":
        return {
            **common,
            "AZUREML_OUTPUT_DIRECTORY": f"./{OUTPUTS}",
            "AZUREML_TARGET_TYPE": "container",
            "AZUREML_LOGDIRECTORY_PATH": f"{layout.log_folder}/",
            "AZUREML_CONTROLLOG_PATH": CONTROL_LOG,
            "AZUREML_DRIVERLOG_PATH": layout.log(),
        }
    return {
        **common,
        "AZUREML_CR_EXECUTION_WORKING_DIR_PATH": str(layout.working_dir),
        "AZUREML_CR_DATA_CAPABILITY_PATH": str(layout.data.parent),
    }

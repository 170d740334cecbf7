"""What the emulator adds to a container: its own paths, ports, variables and labels."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

HOME: Final = PurePosixPath("/opt/aml-emu")
LIBRARY: Final = HOME / "lib"
RUNTIME_PACKAGE: Final = LIBRARY / "aml_emu"
DEBUGPY: Final = HOME / "debugpy"
DEBUGPY_VERSION: Final = "1.8.22"
DEBUGPY_BEFORE_310: Final = "1.8.21"  # the last one for Python 3.8 and 3.9
STATE: Final = PurePosixPath("/run/aml-emu")
BYTECODE_CACHE: Final = PurePosixPath("/var/cache/aml-emu-pyc")
CA_BUNDLE: Final = HOME / "ca-certificates.crt"

AGENT_SERVICE: Final = "aml-emu"
CONTROL_PORT: Final = 5680

LABEL: Final = "io.aml-emu"
LABEL_KIND: Final = f"{LABEL}.kind"
LABEL_NAME: Final = f"{LABEL}.name"
LABEL_PROJECT: Final = f"{LABEL}.project"
LABEL_INPUTS: Final = f"{LABEL}.inputs"
LABEL_RECIPE: Final = f"{LABEL}.recipe"  # what an image was made from: plans/inputs.py
LABEL_BASE: Final = f"{LABEL}.base"
LABEL_CODE: Final = f"{LABEL}.code"
LABEL_SCRIPT: Final = f"{LABEL}.script"
LABEL_ROOT: Final = f"{LABEL}.root"  # where the code is mounted, if it is not the app root
LABEL_PORT: Final = f"{LABEL}.port"  # where it answers, if that is not Azure's own port
LABEL_ENDPOINT: Final = f"{LABEL}.endpoint"
LABEL_DEPLOYMENT: Final = f"{LABEL}.deployment"
LABEL_MOUNTPOINTS: Final = f"{LABEL}.mountpoints"
LABEL_DEBUG: Final = f"{LABEL}.debug"
LABEL_RELOAD: Final = f"{LABEL}.reload"

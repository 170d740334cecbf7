"""`debugpy.listen` and `wait_for_client` for jobs that call them: through our door, with an end.

A job may listen on its client's address or on loopback, which nobody outside its container
reaches, and debugpy's own wait has no time-out: here both lead to the published port.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, List, Tuple

from .contract import Contract

if TYPE_CHECKING:
    from .job_attach import Member

TIMEOUT_OPTION = "--remote_debug_connection_timeout"


def replace_listen(member: Member, contract: Contract) -> None:
    member.load()
    debugpy: Any = sys.modules["debugpy"]
    listening = threading.Event()

    def listen(*_: Any, **__: Any) -> Tuple[str, int]:
        if listening.is_set():
            raise RuntimeError("debugpy.listen() has already been called on this process")
        listening.set()
        member.open()
        member.join(0.0)
        shown = os.environ.get("AML_EMU_SHOWN_ADDRESS", "")
        return shown.rpartition(":")[0], int(shown.rpartition(":")[2] or contract.debug_port)

    def wait_for_client() -> None:
        if not listening.is_set():
            raise RuntimeError("listen() or connect() must be called first")
        member.join(patience(sys.argv, contract.wait or 0.0))

    debugpy.listen = listen
    debugpy.wait_for_client = wait_for_client


def patience(arguments: List[str], otherwise: float) -> float:
    """The seconds that the script's own arguments promise to wait."""
    for index, word in enumerate(arguments):
        option, sign, value = word.partition("=")
        if option == TIMEOUT_OPTION:
            given = value if sign else "".join(arguments[index + 1 : index + 2])
            return float(given) if given.isdigit() else otherwise
    return otherwise

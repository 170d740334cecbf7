"""Runs the script of a v1 job in this same process, as the service's injector does; by path."""

from __future__ import annotations

import os
import runpy
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import List, Optional


def main(script: str, arguments: List[str]) -> None:
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        runpy.run_path(script, run_name="__main__")
    except Exception as error:  # noqa: BLE001  # the user's, whatever it is
        error.__traceback__ = _users(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        # not sys.exit: what the hook printed is the last word on it
        sys.stdout.flush()
        raise SystemExit(1) from None


def _users(traceback: Optional[TracebackType]) -> Optional[TracebackType]:
    """The traceback from the user's first frame on; all of it if there is none."""
    ours = (os.path.abspath(__file__), runpy.__file__, "<frozen runpy>")
    entry = traceback
    while entry is not None and entry.tb_frame.f_code.co_filename in ours:
        entry = entry.tb_next
    return entry or traceback


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

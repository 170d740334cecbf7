"""Runs the script of a v1 job in this same process, as the service's injector does; by path."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Dict, List, Optional


def main(script: str, arguments: List[str]) -> None:
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    try:
        with open(script, "rb") as file:
            code = compile(file.read(), script, "exec", dont_inherit=True)
        exec(code, _fresh_main(script))  # noqa: S102  # what runpy does, less 10 ms of imports
    except Exception as error:  # noqa: BLE001  # the user's, whatever it is
        error.__traceback__ = _users(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        # not sys.exit: what the hook printed is the last word on it
        sys.stdout.flush()
        raise SystemExit(1) from None


def _fresh_main(script: str) -> Dict[str, Any]:
    """The variables of a `__main__` that is the script's alone."""
    module = type(sys)("__main__")
    module.__file__ = script
    sys.modules["__main__"] = module
    return vars(module)


def _users(traceback: Optional[TracebackType]) -> Optional[TracebackType]:
    """The traceback from the user's first frame on; none where the script did not even begin."""
    while traceback is not None and traceback.tb_frame.f_code is main.__code__:
        traceback = traceback.tb_next
    return traceback


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

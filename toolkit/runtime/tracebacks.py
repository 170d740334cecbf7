"""The user's part of a traceback: from the first frame of their code on, as Python prints it."""

from __future__ import annotations

import sys
import traceback
from types import FrameType, TracebackType
from typing import Callable, List, Optional

Belongs = Callable[[str], bool]


def user_traceback(error: BaseException, belongs: Belongs) -> str:
    start = _from_user(error.__traceback__, belongs)
    if start is None:
        return "".join(traceback.format_exception_only(type(error), error))
    return "".join(traceback.format_exception(type(error), error, start))


def _from_user(entry: Optional[TracebackType], belongs: Belongs) -> Optional[TracebackType]:
    """The traceback without the server's frames above it; None when no frame is the user's."""
    while entry is not None and not belongs(entry.tb_frame.f_code.co_filename):
        entry = entry.tb_next
    return entry


def user_stack(thread: int, belongs: Belongs) -> str:
    """Where a thread is now, from the user's first frame on; empty when it is in none."""
    frame: Optional[FrameType] = sys._current_frames().get(thread)  # noqa: SLF001  # no public way to another thread's frame
    if frame is None:
        return ""
    stack = traceback.extract_stack(frame)
    first = next((i for i, entry in enumerate(stack) if belongs(entry.filename)), None)
    if first is None:
        return ""
    lines: List[str] = ["Stack of the running code (most recent call last):\n"]
    return "".join(lines + traceback.format_list(stack[first:]))

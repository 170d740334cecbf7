"""What a file of the user's compiles to: the lines that a breakpoint can bind to, or its error."""

from __future__ import annotations

import dis
import hashlib
import sys
import traceback
from types import CodeType
from typing import Any, Dict, Iterable, Optional, Set


def compile_error(path: str) -> Optional[str]:
    """Why the file does not compile in this Python, as Python prints it; None when it does."""
    try:
        _compiled(path)
    except (OSError, SyntaxError, ValueError) as error:
        return "".join(traceback.format_exception_only(type(error), error))
    return None


def describe(path: str) -> Dict[str, Any]:
    """What is in the container under that path: enough to tell why a breakpoint does not bind."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as error:
        return {"exists": False, "error": str(error), "sha256": None, "lines": []}
    found: Dict[str, Any] = {"exists": True, "sha256": hashlib.sha256(text).hexdigest()}
    try:
        code = compile(text, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        message = "".join(traceback.format_exception_only(type(error), error))
        return {**found, "error": message, "lines": []}
    return {**found, "lines": sorted(set(_lines(code)))}


def _compiled(path: str) -> CodeType:
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


def _lines(code: CodeType) -> Set[int]:
    lines = set(_own_lines(code))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            lines |= _lines(constant)
    return lines


def _own_lines(code: CodeType) -> Iterable[int]:
    if sys.version_info >= (3, 10):
        return {line for _, _, line in code.co_lines() if line}
    return {line for _, line in dis.findlinestarts(code) if line}

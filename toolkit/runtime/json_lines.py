"""One JSON object per line: what the agent speaks with workers and with the host."""

from __future__ import annotations

import json
from typing import Any, Dict

LONGEST_LINE = 16 * 1024 * 1024


class LineError(Exception):
    """A line that is not a JSON object."""


def encode_line(message: Dict[str, Any]) -> bytes:
    return json.dumps(message).encode("utf-8") + b"\n"


def decode_line(line: bytes) -> Dict[str, Any]:
    try:
        message = json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise LineError("not JSON") from error
    if not isinstance(message, dict):
        raise LineError("not a JSON object")
    return message

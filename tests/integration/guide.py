"""The old debugging guide's own code blocks, read where it lies; tests of it skip without it."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any, Final

import pytest

GUIDE: Final = Path(__file__).resolve().parents[3] / "shared" / "founding-document.md"
_BLOCK: Final = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)

needs_guide = pytest.mark.skipif(not GUIDE.is_file(), reason="the guide is not beside the project")


def block(language: str, telling: str) -> str:
    """The one block of that language in which a text stands."""
    text = GUIDE.read_text("utf-8")
    found = [textwrap.dedent(body) for _, kind, body in _BLOCK.findall(text) if kind == language]
    chosen = [body for body in found if telling in body]
    assert len(chosen) == 1, f"{len(chosen)} blocks say {telling!r}"
    return chosen[0]


def launch_configuration(name: str) -> Any:
    """An entry of launch.json; the guide's own have commas that JSON does not allow."""
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", block("json", name)))

"""The table of docs/reference/v1-compatibility.md: what an import gives, and which tests use it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.golden.v1_names import SAMPLES
from toolkit.plans.dropin import dropin_source

TESTS: Final = Path(__file__).resolve().parents[1]
_ASK: Final = """
import importlib, json, sys
found = {}
for module, names in json.load(sys.stdin).items():
    for name in names.split():
        try:
            value = getattr(importlib.import_module(module), name)
        except ImportError as error:
            found[f"{module}.{name}"] = ("refused", str(error))
        else:
            told = value.__doc__ if callable(value) else sys.modules[module].__doc__
            told = "a stand-in" if name == "VERSION" else told or ""
            kind = "stand-in" if "stand-in" in told.lower() else "supported"
            found[f"{module}.{name}"] = (kind, "")
print(json.dumps(found))
"""
_ADVICE: Final = re.compile(r"is not part of aml-emu's azureml: (?P<advice>.*); see docs/")
_IMPORT: Final = re.compile(
    r"from (?:toolkit\.dropin\.)?azureml[\w.]* import (?:\((?P<many>[^)]*)\)|(?P<few>[^\n;]*))"
)


@dataclass(frozen=True, kw_only=True)
class Name:
    """One public name. `tests` are the files in which it is used; `advice` is of a refusal."""

    module: str
    name: str
    status: str
    advice: str
    tests: tuple[str, ...]


def names() -> list[Name]:
    """As a fresh interpreter finds them that has the drop-in first on its path."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(dropin_source())}
    done = subprocess.run(
        [sys.executable, "-c", _ASK],
        input=json.dumps(SAMPLES),
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    texts = {path: path.read_text("utf-8") for path in _test_files()}
    return [
        _name(module, name, found[f"{module}.{name}"], texts)
        for module, listed in SAMPLES.items()
        for name in listed.split()
    ]


def table(listed: list[Name]) -> str:
    """In Markdown; tests by the file that uses the name most plainly: the first."""
    rows = ["| module | name | | tested in |", "|---|---|---|---|"]
    for each in listed:
        told = f"refused: {each.advice}" if each.status == "refused" else each.status
        first = f"`{each.tests[0]}`" if each.tests else ""
        rows.append(f"| `{each.module}` | `{each.name}` | {told} | {first} |")
    return "\n".join(rows) + "\n"


def _name(module: str, name: str, found: list[str], texts: dict[Path, str]) -> Name:
    (status, told), advice = found, ""
    if status == "refused":
        match = _ADVICE.search(told)
        assert match, f"{module}.{name} is refused without advice: {told}"
        advice = match["advice"]
    tests = tuple(
        path.relative_to(TESTS.parent).as_posix()
        for path, text in texts.items()
        if name in _imported(text)
    )
    return Name(module=module, name=name, status=status, advice=advice, tests=tests)


def _imported(text: str) -> set[str]:
    """What a test, or a script in one, takes from the drop-in."""
    listed = (match["many"] or match["few"] for match in _IMPORT.finditer(text))
    return {name for names in listed for name in re.findall(r"\w+", names)}


def _test_files() -> list[Path]:
    """Those that are about the drop-in: others use some of the same words."""
    found = (path for path in sorted(TESTS.rglob("*.py")) if path.parent.name != "golden")
    return [path for path in found if "azureml" in path.read_text("utf-8")]

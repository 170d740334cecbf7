"""Errors for names of the real SDK that are not here: which, what to do, and where to read on."""

from __future__ import annotations

from typing import Any

PAGE = "docs/reference/v1-compatibility.md"


class NotEmulated(ImportError):
    """A class or function of the v1 SDK that the emulator has no stand-in for."""


class NotEmulatedMember(AttributeError):
    """A method or property of the v1 SDK that the emulator has no stand-in for."""


def missing_name(module: str, name: str, advice: str = "") -> Exception:
    """What to raise when a module is asked for a name that it lacks."""
    if name.startswith("__"):
        return AttributeError(f"module {module!r} has no attribute {name!r}")
    return NotEmulated(_message(f"{module}.{name}", advice))


def missing_member(owner: Any, name: str, advice: str = "") -> AttributeError:
    """What to raise when an object is asked for a member that its class lacks."""
    kind = owner if isinstance(owner, type) else type(owner)
    if name.startswith("_"):
        return AttributeError(f"{kind.__name__!r} object has no attribute {name!r}")
    return NotEmulatedMember(_message(f"{kind.__name__}.{name}", advice))


def _message(name: str, advice: str) -> str:
    use = advice or "install `azureml-core` in the environment if the script needs it"
    return f"`{name}` is not part of aml-emu's azureml: {use}; see {PAGE}"

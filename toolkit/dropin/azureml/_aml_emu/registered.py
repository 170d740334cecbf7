"""What a registered version says of itself: models and datasets have it in common."""

from __future__ import annotations

from typing import Any, Dict, Mapping


class Registered:
    """Mixed into classes that have `_found`, the emulator's JSON of the version."""

    _found: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self._found["name"])

    @property
    def version(self) -> Any:
        """A number, as the SDK has it; another text if that is how it was registered."""
        version = str(self._found["version"])
        is_number = version.isdigit() and not (version[0] == "0" and version != "0")
        return int(version) if is_number else version

    @property
    def id(self) -> str:
        return f"{self.name}:{self.version}"

    @property
    def description(self) -> str:
        return str(self._found["description"])

    @property
    def tags(self) -> Dict[str, str]:
        return dict(self._found["tags"])

"""Short questions to a local engine without the SDK, whose import takes longer than they do.

Whatever is out of the ordinary (another transport, a context, no answer, an error) has no answer
here: the SDK is asked then, and knows what to say.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from toolkit.engines.base import BuildOptions, EngineInfo, Image
from toolkit.plans import emulation
from toolkit.plans.model import ImagePlan, joint_id

_DEFAULT_SOCKET: Final = "/var/run/docker.sock"
_TIMEOUT: Final = 5.0
_RECEIVE_SIZE: Final = 1 << 16
_SCRATCH: Final = "scratch"


@dataclass(frozen=True)
class Peek:
    """GETs on the engine's socket; None for anything but a plain answer."""

    socket: str

    @property
    def address(self) -> str:
        return f"unix://{self.socket}"

    def refusal(self) -> OSError | None:
        """Why nobody can be asked there: no socket, or one that nobody listens on any more."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_TIMEOUT)
                connection.connect(self.socket)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            return error
        except OSError:
            return None
        return None

    def info(self) -> EngineInfo | None:
        """Who answers."""
        version = self._get("/version")
        if version is None:
            return None
        return EngineInfo(
            name=product(version),
            version=version["Version"],
            address=self.address,
            platform=f"{version['Os']}/{version['Arch']}",
        )

    def image(self, reference: str) -> dict[str, Any] | None:
        return self._get(f"/images/{quote(reference, safe='/:@')}/json")

    def unchanged(self, plan: ImagePlan, options: BuildOptions) -> Image | None:
        """The image of a plan, if it is there and nothing is left to do for it."""
        if options.no_cache or plan.platform or plan.tags:
            return None
        ids = [self._id(reference) for reference in (plan.base, *plan.others)]
        if not all(ids):
            return None
        base = joint_id(*ids)
        tag = plan.tag(base)
        found = self.image(tag) or {}
        labels = (found.get("Config") or {}).get("Labels") or {}
        if labels.get(emulation.LABEL_INPUTS) != plan.inputs(base):
            return None
        return Image(tag=tag, id=str(found["Id"]), built=False)

    def _id(self, reference: str) -> str:
        """Empty if the image is not there."""
        if reference == _SCRATCH:
            return _SCRATCH
        return str((self.image(reference) or {}).get("Id", ""))

    def _get(self, path: str) -> dict[str, Any] | None:
        # HTTP/1.0: the engine closes the connection at the end of an answer in one piece.
        request = f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode()
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(_TIMEOUT)
                connection.connect(self.socket)
                connection.sendall(request)
                answer = b"".join(iter(lambda: connection.recv(_RECEIVE_SIZE), b""))
            head, _, body = answer.partition(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n", 1)[0] + b" ":
                return None
            document = json.loads(body)
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None


def product(version: Mapping[str, Any]) -> str:
    """What people call the engine; Podman names the system it runs on."""
    components = {each.get("Name") for each in version.get("Components") or ()}
    if "Podman Engine" in components:
        return "Podman"
    return (version.get("Platform") or {}).get("Name") or "Docker"


def peek(environ: Mapping[str, str]) -> Peek | None:
    """The local engine's socket, where that is what the user means; None otherwise."""
    host = environ.get("DOCKER_HOST") or ""
    if host:
        return Peek(host.removeprefix("unix://")) if host.startswith("unix:///") else None
    if not hasattr(socket, "AF_UNIX") or not _is_default_context(environ):
        return None
    return Peek(_DEFAULT_SOCKET)


def _is_default_context(environ: Mapping[str, str]) -> bool:
    if environ.get("DOCKER_CONTEXT", "default") not in {"", "default"}:
        return False
    folder = environ.get("DOCKER_CONFIG") or f"{environ.get('HOME') or Path.home()}/.docker"
    try:
        document = json.loads((Path(folder) / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        return True
    except (OSError, ValueError):
        return False
    return document.get("currentContext", "default") in {"", "default"}

"""`ContainerRegistry`: where an image comes from, and who may fetch it."""

from __future__ import annotations

from typing import Optional


class ContainerRegistry:
    """Credentials are for the container engine's own login here: `docker login`."""

    def __init__(self) -> None:
        self.address: Optional[str] = None
        self.username: Optional[str] = None
        self.password: Optional[str] = None
        self.registry_identity: Optional[object] = None

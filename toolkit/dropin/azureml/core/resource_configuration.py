"""`ResourceConfiguration`: what a model's service would be given in the cloud."""

from __future__ import annotations

from typing import Any, Optional


class ResourceConfiguration:
    """A stand-in: kept, and without effect on this machine."""

    def __init__(
        self,
        cpu: Optional[float] = None,
        memory_in_gb: Optional[float] = None,
        gpu: Optional[int] = None,
        **_kwargs: Any,
    ) -> None:
        self.cpu = cpu
        self.memory_in_gb = memory_in_gb
        self.gpu = gpu

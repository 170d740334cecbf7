"""What to build and how: the same for every builder that the engine may turn out to have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """`context` gives the tar stream anew at each call; `dockerfile` is a path inside it.

    `secrets` are the bytes that `RUN --mount=type=secret,id=…` steps see; they reach neither the
    image nor its history. `without_image` runs the steps for the cache's sake alone; BuildKit
    only.
    """

    context: Callable[[], Iterator[bytes]]
    dockerfile: str = "Dockerfile"
    tags: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    build_args: Mapping[str, str] = field(default_factory=dict)
    platform: str | None = None
    target: str | None = None
    secrets: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    no_cache: bool = False
    network: str | None = None
    without_image: bool = False

    def query(self, build_args: Mapping[str, str]) -> dict[str, Any]:
        """The parameters of `POST /build` that all builders share; `None` is not sent."""
        return {
            "dockerfile": self.dockerfile,
            "t": list(self.tags),
            "labels": json.dumps(dict(self.labels)),
            "buildargs": json.dumps(dict(build_args)),
            "platform": self.platform,
            "target": self.target,
            "nocache": "1" if self.no_cache else None,
            "networkmode": self.network,
        }

"""What kinds of asset there are: names only, so that reading them takes no time."""

from __future__ import annotations

from typing import Literal

AssetKind = Literal["data", "model", "environment", "component"]

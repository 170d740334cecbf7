"""Names of runs as the two SDKs make them up, and what a name may be."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from typing import Final

from toolkit.errors import SpecError
from toolkit.workspace.model import RunNaming

_ADJECTIVES: Final = (
    "amber brave bright calm clever cool crisp eager fair fine gentle glad golden good grand "
    "happy hardy helpful honest jolly keen kind lively loyal lucky mighty neat nice nimble plucky "
    "polite proud quick quiet ready red rosy salmon serene sharp shy silver sincere smart "
    "sleepy solid spry stoic sunny sweet tender tidy upbeat vivid warm willing wise witty zen"
)
_NOUNS: Final = (
    "acorn apple arch atom badge basin bean beach bell bird boat book brush bucket cabin camel "
    "candle carrot cave chain cloud coconut curtain date drum engine fennel fig flag forest "
    "garden glove grape guitar hat island jelly kettle key kite lamp leaf lemon map melon monkey "
    "moon nail nut onion orange owl parcel peach pear plum pocket rain ring river roof root sail "
    "shelf soup sponge spoon stamp stone sugar sun tail tent tooth train turtle vase wheel yam"
)
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz0123456789"
_RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
_ASSET: Final = _RUN  # the same letters; both are also names of folders
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,29}")


def fresh_run_name(naming: RunNaming, experiment: str) -> str:
    """A name nobody has: `calm_kite_x7…` for v2, `<experiment>_<seconds>_<8 hex>` for v1."""
    if naming == "v1":
        place = re.sub(r"[^A-Za-z0-9_.-]+", "-", experiment).strip("-._") or "run"
        return f"{place[:200]}_{int(time.time())}_{os.urandom(4).hex()}"
    random = "".join(_any(_LETTERS) for _ in range(10))
    return f"{_any(_ADJECTIVES.split())}_{_any(_NOUNS.split())}_{random}"


def _any(choices: Sequence[str]) -> str:
    # `secrets` would do the same and takes 5 ms to import
    return choices[int.from_bytes(os.urandom(4), "big") % len(choices)]


def check_run_name(name: str) -> None:
    if not _RUN.fullmatch(name):
        raise SpecError(
            f"not a name for a run: `{name}`",
            hint="begin with a letter or digit; `_`, `-` and `.` may follow, up to 255 in all",
        )


def check_asset_name(name: str, version: str | None) -> None:
    """Raise SpecError for what Azure ML would refuse, and what no folder can be called."""
    if not _ASSET.fullmatch(name):
        raise SpecError(
            f"not a name for an asset: `{name}`",
            hint="begin with a letter or digit; `_`, `-` and `.` may follow, up to 255 in all",
        )
    if version is not None and not _VERSION.fullmatch(version):
        raise SpecError(
            f"not a version of `{name}`: `{version}`",
            hint="begin with a letter or digit; `_`, `-` and `.` may follow, up to 30 in all",
        )

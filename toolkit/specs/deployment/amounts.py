"""Amounts of memory and CPU, as Kubernetes writes them and as Azure's machine sizes have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

GIB: Final = 1 << 30
_UNITS: Final[Mapping[str, int]] = {
    "": 1,
    **{unit: 1000**power for power, unit in enumerate(("k", "M", "G", "T"), start=1)},
    **{unit: 1024**power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti"), start=1)},
}
# "Managed online endpoints SKU list" with "Sizes for virtual machines in Azure": CPUs, GiB
SIZES: Final[Mapping[str, tuple[int, float]]] = {
    "standard_ds1_v2": (1, 3.5),
    "standard_ds2_v2": (2, 7),
    "standard_ds3_v2": (4, 14),
    "standard_ds4_v2": (8, 28),
    "standard_ds5_v2": (16, 56),
    "standard_f2s_v2": (2, 4),
    "standard_f4s_v2": (4, 8),
    "standard_f8s_v2": (8, 16),
    "standard_f16s_v2": (16, 32),
    "standard_f32s_v2": (32, 64),
    "standard_f48s_v2": (48, 96),
    "standard_f64s_v2": (64, 128),
    "standard_f72s_v2": (72, 144),
    "standard_e2s_v3": (2, 16),
    "standard_e4s_v3": (4, 32),
    "standard_e8s_v3": (8, 64),
    "standard_e16s_v3": (16, 128),
    "standard_e32s_v3": (32, 256),
    "standard_e48s_v3": (48, 384),
    "standard_e64s_v3": (64, 432),
    "standard_d2a_v4": (2, 8),
    "standard_d2as_v4": (2, 8),
    "standard_d4a_v4": (4, 16),
    "standard_d4as_v4": (4, 16),
    "standard_d8a_v4": (8, 32),
    "standard_d8as_v4": (8, 32),
    "standard_nc6s_v3": (6, 112),
    "standard_nc12s_v3": (12, 224),
    "standard_nc24s_v3": (24, 448),
    "standard_nc4as_t4_v3": (4, 28),
    "standard_nc8as_t4_v3": (8, 56),
    "standard_nc16as_t4_v3": (16, 110),
    "standard_nc64as_t4_v3": (64, 440),
}


def memory_bytes(text: str) -> int:
    """`0.5Gi` in bytes; raises ValueError for what is no amount."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(k|M|G|T|Ki|Mi|Gi|Ti)?", text.strip())
    if not match:
        raise ValueError(f"not an amount of memory: {text}")
    return int(float(match[1]) * _UNITS[match[2] or ""])


def cpus(text: str) -> float:
    """`500m` is half of one; raises ValueError for what is no amount."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(m)?", text.strip())
    if not match:
        raise ValueError(f"not an amount of CPU: {text}")
    return float(match[1]) / (1000 if match[2] else 1)


def size_memory(instance_type: str) -> int | None:
    """Memory of a machine size in bytes; None for one that is not known here."""
    size = SIZES.get(instance_type.lower())
    return int(size[1] * GIB) if size else None

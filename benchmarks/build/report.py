"""The numbers as a table and as JSON. Decides nothing; a figure that is missed is shown as such."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One situation: seconds of ours and of the Azure-like build, run by run."""

    title: str
    ours: Sequence[float]
    azure: Sequence[float] = ()
    at_most: float = 0.0  # of the Azure-like median; 0: no such figure
    seconds_at_most: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.ours)

    @property
    def ratio(self) -> float | None:
        return self.median / statistics.median(self.azure) if self.azure else None

    @property
    def verdict(self) -> str:
        if self.at_most and self.ratio is not None:
            return _met(f"<= {self.at_most:g} of it", is_met=self.ratio <= self.at_most)
        if self.seconds_at_most:
            return _met(
                f"<= {self.seconds_at_most:g} s", is_met=self.median <= self.seconds_at_most
            )
        return ""


def table(rows: Sequence[Row], sizes: Mapping[str, float]) -> str:
    lines = [f"{'':34}{'aml-emu':>10}{'Azure-like':>12}{'ratio':>8}  figure"]
    for row in rows:
        azure = f"{statistics.median(row.azure):.2f} s" if row.azure else "-"
        ratio = f"{row.ratio:.2f}" if row.ratio is not None else "-"
        median = f"{row.median * 1000:.1f} ms" if row.median < 0.1 else f"{row.median:.2f} s"
        lines.append(f"{row.title:34}{median:>10}{azure:>12}{ratio:>8}  {row.verdict}".rstrip())
    share = sizes["ours_mb"] / sizes["azure_mb"]
    met = _met("<= 0.8 of it", is_met=share <= 0.8)
    lines.append(
        f"{'image':34}{sizes['ours_mb']:>7.0f} MB{sizes['azure_mb']:>9.0f} MB{share:>8.2f}  {met}"
    )
    return "\n".join(lines)


def save(
    path: Path, machine: Mapping[str, Any], rows: Sequence[Row], sizes: Mapping[str, float]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": machine,
        "rows": [
            {
                "title": row.title,
                "ours_seconds": [round(value, 4) for value in row.ours],
                "azure_like_seconds": [round(value, 3) for value in row.azure],
                "ratio_of_medians": row.ratio and round(row.ratio, 3),
                "figure": row.verdict,
            }
            for row in rows
        ],
        "sizes": sizes,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _met(figure: str, *, is_met: bool) -> str:
    return f"{'met' if is_met else 'MISSED'}: {figure}"

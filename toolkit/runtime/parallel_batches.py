"""The mini-batches of a parallel step: files of the input, by number or by size."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional


def files_of(path: str) -> List[str]:
    """All files below a folder, sorted; a file itself. Hidden ones are no data."""
    if not os.path.isdir(path):
        return [path]
    found = []
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(folder, n) for n in names if not n.startswith(".")]
    return sorted(found)


def batches(files: List[str], count: Optional[int], size: Optional[int]) -> Iterator[List[str]]:
    """So many files at a time, or files until their size is reached; never an empty batch."""
    batch: List[str] = []
    held = 0
    for file in files:
        batch.append(file)
        held += os.path.getsize(file) if size else 0
        if (count and len(batch) >= count) or (size and held >= size):
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def rows_of(result: Any) -> List[str]:
    """One line for each returned element; a DataFrame's rows have spaces between their values."""
    if hasattr(result, "to_csv"):
        text = str(result.to_csv(sep=" ", header=False, index=False))
        return text.splitlines()
    return [str(element).rstrip("\n") for element in result]


def described(number: int, files: List[str]) -> Dict[str, Any]:
    """A mini-batch for the file that it can be run again from."""
    return {"mini_batch": number, "items": files}

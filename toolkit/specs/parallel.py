"""The defaults of a parallel step, and the size of its mini-batches. Reads nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from toolkit.specs.component import ParallelKeys, ParallelTask, RetrySettings
from toolkit.specs.yamlfile import YamlFile

_UNITS: Final = {"": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
_SIZE: Final = re.compile(r"\s*(\d+)\s*([kmg]?b)?\s*", re.IGNORECASE)
FILES_PER_BATCH: Final = 10


@dataclass(frozen=True, kw_only=True)
class BatchSize:
    """So many files, or so many bytes of files."""

    files: int | None = None
    size: int | None = None


@dataclass(frozen=True, kw_only=True)
class Parallel:
    """All that is decided: the node's word over the component's over the defaults."""

    task: ParallelTask
    input: str
    batch: BatchSize
    partition_keys: tuple[str, ...] = ()
    concurrency: int = 1
    error_threshold: int = -1
    batch_error_threshold: int = -1
    retry: RetrySettings = field(default_factory=RetrySettings)
    logging_level: str = "INFO"


def batch_size(text: str | int | None, file: YamlFile) -> BatchSize:
    """`10`, `"10"` files, or `"1MB"`; raises SpecError."""
    if text is None:
        return BatchSize(files=FILES_PER_BATCH)
    match = _SIZE.fullmatch(str(text))
    if not match or int(match[1]) < 1:
        raise file.error(
            ("mini_batch_size",),
            f"not a size of mini-batches: {text}",
            hint='write a number of files, or for example `"1mb"`',
        )
    if match[2] is None:
        return BatchSize(files=int(match[1]))
    unit = match[2].lower()
    return BatchSize(size=int(match[1]) * _UNITS.get(unit, 1))


def parallel_of(node: ParallelKeys, component: ParallelKeys | None, file: YamlFile) -> Parallel:
    """Raises SpecError for what both leave out and nobody can guess."""
    said = [node, component] if component else [node]

    def first(name: str) -> object:
        return next((found for each in said if (found := getattr(each, name)) is not None), None)

    task, data = first("task"), first("input_data")
    if not isinstance(task, ParallelTask):
        raise file.error((), "a parallel step needs `task`", hint="say its `entry_script`")
    if task.type == "model":
        raise file.error(("task", "type"), "tasks of type `model` cannot run here")
    match = re.fullmatch(r"\s*\$\{\{\s*inputs\.([\w.-]+)\s*\}\}\s*", str(data or ""))
    if not match:
        raise file.error(
            ("input_data",), "`input_data` names the input that is split", hint=_INPUT_FORM
        )
    keys = first("partition_keys")
    if keys:
        raise file.error(
            ("partition_keys",),
            "`partition_keys` need a tabular mltable and cannot be split here",
            hint="use `mini_batch_size`",
        )
    retry = first("retry_settings")
    level, concurrency = first("logging_level"), first("max_concurrency_per_instance")
    return Parallel(
        task=task,
        input=match[1],
        batch=batch_size(first("mini_batch_size"), file),  # type: ignore[arg-type]  # as declared
        concurrency=int(str(concurrency or 1)),
        error_threshold=_number(first("error_threshold")),
        batch_error_threshold=_number(first("mini_batch_error_threshold")),
        retry=retry if isinstance(retry, RetrySettings) else RetrySettings(),
        logging_level=str(level or "INFO"),
    )


def _number(found: object) -> int:
    return -1 if found is None else int(str(found))


_INPUT_FORM: Final = "write for example `input_data: ${{inputs.data}}`"

"""A run as text for people and as a document for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.cli.tables import iso, local_time, number, span, table

if TYPE_CHECKING:
    from toolkit.workspace.model import Run, RunSummary
    from toolkit.workspace.workspace import Workspace

_TITLES = ("NAME", "EXPERIMENT", "KIND", "STATUS", "CREATED", "TOOK", "DISPLAY NAME")


def run_table(runs: list[RunSummary], *, now: float) -> str:
    """`now` says how long those that have not ended took so far."""
    return table(_TITLES, [_row(run, now) for run in runs])


def run_lines(runs: list[RunSummary]) -> str:
    """One JSON document, a run on each line: the fast encoder cannot indent."""
    lines = (json.dumps(_summary(run)) for run in runs)
    return "[\n" + ",\n".join(lines) + "\n]" if runs else "[]"


def run_document(run: Run, workspace: Workspace) -> dict[str, Any]:
    return {
        "name": run.name,
        "display_name": run.display_name,
        "experiment": run.experiment,
        "number": run.number,
        "kind": run.kind,
        "status": run.status,
        "parent": run.parent,
        "root": run.root,
        "created": iso(run.created.timestamp()),
        "started": None if run.started is None else iso(run.started.timestamp()),
        "ended": None if run.ended is None else iso(run.ended.timestamp()),
        "exit_code": run.exit_code,
        "error": None if run.error is None else vars(run.error),
        "engine": run.engine,
        "debug_address": run.debug_address,
        "folder": str(workspace.folder_of(run.name)),
        "outputs": {name: str(path) for name, path in run.outputs.items()},
        "parameters": dict(run.parameters),
        "tags": dict(run.tags),
        "properties": dict(run.properties),
        "metrics": {key: _metric(one) for key, one in workspace.metrics.latest(run.name).items()},
        "values": dict(workspace.metrics.values(run.name)),
        "children": [child.name for child in workspace.runs.children(run.name)],
        "definition": dict(run.definition),
    }


def run_text(run: Run, workspace: Workspace) -> str:
    """The facts, then what was logged, each section only if there is something."""
    sections = {
        "parameters": dict(run.parameters),
        "tags": dict(run.tags),
        "outputs": {name: str(path) for name, path in run.outputs.items()},
        "metrics": metric_texts(run.name, workspace),
        "steps": {
            child.display_name: f"{child.status}  {child.name}"
            for child in workspace.runs.children(run.name)
        },
    }
    parts = [_pairs(_facts(run, workspace.folder_of(run.name)), indent="")]
    parts += [f"{title}\n{_pairs(pairs)}" for title, pairs in sections.items() if pairs]
    return "\n\n".join(parts)


def metric_texts(run: str, workspace: Workspace) -> dict[str, str]:
    """The last value of each metric, and what richer records hold."""
    latest = workspace.metrics.latest(run)
    texts = {key: number(metric.value) for key, metric in latest.items()}
    for key, value in workspace.metrics.values(run).items():
        if key not in texts:
            texts[key] = json.dumps(value)
    return dict(sorted(texts.items()))


def _facts(run: Run, folder: Path) -> dict[str, str]:
    until = run.ended.timestamp() if run.ended else None
    began = run.started or run.created
    facts = {
        "name": run.name,
        "display name": run.display_name if run.display_name != run.name else "",
        "status": run.status,
        "error": "" if run.error is None else f"{run.error.code}: {run.error.message}",
        "exit code": "" if run.exit_code is None else str(run.exit_code),
        "experiment": f"{run.experiment} (run {run.number})",
        "kind": run.kind,
        "parent": run.parent or "",
        "created": local_time(run.created.timestamp()),
        "took": "" if until is None else span(until - began.timestamp()),
        "engine": run.engine,
        "debugger": run.debug_address or "",
        "folder": str(folder),
    }
    return {label: text for label, text in facts.items() if text}


def _pairs(pairs: Mapping[str, str], *, indent: str = "  ") -> str:
    width = max(map(len, pairs))
    return "\n".join(f"{indent}{key:<{width}}  {value}".rstrip() for key, value in pairs.items())


def _row(run: RunSummary, now: float) -> tuple[str, ...]:
    name, experiment, kind, status, display_name, _, created, started, ended = run
    took = span((now if ended is None else ended) - (started or created))
    shown = "" if display_name == name else display_name
    return name, experiment, kind, status, local_time(created), took, shown


def _summary(run: RunSummary) -> dict[str, Any]:
    times = {"created": iso(run.created), "started": iso(run.started), "ended": iso(run.ended)}
    return {**run._asdict(), **times}


def _metric(metric: Any) -> dict[str, Any]:
    return {"value": metric.value, "step": metric.step, "timestamp": metric.timestamp}

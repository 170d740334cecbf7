"""Kept requests, and sending them again to see whether the answer is still the same."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from toolkit.errors import NotFound, SpecError
from toolkit.live.router.exchange import REDACTED, REPLAY_HEADER
from toolkit.live.router.keep import unpacked
from toolkit.live.score import Answer, score
from toolkit.live.target import Target

_OWN_HEADERS: Final = frozenset(
    {"host", "content-length", "connection", "transfer-encoding", "accept-encoding"}
)
_DEPLOYMENT: Final = "azureml-model-deployment"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One kept request and the answer it got then."""

    id: str
    time: str
    deployment: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer: bytes
    milliseconds: float
    request_cut: bool
    answer_cut: bool


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What came of sending a record again."""

    record: Record
    answer: Answer

    @property
    def is_same(self) -> bool:
        return self.answer.status == self.record.status and (
            _comparable(self.answer.body) == _comparable(self.record.answer)
            or (self.record.answer_cut and self.answer.body.startswith(self.record.answer))
        )

    def diff(self) -> Iterator[str]:
        """As `diff -u` shows it: the answer then, the answer now."""
        then = [f"status {self.record.status}", *_lines(self.record.answer)]
        now = [f"status {self.answer.status}", *_lines(self.answer.body)]
        yield from difflib.unified_diff(
            then, now, f"{self.record.id} then", f"{self.record.id} now", lineterm=""
        )


def records(folder: Path, *, deployment: str | None = None) -> list[Record]:
    """All that are kept, the oldest first."""
    found = [load_record(path) for path in sorted(folder.glob("*.json"))]
    return [each for each in found if deployment in {None, each.deployment}]


def the_record(folder: Path, id_: str | None, *, deployment: str | None = None) -> Record:
    """The one whose id begins like that, else the last one; raises NotFound."""
    there = records(folder, deployment=deployment)
    if not there:
        raise NotFound("no request is recorded", hint="deploy with `--record`, then send some")
    if id_ is None:
        return there[-1]
    matching = [record for record in there if record.id.startswith(id_)]
    if len(matching) != 1:
        what = "no recorded request" if not matching else "more than one recorded request"
        last = ", ".join(f"`{record.id}`" for record in there[-3:])
        raise NotFound(f"{what} begins with `{id_}`", hint=f"the last ones are {last}")
    return matching[0]


def load_record(path: Path) -> Record:
    """Raises SpecError for a file that is no record."""
    try:
        written: dict[str, Any] = json.loads(path.read_bytes())
        request, answer = written["request"], written["answer"]
        return Record(
            id=written["id"],
            time=written["time"],
            deployment=written["deployment"],
            method=request["method"],
            path=request["path"],
            headers=request["headers"],
            body=unpacked(request),
            status=answer["status"],
            answer=unpacked(answer),
            milliseconds=written["milliseconds"],
            request_cut=request["cut"],
            answer_cut=answer["cut"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise SpecError(f"{path}: not a recorded request", details=repr(error)) from error


def replay(record: Record, target: Target, *, timeout: float | None = None) -> Replay:
    """Send it again; raises SpecError for one that was too large to be kept whole."""
    if record.request_cut:
        raise SpecError(
            f"the request `{record.id}` was too large to be kept whole, so it cannot be sent again"
        )
    kept = {
        name: value
        for name, value in record.headers.items()
        if name.lower() not in _OWN_HEADERS and REDACTED not in value
    }
    own = {_DEPLOYMENT: record.deployment, REPLAY_HEADER: record.id}
    headers = {**kept, **own, **target.headers}
    answer = score(
        target.address,
        record.body,
        headers=headers,
        timeout=timeout,
        path=record.path,
        method=record.method,
    )
    return Replay(record=record, answer=answer)


def _comparable(body: bytes) -> Any:
    """JSON by its meaning, not by its spaces."""
    try:
        return json.loads(body)
    except ValueError:
        return body


def _lines(body: bytes) -> list[str]:
    meaning = _comparable(body)
    if isinstance(meaning, bytes):
        return body.decode(errors="replace").splitlines()
    return json.dumps(meaning, indent=2, sort_keys=True, ensure_ascii=False).splitlines()

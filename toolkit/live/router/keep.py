"""What the router writes down: records for replay, JSON lines of the data collector.

A thread of its own writes, so that no request waits for the disk.
"""

from __future__ import annotations

import base64
import json
import queue
import random
import threading
import uuid
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

from toolkit.live.endpoint import Serving
from toolkit.live.router.exchange import Exchange

MOST_RECORDS: Final = 1000
LARGEST_FOLDER: Final = 100 << 20
_ROLLING: Final = {
    "year": "%Y",
    "month": "%Y/%m",
    "day": "%Y/%m/%d",
    "hour": "%Y/%m/%d/%H",
    "minute": "%Y/%m/%d/%H/%M",
}
_REQUEST_SIDE: Final = frozenset({"request", "model_inputs"})


class Keeper:
    """`records` is the folder of an endpoint's records."""

    def __init__(self, *, records: Path, say: Callable[[str], None]) -> None:
        self._records = records
        self._say = say
        self._queue: queue.SimpleQueue[tuple[Exchange, Serving] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="keeper", daemon=True)
        self._thread.start()

    def keep(self, exchange: Exchange, serving: Serving) -> None:
        self._queue.put((exchange, serving))

    def close(self) -> None:
        """Return when everything is on disk."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        while item := self._queue.get():
            exchange, serving = item
            try:
                if serving.recorded:
                    self._record(exchange)
                if serving.collector and exchange.path.partition("?")[0] == serving.scoring_path:
                    self._collect(exchange, serving)
            except OSError as error:
                self._say(f"{serving.name}: a request could not be kept: {error}")

    def _record(self, exchange: Exchange) -> None:
        self._records.mkdir(parents=True, exist_ok=True)
        path = self._records / f"{exchange.id}.json"
        temporary = path.with_suffix(".writing")
        try:
            temporary.write_text(json.dumps(as_document(exchange), indent=2), "utf-8")
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)  # half of one is in the way of a full disk
            raise
        self._forget_the_oldest()

    def _forget_the_oldest(self) -> None:
        kept = sorted(self._records.glob("*.json"), reverse=True)
        total = 0
        for index, path in enumerate(kept):
            total += path.stat().st_size
            if index >= MOST_RECORDS or total > LARGEST_FOLDER:
                path.unlink(missing_ok=True)

    def _collect(self, exchange: Exchange, serving: Serving) -> None:
        """As the collector of Azure lays it out: one CloudEvent in each line."""
        collector, collected = serving.collector, serving.collected
        if collector is None or collected is None:
            return
        moment = datetime.fromtimestamp(exchange.time, tz=timezone.utc)
        for collection in collector.collections:
            if random.random() >= collection.rate:  # noqa: S311  # a sample, not a secret
                continue
            folder = collected.joinpath(
                "modelDataCollector",
                exchange.endpoint,
                serving.name,
                collection.name,
                moment.strftime(_ROLLING[collector.rolling]),
            )
            folder.mkdir(parents=True, exist_ok=True)
            line = json.dumps(_event(exchange, serving, collection.name, moment))
            with (folder / f"{exchange.replica}.jsonl").open("a", encoding="utf-8") as file:
                file.write(line + "\n")


def _event(
    exchange: Exchange, serving: Serving, collection: str, moment: datetime
) -> dict[str, Any]:
    """A CloudEvent, as the page on collecting production data describes payload logging."""
    is_request = collection in _REQUEST_SIDE
    body, headers = (
        (exchange.body, exchange.headers)
        if is_request
        else (exchange.answer, exchange.answer_headers)
    )
    wanted = serving.collector.headers if serving.collector else ()
    data: dict[str, Any] = {"data": _json_or_text(body)}
    if kept := {name: value for name, value in headers.items() if name.lower() in wanted}:
        data["headers"] = kept
    if not is_request:
        data["status"] = exchange.model_status
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": f"/{exchange.endpoint}/{serving.name}",
        "type": f"azureml.inference.{collection}",
        "datacontenttype": "application/json",
        "time": moment.isoformat(),
        "correlationid": exchange.id,
        "agent": "aml-emu",
        "modelversion": "default",
        **data,
    }


def _json_or_text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def as_document(exchange: Exchange) -> dict[str, Any]:
    """A record as it lies on disk."""
    return {
        "id": exchange.id,
        "time": datetime.fromtimestamp(exchange.time, tz=timezone.utc).isoformat(),
        "deployment": exchange.deployment,
        "replica": exchange.replica,
        "milliseconds": round(exchange.milliseconds, 3),
        "request": {
            "method": exchange.method,
            "path": exchange.path,
            "headers": dict(exchange.headers),
            **_packed(exchange.body),
            "cut": exchange.request_cut,
        },
        "answer": {
            "status": exchange.status,
            "headers": dict(exchange.answer_headers),
            **_packed(exchange.answer),
            "cut": exchange.answer_cut,
        },
    }


def _packed(body: bytes) -> dict[str, str]:
    """As text where it is text, so that people can read it."""
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(body).decode()}


def unpacked(part: dict[str, Any]) -> bytes:
    """The body of a record's request or answer."""
    if "base64" in part:
        return base64.b64decode(part["base64"])
    return str(part.get("text", "")).encode()

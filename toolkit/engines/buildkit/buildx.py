"""The build as `docker buildx` does it, on request only: for remote builders and shared caches.

Its progress is asked for as JSON, which buildx has had since 0.13.
"""

from __future__ import annotations

import base64
import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from toolkit.engines import command
from toolkit.engines.buildkit.exchange import BuildCancelled
from toolkit.engines.buildkit.journal import Journal
from toolkit.engines.buildkit.request import BuildRequest
from toolkit.engines.buildkit.stepbook import StepBook, Vertex
from toolkit.engines.events import BuildEvent
from toolkit.errors import EngineUnavailable

BUILDER_VARIABLE: Final = "AML_EMU_BUILDER"
_ERROR: Final = "ERROR: "
_MISSING: Final = ("unknown command", "unknown flag", "not a docker command")


def build(
    request: BuildRequest,
    builder: str,
    *,
    on_event: Callable[[BuildEvent], None],
    environ: Mapping[str, str],
    cancel: threading.Event | None = None,
    program: str = "docker",
) -> None:
    """Build, and load the result into the engine under the tags of the request."""
    journal = Journal(on_event)
    with tempfile.TemporaryDirectory(prefix="aml-emu-buildx-") as scratch:
        secrets = dict(_written(request.secrets, Path(scratch)))
        argv = [program, *arguments(request, builder, secrets)]
        with command.talk(argv, environ=environ, body=request.context()) as talk:
            with _ended_when_cancelled(talk, cancel):
                said = _told(talk.lines(), journal)
            if not talk.exit_code():
                return
    if cancel and cancel.is_set():
        raise BuildCancelled("image build cancelled")
    if any(text in said for text in _MISSING):
        raise EngineUnavailable(
            "this `docker` command has no buildx of version 0.13 or newer",
            details=said.strip(),
            hint=f"install the docker-buildx plugin, or unset {BUILDER_VARIABLE}: builds need none",
        )
    errors = [line.removeprefix(_ERROR) for line in said.splitlines() if line.startswith(_ERROR)]
    raise journal.failure(errors[-1] if errors else said.strip())


def arguments(request: BuildRequest, builder: str, secrets: Mapping[str, Path]) -> list[str]:
    """What the `docker` command is told; the context comes on its stdin."""
    options = [
        *(f"--tag={tag}" for tag in request.tags),
        *(f"--label={name}={value}" for name, value in request.labels.items()),
        *(f"--build-arg={name}={value}" for name, value in request.build_args.items()),
        *(f"--secret=id={name},src={path}" for name, path in secrets.items()),
        *([f"--platform={request.platform}"] if request.platform else []),
        *([f"--target={request.target}"] if request.target else []),
        *([f"--network={request.network}"] if request.network else []),
        *(["--no-cache"] if request.no_cache else []),
    ]
    return [
        "buildx", "build", f"--builder={builder}", "--progress=rawjson", "--load",
        "--provenance=false", f"--file={request.dockerfile}", *options, "-",
    ]  # fmt: skip


def read_status(book: StepBook, status: Mapping[str, Any]) -> Iterator[BuildEvent]:
    """The events of one line of progress."""
    for each in status.get("vertexes") or ():
        yield from book.vertex(
            Vertex(
                key=each["digest"],
                name=each.get("name", ""),
                started=_moment(each.get("started")),
                completed=_moment(each.get("completed")),
                is_cached=bool(each.get("cached")),
                error=each.get("error", ""),
            )
        )
    for each in status.get("statuses") or ():
        what = each.get("name") or each.get("id", "")
        current, total = int(each.get("current") or 0), int(each.get("total") or 0)
        yield from book.transfer(each["vertex"], what, current=current, total=total)
    for each in status.get("logs") or ():
        yield from book.log(each["vertex"], base64.b64decode(each.get("data") or ""))


def _told(lines: Iterator[str], journal: Journal) -> str:
    """Pass the progress on; what else was said."""
    book, rest = StepBook(), []
    for text in _documents(lines):
        try:
            events = list(read_status(book, json.loads(text)))
        except (ValueError, KeyError, TypeError):
            rest.append(text)
            continue
        for event in events:
            journal.tell(event)
    return "".join(rest)


def _documents(lines: Iterator[str]) -> Iterator[str]:
    """JSON documents of one line or, as older versions write them, of many; other lines as is."""
    open_ = ""
    for line in lines:
        open_ += line
        if open_.startswith("{\n") and not line.startswith("}"):
            continue
        yield open_
        open_ = ""
    if open_:
        yield open_


def _moment(text: str | None) -> float | None:
    """Seconds; the nanoseconds that Go writes are more than Python before 3.11 reads."""
    if not text:
        return None
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = datetime.fromisoformat(f"{whole}+00:00").timestamp()
    return seconds + (float(f"0.{fraction}") if fraction.isdigit() else 0.0)


def _written(secrets: Mapping[str, bytes], folder: Path) -> Iterator[tuple[str, Path]]:
    """Secrets as files, in a folder that only its owner can enter."""
    for number, (name, value) in enumerate(secrets.items()):
        path = folder / str(number)
        path.write_bytes(value)
        yield name, path


@contextmanager
def _ended_when_cancelled(talk: command.Talk, cancel: threading.Event | None) -> Iterator[None]:
    if cancel is None:
        yield
        return
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if cancel.wait(0.05):
                talk.end()
                return

    watcher = threading.Thread(target=watch, name="build cancel", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()

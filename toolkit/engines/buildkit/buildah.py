"""The build as Podman does it: secrets travel with the context, progress is a transcript."""

from __future__ import annotations

import itertools
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping

from toolkit.engines.buildkit.context import member
from toolkit.engines.buildkit.exchange import Exchange
from toolkit.engines.buildkit.journal import Journal
from toolkit.engines.buildkit.request import BuildRequest
from toolkit.engines.buildkit.sdk import all_logins_header
from toolkit.engines.events import (
    BuildEvent,
    StepCached,
    StepDone,
    StepFailed,
    StepLog,
    StepStarted,
)
from toolkit.errors import EngineUnavailable

_STEP = re.compile(r"(?:\[(?P<stage>\d+/\d+)\] )?STEP (?P<place>\d+/\d+): (?P<name>.*)\n")
_COMMIT = re.compile(r"(?:\[\d+/\d+\] )?(?P<name>COMMIT.*)\n")
_CACHED = re.compile(r"--> Using cache [0-9a-f]+\n")
_COMMITTED = re.compile(r"--> [0-9a-f]+\n")
_OWNER_ONLY = 0o600


def build(
    exchange: Exchange, request: BuildRequest, build_args: Mapping[str, str], journal: Journal
) -> str:
    """The id of the image."""
    transcript = Transcript()
    files = {name: f".aml-emu-secret-{index}" for index, name in enumerate(request.secrets)}
    params = {
        **request.query(build_args),
        # Podman takes these files out of the context before the first step sees it.
        "secrets": json.dumps([f"id={name},src={file}" for name, file in files.items()]),
    }
    image = ""
    body = itertools.chain(
        (member(file, request.secrets[name], mode=_OWNER_ONLY) for name, file in files.items()),
        request.context(),
    )
    with exchange.messages(params, all_logins_header(exchange.api), body) as messages:
        for message in messages:
            if "error" in message:
                error = str(message["error"]).strip()
                for event in transcript.fail(error):
                    journal.tell(event)
                raise journal.failure(error)
            if "stream" in message:
                for event in transcript.read(str(message["stream"])):
                    journal.tell(event)
            elif isinstance(message.get("aux"), dict):
                image = str(message["aux"].get("ID", ""))
    if not image:
        raise EngineUnavailable("the engine ended the build with neither an image nor an error")
    return image if image.startswith("sha256:") else f"sha256:{image}"


class Transcript:
    """Reads what buildah prints. It tells no times, so `clock` takes them as the lines arrive."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._steps = 0
        self._open: StepStarted | None = None
        self._since = 0.0

    def read(self, text: str) -> Iterator[BuildEvent]:
        if step := _STEP.fullmatch(text):
            place = " ".join(part for part in (step["stage"], step["place"]) if part)
            yield from self._begin(step["name"], place)
        elif commit := _COMMIT.fullmatch(text):
            yield from self._begin(commit["name"], "")
        elif self._open is None:
            return  # buildah's own closing words, and what it says again of a cached step
        elif _CACHED.fullmatch(text):
            yield StepCached(step=self._open.step)
            self._open = None
        elif _COMMITTED.fullmatch(text):
            yield from self._end()
        else:
            yield StepLog(step=self._open.step, text=text)

    def fail(self, error: str) -> Iterator[BuildEvent]:
        """The error belongs to the step that was running, if any was."""
        if self._open is not None:
            cause = error.removeprefix(f'building at STEP "{self._open.name}": ')
            yield StepFailed(step=self._open.step, error=cause)
            self._open = None

    def _begin(self, name: str, place: str) -> Iterator[BuildEvent]:
        yield from self._end()
        self._steps += 1
        self._since = self._clock()
        self._open = StepStarted(step=self._steps, name=name, place=place)
        yield self._open

    def _end(self) -> Iterator[BuildEvent]:
        if self._open is not None:
            yield StepDone(step=self._open.step, seconds=self._clock() - self._since)
            self._open = None

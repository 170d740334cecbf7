"""What a build said, kept so that its failure can be explained. Bounded, whatever a step prints."""

from __future__ import annotations

import re
from collections.abc import Callable

from toolkit.engines.buildkit.diagnosis import diagnose
from toolkit.engines.events import BuildEvent, StepFailed, StepLog, StepStarted, brief
from toolkit.errors import BuildFailed

_TAIL_LINES = 20
_TAIL_CHARACTERS = 1 << 16
_LONGEST_NAME = 160
_EXIT_CODE = re.compile(r"exit (?:code|status):? (\d+)\s*$")
_IMAGE_STEP = re.compile(
    r"(?:load metadata for|FROM) (?:--platform=\S+ )?(?:docker\.io/(?:library/)?)?(\S+)"
)
_ROUTINE_PREFIX = re.compile(
    r"failed to solve(?: with frontend dockerfile\.v0)?: (?:failed to create LLB definition: )?"
)


class Journal:
    """Passes the events of one build on, and remembers what an error will need."""

    def __init__(self, on_event: Callable[[BuildEvent], None]) -> None:
        self._on_event = on_event
        self.names: dict[int, str] = {}
        self.errors: dict[int, str] = {}
        self._tails: dict[int, str] = {}

    def tell(self, event: BuildEvent) -> None:
        self._record(event)
        self._on_event(event)

    def _record(self, event: BuildEvent) -> None:
        if isinstance(event, StepStarted):
            self.names[event.step] = event.name
        elif isinstance(event, StepFailed):
            self.errors[event.step] = event.error
        elif isinstance(event, StepLog):
            text = self._tails.get(event.step, "") + event.text
            lines = text[-_TAIL_CHARACTERS:].splitlines(keepends=True)
            self._tails[event.step] = "".join(lines[-_TAIL_LINES:])

    def tail(self, step: int) -> str:
        """The last lines a step printed."""
        return self._tails.get(step, "").rstrip("\n")

    def failure(self, error: str) -> BuildFailed:
        """Why the build failed, from the builder's last word and from what went before."""
        step = self._failed_step(error)
        cause = _ROUTINE_PREFIX.sub("", error, count=1)
        if step is None:
            found = diagnose(cause, None)
            if found and found.problem:
                return BuildFailed(found.problem, details=cause, hint=found.hint)
            return BuildFailed(f"the image cannot be built: {cause}")
        name = brief(self.names.get(step, "?"), _LONGEST_NAME)
        image = _IMAGE_STEP.match(name)
        if image is not None:
            return _image_missing(image[1], self.errors[step])
        match = _EXIT_CODE.search(self.errors[step])
        exit_code = int(match[1]) if match else None
        tail = self.tail(step)
        found = diagnose(f"{self.errors[step]}\n{tail}", exit_code)
        said = f"build step `{name}` failed"
        how = f" with exit code: {exit_code}" if match else f": {self.errors[step]}"
        if found and found.problem:
            return BuildFailed(
                found.problem, details=f"{said}{how}\n{tail}".rstrip(), hint=found.hint
            )
        return BuildFailed(f"{said}{how}", details=tail, hint=found.hint if found else "")

    def _failed_step(self, error: str) -> int | None:
        """The step to blame: steps that ran beside it were cancelled and report that as errors."""
        blamed = [step for step, text in self.errors.items() if text in error]
        guilty = [
            step for step, text in self.errors.items() if not text.endswith("context canceled")
        ]
        return next(iter([*blamed, *guilty, *self.errors]), None)


def _image_missing(image: str, error: str) -> BuildFailed:
    return BuildFailed(
        f"image to build on cannot be pulled: `{image}`",
        details=error,
        hint="check its name and `docker login`, or name an image that this machine has in its "
        "stead under `[images]` in aml-emu.toml",
    )

import io
import time

from rich.console import Console

from toolkit.cli.progress import BuildProgress
from toolkit.cli.progress_live import LiveLines
from toolkit.engines.events import ImageReady, StepDone, StepLog, StepStarted


def test_running_steps_are_on_the_screen_with_their_last_line() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    deadline = time.monotonic() + 5
    with BuildProgress(view=LiveLines(console)) as progress:
        progress(StepStarted(step=1, name="RUN make all", place="2/3"))
        progress(StepLog(step=1, text="compiling a.c\n"))
        while "compiling a.c" not in stream.getvalue():
            assert time.monotonic() < deadline, stream.getvalue()
        progress(StepDone(step=1, seconds=1.5))
        progress(ImageReady(id="x"))
    assert "[2/3] RUN make all" in stream.getvalue()


def test_text_of_a_step_is_no_markup() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100)
    with BuildProgress(view=LiveLines(console)) as progress:
        progress(StepStarted(step=1, name="RUN echo [/bold]"))
        progress(StepLog(step=1, text="[/nothing] [red]\n"))
    assert "[red]" in stream.getvalue()


def test_closing_without_a_step_leaves_the_screen_alone() -> None:
    stream = io.StringIO()
    with BuildProgress(view=LiveLines(Console(file=stream, force_terminal=True))):
        pass
    assert stream.getvalue() == ""

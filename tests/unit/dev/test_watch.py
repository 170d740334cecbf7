"""Real saves, seen by the real watchdog."""

import queue
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from toolkit.dev.watch import Watcher, needs_polling
from toolkit.specs.ignore import ignore_rules

SOON = 5.0  # seconds; a batch comes within a fraction of one


class Seen:
    """The batches of one watcher, read by a thread of its own."""

    def __init__(self, watcher: Watcher) -> None:
        self.watcher = watcher
        self._batches: queue.Queue[frozenset[Path]] = queue.Queue()
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        for batch in self.watcher.batches():
            self._batches.put(batch)

    def next(self) -> set[str]:
        batch = self._batches.get(timeout=SOON)
        return {str(path.relative_to(self.watcher.folder)) for path in batch}

    def collect(self, *wanted: str) -> set[str]:
        """Everything up to and with the batch that completes `wanted`."""
        names = self.next()
        while not names.issuperset(wanted):
            names |= self.next()
        return names


@contextmanager
def watching(folder: Path, *, polling: bool = False) -> Iterator[Seen]:
    with Watcher(folder, polling=polling) as watcher:
        seen = Seen(watcher)
        try:
            yield seen
        finally:
            watcher.stop()
            seen.thread.join()


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / "my code"
    folder.mkdir()
    for name in ("score.py", "model.py", "last.py"):
        (folder / name).write_text("old = 1\n")
    (folder / "sub").mkdir()
    return folder.resolve()


def test_a_file_written_in_place_is_seen(code: Path) -> None:
    with watching(code) as seen:
        (code / "score.py").write_text("new = 2\n")
        assert seen.next() == {"score.py"}
        (code / "score.py").write_text("newer = 3\n")
        assert seen.next() == {"score.py"}


def test_a_file_written_beside_and_renamed_is_seen(code: Path) -> None:
    with watching(code) as seen:
        (code / ".score.py.swp").write_text("new = 2\n")
        (code / ".score.py.swp").rename(code / "score.py")
        assert seen.next() == {"score.py"}


def test_a_new_file_and_one_in_a_new_folder_are_seen(code: Path) -> None:
    with watching(code) as seen:
        (code / "sub/new.py").write_text("x = 1\n")
        assert seen.next() == {"sub/new.py"}


def test_a_deleted_file_is_seen(code: Path) -> None:
    with watching(code) as seen:
        (code / "model.py").unlink()
        assert seen.next() == {"model.py"}


def test_a_file_moved_away_is_seen(code: Path) -> None:
    with watching(code) as seen:
        (code / "model.py").rename(code / "sub/model.py")
        assert seen.collect("model.py", "sub/model.py") == {"model.py", "sub/model.py"}


def test_many_files_saved_together_are_one_batch(code: Path) -> None:
    """Fed by hand: how the writing is cut up by the scheduler does not matter then."""
    paths = {code / f"sub/m{number}.py" for number in range(50)}
    watcher = Watcher(code, polling=False)
    for path in paths:
        watcher.note(path)
    assert next(watcher.batches()) == paths


def test_none_of_many_files_is_missed(code: Path) -> None:
    names = {f"sub/m{number}.py" for number in range(50)}
    with watching(code) as seen:
        for name in names:
            (code / name).write_text("x = 1\n")
        assert seen.collect(*names) == names


@pytest.mark.parametrize("name", ["config.json", "logging.json", "src/config.json"])
def test_what_the_server_reads_when_it_starts_is_seen(code: Path, name: str) -> None:
    (code / "src").mkdir()
    with watching(code) as seen:
        (code / name).write_text("{}")
        assert seen.next() == {name}


def test_reading_is_no_change(code: Path) -> None:
    with watching(code) as seen:
        (code / "score.py").read_text()
        shutil.copy(code / "model.py", code / "last.py")
        assert seen.next() == {"last.py"}


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "score.pyc",
        "score.py~",
        "4913",
        "__pycache__/score.py",
        ".git/hook.py",
        ".venv/lib/x.py",
        ".aml-emu/x.py",
        "azureml-models/a/1/code.py",
        ".azureml/config.json",
        "sample.json",
        "config.json.bak",
    ],
)
def test_what_cannot_change_an_answer_is_not_seen(code: Path, name: str) -> None:
    with watching(code) as seen:
        path = code / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
        (code / "last.py").write_text("x = 1\n")
        assert seen.collect("last.py") == {"last.py"}


def test_what_amlignore_names_is_not_seen(code: Path) -> None:
    (code / ".amlignore").write_text("# comment\nsub/\n/model.py\n!keep.py\n")
    (code / ".gitignore").write_text("score.py\n")
    with watching(code) as seen:
        (code / "sub/x.py").write_text("x = 1\n")
        (code / "model.py").write_text("x = 1\n")
        (code / "score.py").write_text("x = 1\n")
        (code / "last.py").write_text("x = 1\n")
        assert seen.collect("last.py") == {"last.py", "score.py"}


def test_without_amlignore_gitignore_counts(code: Path) -> None:
    (code / ".gitignore").write_text("mod*.py\n")
    with watching(code) as seen:
        (code / "model.py").write_text("x = 1\n")
        (code / "last.py").write_text("x = 1\n")
        assert seen.collect("last.py") == {"last.py"}


@pytest.mark.parametrize("text", ["", "\n# nothing\n", "\xff\n"])
def test_ignore_files_may_say_nothing(code: Path, text: str) -> None:
    (code / ".amlignore").write_bytes(text.encode("latin-1"))
    assert not ignore_rules(code).match_file("score.py")


def test_what_happens_elsewhere_is_not_watched(code: Path) -> None:
    watcher = Watcher(code, polling=False)
    assert watcher.is_watched(code / "a.py")
    assert not watcher.is_watched(code.parent / "a.py")
    assert not watcher.is_watched(Path(f"{code}-other/a.py"))


def test_a_folder_behind_a_link_is_watched(code: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(code)
    with watching(tmp_path / "link") as seen:
        (tmp_path / "link" / "score.py").write_text("x = 1\n")
        assert seen.next() == {"score.py"}


def test_looking_at_the_files_works_as_well(code: Path) -> None:
    with watching(code, polling=True) as seen:
        assert seen.watcher.polling
        (code / "score.py").write_text("longer = 22\n")
        (code / "model.py").unlink()
        assert seen.collect("score.py", "model.py") == {"score.py", "model.py"}


def test_stopping_ends_the_batches(code: Path) -> None:
    with Watcher(code, polling=False) as watcher:
        watcher.stop()
        assert list(watcher.batches()) == []


def test_a_stream_of_saves_is_cut(code: Path) -> None:
    """A program that writes without a pause does not keep new code out for ever."""
    stop = threading.Event()

    def scribble() -> None:
        number = 0
        while not stop.wait(0.002):
            number += 1
            (code / "score.py").write_text(f"x = {number}\n")
            (code / "model.py").write_text(f"x = {number}\n")

    writer = threading.Thread(target=scribble)
    with watching(code) as seen:
        writer.start()
        try:
            assert "score.py" in seen.next()
        finally:
            stop.set()
            writer.join()


def test_a_local_folder_needs_no_polling(tmp_path: Path) -> None:
    assert needs_polling(tmp_path) is Watcher(tmp_path).polling is False


@pytest.mark.parametrize("polling", [False, True])
def test_single_files_are_watched_wherever_they_are(
    code: Path, tmp_path: Path, *, polling: bool
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in (elsewhere / "env.yml", elsewhere / "other.yml", code / "here.yml"):
        path.write_text("old")
    batches: queue.Queue[frozenset[Path]] = queue.Queue()
    also = [elsewhere / "env.yml", code / "here.yml"]
    with Watcher(code, also=also, polling=polling) as watcher:

        def read() -> None:
            for batch in watcher.batches():
                batches.put(batch)

        thread = threading.Thread(target=read)
        thread.start()
        try:
            (elsewhere / "other.yml").write_text("unwatched")
            (elsewhere / "env.yml").write_text("new")
            assert batches.get(timeout=SOON) == {elsewhere / "env.yml"}
            (code / "here.yml").write_text("new")
            assert batches.get(timeout=SOON) == {code / "here.yml"}
        finally:
            watcher.stop()
            thread.join()

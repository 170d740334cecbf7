"""Noticing saves: batches of files that changed below one folder. The only watchdog import."""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

import psutil
from typing_extensions import Self
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver
from watchdog.observers.polling import PollingObserver

from toolkit.specs.ignore import ignore_rules

# Its emitter warns about the last event of a watcher that is being closed, which is no news.
logging.getLogger("watchdog").setLevel(logging.ERROR)

QUIET_ONE: Final = 0.02  # seconds without events that end the save of one file
QUIET_MANY: Final = 0.1  # … and of several, as a checkout writes them
PATIENCE: Final = 0.5  # a stream of saves that never pauses is cut here
POLL_INTERVAL: Final = 0.2

_CHANGES: Final = frozenset({"created", "modified", "moved", "deleted", "closed"})
_SILENT_FILE_SYSTEMS: Final = frozenset(
    {
        "9p", "afs", "cifs", "drvfs", "fuse.sshfs", "nfs", "nfs4", "smb3", "smbfs", "vboxsf",
        "virtiofs",
    }
)  # fmt: skip
# what the inference server reads when it starts, from the app root and the script's folder
_SERVER_CONFIGURATION: Final = frozenset({"config.json", "logging.json"})
_NEVER: Final = frozenset({"__pycache__", ".git", ".aml-emu", ".vscode", ".venv", "azureml-models"})


class Watcher:
    """Watch a folder from `with` on; `batches()` yields sets of paths that changed together.

    `also` are single files, wherever they are and whatever they are called.
    """

    def __init__(
        self, folder: Path, *, also: Iterable[Path] = (), polling: bool | None = None
    ) -> None:
        self.folder = folder.resolve()
        self.also = frozenset(path.resolve() for path in also)
        self.polling = needs_polling(self.folder) if polling is None else polling
        self._ignored = ignore_rules(self.folder)
        self._changed: set[Path] = set()
        self._event = threading.Condition()
        self._last = 0.0
        self._stopped = False
        self._observer: BaseObserver = (
            PollingObserver(timeout=POLL_INTERVAL) if self.polling else Observer()
        )

    def __enter__(self) -> Self:
        # watchdog looks into a new folder twice when one more is made in it meanwhile, and warns
        warnings.filterwarnings("ignore", "Callback with id .* already exists", RuntimeWarning)
        self._observer.schedule(_Handler(self), str(self.folder), recursive=True)
        for parent in {path.parent for path in self.also}:
            if not parent.is_relative_to(self.folder):
                self._observer.schedule(_Handler(self), str(parent), recursive=False)
        self._observer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()
        self._observer.stop()
        self._observer.join()

    def stop(self) -> None:
        """End `batches()`, from any thread."""
        with self._event:
            self._stopped = True
            self._event.notify_all()

    def batches(self) -> Iterator[frozenset[Path]]:
        """Block until files change and the changing pauses; ends after `stop`."""
        while True:
            with self._event:
                self._event.wait_for(lambda: self._changed or self._stopped)
                first = time.monotonic()
                while not self._stopped and (left := self._unsettled(first)) > 0:
                    self._event.wait(left)
                if self._stopped:
                    return
                batch, self._changed = frozenset(self._changed), set()
            yield batch

    def note(self, path: Path) -> None:
        """A file changed; called by the observer's thread."""
        if not self.is_watched(path):
            return
        with self._event:
            self._changed.add(path)
            self._last = time.monotonic()
            self._event.notify_all()

    def is_watched(self, path: Path) -> bool:
        """Whether a change of this file can change what the service answers."""
        if path in self.also:
            return True
        if not path.is_relative_to(self.folder):
            return False
        relative = path.relative_to(self.folder)
        if path.name in _SERVER_CONFIGURATION:
            if any(part.startswith(".") for part in relative.parts):  # `.azureml/` has another one
                return False
        elif path.suffix != ".py":
            return False
        return not _NEVER & set(relative.parts) and not self._ignored.match_file(str(relative))

    def _unsettled(self, first: float) -> float:
        """Seconds to wait before the batch is whole; zero or less when it is."""
        quiet = QUIET_ONE if len(self._changed) == 1 else QUIET_MANY
        now = time.monotonic()
        return min(self._last + quiet, first + PATIENCE) - now


class _Handler(FileSystemEventHandler):
    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.is_directory or event.event_type not in _CHANGES:
            return
        for path in (event.src_path, event.dest_path):
            if path:
                text = path.decode() if isinstance(path, bytes) else path
                self._watcher.note(Path(text))


def needs_polling(folder: Path) -> bool:
    """Whether the folder lies on a file system that tells nobody about changes."""
    best, kind = "", ""
    for partition in psutil.disk_partitions(all=True):
        if folder.is_relative_to(partition.mountpoint) and len(partition.mountpoint) >= len(best):
            best, kind = partition.mountpoint, partition.fstype
    return kind.lower() in _SILENT_FILE_SYSTEMS

"""The driver of parallel steps: batches, retries, thresholds, what it keeps of failures."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from toolkit.runtime.parallel_batches import batches, files_of, rows_of

RUNTIME = Path(__file__).parents[3] / "toolkit/runtime/parallel_main.py"
TOLD = {
    "entry_script": "entry.py",
    "files": 2,
    "size": None,
    "concurrency": 2,
    "error_threshold": -1,
    "mini_batch_error_threshold": -1,
    "timeout": 20,
    "max_retries": 0,
    "logging_level": "INFO",
    "debug": False,
}
ENTRY = """
    import os, sys, time
    BAD = sys.argv[sys.argv.index("--bad") + 1] if "--bad" in sys.argv else ""
    def init():
        print("init in", os.getpid())
    def run(mini_batch):
        names = [os.path.basename(file) for file in mini_batch]
        if BAD in names:
            raise ValueError("bad file " + BAD)
        return ["done " + name for name in names]
    """


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "data/deep").mkdir(parents=True)
    for name in ("a", "b", "c", "deep/d", "deep/e"):
        (tmp_path / "data" / name).write_text(name)
    write_entry(tmp_path, ENTRY)
    return tmp_path


def write_entry(place: Path, text: str) -> None:
    (place / "entry.py").write_text(textwrap.dedent(text))


def driven(
    place: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    told: Mapping[str, Any] | None = None,
    **more: Any,
) -> subprocess.CompletedProcess[str]:
    argv = [
        sys.executable,
        str(RUNTIME),
        json.dumps({**TOLD, **(told or {}), **more}),
        "data",
        "rows.txt",
    ]
    return subprocess.run(
        [*argv, *arguments], cwd=place, env=env, capture_output=True, text=True, check=False
    )


def rows(place: Path) -> list[str]:
    return sorted((place / "rows.txt").read_text().splitlines())


def attempts(place: Path) -> list[dict[str, Any]]:
    lines = (place / "logs/sys/mini_batches.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_every_file_is_in_one_batch(place: Path) -> None:
    assert driven(place).returncode == 0
    assert rows(place) == [f"done {name}" for name in "abcde"]
    assert sorted(len(each["items"]) for each in attempts(place)) == [1, 2, 2]
    assert "3 of 3 done, 0 failed" in (place / "logs/job_progress_overview.txt").read_text()
    assert "init in" in (place / "logs/user/stdout/process000.stdout.txt").read_text()


def test_a_failing_batch_is_kept_and_the_rest_goes_on(place: Path) -> None:
    done = driven(place, "--bad", "c")
    assert done.returncode == 0  # a threshold of -1 allows everything
    assert rows(place) == ["done a", "done b", "done e"]
    kept = json.loads((place / "outputs/failed_mini_batches/mini_batch_1.json").read_text())
    assert [Path(item).name for item in kept["items"]] == ["c", "d"]
    assert "bad file c" in done.stderr
    assert "bad file c" in (place / "logs/user/error/mini_batch_1.txt").read_text()


@pytest.mark.parametrize("name", ["error_threshold", "mini_batch_error_threshold"])
def test_too_many_failures_end_it(place: Path, name: str) -> None:
    done = driven(place, "--bad", "c", told={name: 0})
    assert done.returncode == 1
    assert f"`{name}` is 0" in done.stderr
    assert driven(place, "--bad", "c", told={name: 2}).returncode == 0


def test_a_batch_is_tried_again(place: Path) -> None:
    write_entry(
        place,
        """
        import os
        def run(mini_batch):
            if not os.path.exists("tried"):
                open("tried", "w").close()
                raise OSError("for the first time")
            return mini_batch
        """,
    )
    assert driven(place, files=5, max_retries=1, mini_batch_error_threshold=0).returncode == 0
    assert [each["attempt"] for each in attempts(place)] == [1, 2]


def test_a_batch_that_never_ends_is_ended_and_a_new_worker_goes_on(place: Path) -> None:
    write_entry(
        place,
        """
        import time
        def run(mini_batch):
            if mini_batch[0].endswith("a"):
                time.sleep(600)
            return mini_batch
        """,
    )
    done = driven(place, timeout=0.5, concurrency=1)
    assert done.returncode == 0
    assert "no answer within 0.5 s" in done.stderr
    assert len(rows(place)) == 3


def test_a_worker_that_dies_costs_its_batch_only(place: Path) -> None:
    write_entry(
        place,
        """
        import os
        def run(mini_batch):
            if mini_batch[0].endswith("a"):
                os._exit(9)
            return mini_batch
        """,
    )
    done = driven(place, concurrency=1)
    assert "the worker process ended" in done.stderr
    assert len(rows(place)) == 3


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("def init(): raise KeyError('no config')\ndef run(b): return b", "no config"),
        ("import sys\ndef init(): sys.exit('no model')\ndef run(b): return b", "no model"),
        ("def predict(b): return b", "no `run(mini_batch)`"),
    ],
)
def test_an_entry_script_that_cannot_begin(place: Path, entry: str, said: str) -> None:
    write_entry(place, entry)
    done = driven(place)
    assert done.returncode == 1
    assert said in done.stderr


def test_a_result_that_is_no_list(place: Path) -> None:
    write_entry(place, "def run(mini_batch): return None")
    done = driven(place, mini_batch_error_threshold=0)
    assert done.returncode == 1
    assert "must return a list or a DataFrame" in done.stderr


def test_only_some_batches_again(place: Path) -> None:
    assert driven(place, env={"AML_EMU_MINI_BATCHES": "0,2"}).returncode == 0
    assert rows(place) == ["done a", "done b", "done e"]


def test_under_a_debugger_what_is_raised_is_not_caught(place: Path) -> None:
    done = driven(place, "--bad", "c", debug=True, max_retries=3)
    assert done.returncode == 1
    assert "ValueError: bad file c" in done.stderr
    assert (place / "outputs/failed_mini_batches/mini_batch_1.json").is_file()
    assert rows(place) == ["done a", "done b"]


def test_batches_by_size(tmp_path: Path) -> None:
    for name, size in (("a", 600), ("b", 600), ("c", 10)):
        (tmp_path / name).write_bytes(b"x" * size)
    found = list(batches(files_of(str(tmp_path)), None, 1000))
    assert [len(batch) for batch in found] == [2, 1]
    assert files_of(str(tmp_path / "a")) == [str(tmp_path / "a")]
    assert list(batches([], 10, None)) == []


class Frame:
    def to_csv(self, sep: str, *, header: bool, index: bool) -> str:
        assert not header
        assert not index
        return f"1{sep}2\n3{sep}4\n"


def test_rows_of_lists_and_frames() -> None:
    assert rows_of(["a", 1]) == ["a", "1"]
    assert rows_of(Frame()) == ["1 2", "3 4"]

"""What a launch of a nursery says: some of what was, all of what comes."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from toolkit.engines.process.nursery import NurseryHandle
from toolkit.plans.model import LaunchPlan


def test_a_tail_is_of_what_was_said_before(tmp_path: Path) -> None:
    said, output = os.pipe()
    leash = os.open(os.devnull, os.O_RDONLY)
    plan = LaunchPlan(kind="run", name="toy", image="i", working_dir=PurePosixPath("/"))
    handle = NurseryHandle(plan, "toy-1", said, leash, tmp_path / "none")
    os.write(output, b"1\n2\n3\n")
    with handle._changed:
        assert handle._changed.wait_for(lambda: len(handle._said) == 6, 10)
    words = handle.logs(follow=True, tail=1)
    assert next(words) == b"3\n"
    os.write(output, b"4\n5\n6\n")
    os.close(output)
    assert b"".join(words) == b"4\n5\n6\n"
    handle.ended(0)
    handle.stop()

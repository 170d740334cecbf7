"""The README's first command, from a clean clone: everything is set up, and a breakpoint is hit."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.integration.served import Served
from toolkit.engines.docker import DockerEngine
from toolkit.plans.emulation import LABEL_CODE

pytestmark = pytest.mark.docker

ROOT = Path(__file__).parents[2]


def line_of(script: Path, text: str) -> int:
    lines = script.read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_make_debug_score(tmp_path: Path, base_image: str, engine: DockerEngine) -> None:
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    example = clone / "examples" / "sklearn"
    script = example / "score.py"
    request = json.loads((example / "sample-request.json").read_text())
    served = Served(clone, name="sklearn", command=["make", "debug-score"])
    with served:
        served.wait_for_line("curl http://127.0.0.1:")
        served.wait_for_line("F5 in VS Code")
        served.wait_for_line("edit .*score.py")
        assert served.score(request) == {"species": ["setosa", "virginica"]}
        session = served.debug(example)
        with session:
            session.wait_for_worker()
            session.set_breakpoints(script, [line_of(script, "predicted = ")])
            answer = served.score_later(request)
            stop = session.wait_for_stop()
            assert (stop.file, stop.function) == (str(script), "run")
            assert "raw_data" in session.locals(stop)
            session.continue_(stop)
            assert answer() == {"species": ["setosa", "virginica"]}
        script.write_text(script.read_text().replace('{"species"', '{"kinds"'))
        served.wait_for_line("reloaded score.py")
        assert served.score(request) == {"kinds": ["setosa", "virginica"]}
        served.interrupt()
        served.wait(60)
    assert engine.find({LABEL_CODE: str(example)}) == []

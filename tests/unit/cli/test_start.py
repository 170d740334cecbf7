"""What a command that does little must not wait for."""

from __future__ import annotations

import json
import subprocess
import sys

SLOW = {
    "docker", "jinja2", "psutil", "pydantic", "requests", "rich", "ruamel.yaml", "sqlite3",
    "toolkit.plans.model", "toolkit.workspace.model", "watchdog",
}  # fmt: skip
LOADED = "import json, sys, toolkit.cli.app; print(json.dumps(sorted(sys.modules)))"


def test_the_command_line_is_read_without_what_only_some_commands_need() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert SLOW & set(json.loads(done.stdout)) == set()

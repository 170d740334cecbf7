"""Which way of keeping a launch apart is chosen, by trying what the machine allows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit.engines.process.sandbox import choose

CHOOSE = """
import os
from toolkit.engines.process.sandbox import choose
found = choose(os.environ)
print(found.rung)
print("\\n".join(found.notes))
"""
# A user without rights in a world without user namespaces, as on a locked-down machine.
UNPRIVILEGED = 'setpriv --bounding-set=-all --inh-caps=-all "$@"'
FORBIDDEN = [
    *("unshare", "--user", "--map-root-user", "sh", "-c"),
    f"echo 0 >/proc/sys/user/max_user_namespaces && exec {UNPRIVILEGED}",
    "sh",
]


def chosen(*before: str, **environ: str) -> list[str]:
    done = subprocess.run(
        [*before, sys.executable, "-c", CHOOSE],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def needs_forbidding() -> None:
    if subprocess.run([*FORBIDDEN, "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces cannot be forbidden here for a try")


@pytest.fixture
def without_bwrap(tmp_path: Path) -> str:
    """A PATH on which bubblewrap is missing."""
    for name in ("sh", "true", "python3", "unshare", "setpriv"):
        if found := shutil.which(name):
            (tmp_path / name).symlink_to(found)
    return str(tmp_path)


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
def test_bubblewrap_is_the_first_choice() -> None:
    assert chosen()[:2] == ["bwrap", "no containers: using bubblewrap"]


def test_without_bubblewrap_namespaces_are_used(without_bwrap: str) -> None:
    if choose(os.environ, ["unshare", "plain"]).rung == "plain":
        pytest.skip("namespaces are not allowed here")
    said = chosen(PATH=without_bwrap)
    assert said[0] == "unshare"
    assert said[1] == "no containers: using Linux namespaces (bubblewrap is not installed)"


def test_without_either_plain_processes_are_used(without_bwrap: str) -> None:
    needs_forbidding()
    said = chosen(*FORBIDDEN, PATH=f"{without_bwrap}")
    assert said[0] == "plain"
    assert said[1].startswith(
        "no containers: using plain processes (bubblewrap is not installed; "
        "namespaces are not allowed here: "
    )
    assert "read-only mounts can be written" in said[3]


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
def test_bubblewrap_that_is_forbidden_is_not_used() -> None:
    needs_forbidding()
    said = chosen(*FORBIDDEN)
    assert said[0] == "plain"
    assert "bubblewrap does not work here: " in said[1]

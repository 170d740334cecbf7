"""What is put into a container before it starts."""

import io
import tarfile
from pathlib import Path, PurePosixPath

from toolkit.engines.docker.engine import archive
from toolkit.plans.model import PlacedFile

TREE = PurePosixPath("/var/runit")


def test_nothing_in_it_looks_as_if_it_had_just_changed(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("#!/bin/sh\n")
    files = [
        PlacedFile(path=TREE / "aml-emu/run", content=tmp_path / "run", mode=0o755),
        PlacedFile(path=TREE / "aml-emu/finish", content=b"#!/bin/sh\n", mode=0o755),
    ]
    packed = archive(files, [TREE, TREE / "aml-emu"])
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        found = {entry.name: (entry.isdir(), entry.mode, entry.mtime) for entry in tar}
    year_1980 = 315_532_800
    assert found == {
        "var/runit": (True, 0o777, year_1980),
        "var/runit/aml-emu": (True, 0o777, year_1980),
        "var/runit/aml-emu/run": (False, 0o755, year_1980),
        "var/runit/aml-emu/finish": (False, 0o755, year_1980),
    }

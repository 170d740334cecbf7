import io
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from toolkit.engines.buildkit import context_of
from toolkit.engines.buildkit.context import member
from toolkit.errors import SpecError
from toolkit.plans.model import PlacedFile


def placed(path: str, content: bytes | Path = b"", mode: int = 0o644) -> PlacedFile:
    return PlacedFile(path=PurePosixPath(path), content=content, mode=mode)


def packed(*files: PlacedFile) -> bytes:
    return b"".join(context_of(files)())


def members(tar: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return {info.name: info for info in archive}


def test_files_arrive_with_content_and_mode(tmp_path: Path) -> None:
    source = tmp_path / "wheel"
    source.write_bytes(b"w" * 700_001)
    tar = packed(placed("run", b"#!/bin/sh\n", 0o755), placed("deep/er/pkg.whl", source))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        run, wheel = archive.extractfile("run"), archive.extractfile("deep/er/pkg.whl")
        assert run is not None
        assert wheel is not None
        assert run.read() == b"#!/bin/sh\n"
        assert wheel.read() == b"w" * 700_001
    assert members(tar)["run"].mode == 0o755
    assert members(tar)["deep/er"].isdir()


def test_nothing_of_the_host_gets_in(tmp_path: Path) -> None:
    source = tmp_path / "f"
    source.write_text("x")
    for info in members(packed(placed("a/f", source), placed("g", b"y"))).values():
        assert (info.mtime, info.uid, info.gid, info.uname, info.gname) == (0, 0, 0, "", "")


def test_order_and_place_of_the_files_do_not_matter(tmp_path: Path) -> None:
    source = tmp_path / "f"
    source.write_text("same")
    one = packed(placed("b", b"same"), placed("a/x", b"1"), placed("a-b", b"2"))
    other = packed(placed("a-b", b"2"), placed("a/x", b"1"), placed("b", source))
    assert one == other


def test_the_same_request_can_be_sent_twice() -> None:
    context = context_of([placed("a", b"1")])
    assert b"".join(context()) == b"".join(context())


def test_long_and_foreign_names_survive() -> None:
    name = "/".join(["länge" * 10] * 8)
    assert name in members(packed(placed(name, b"x")))


def test_a_big_file_is_never_held_whole(tmp_path: Path) -> None:
    source = tmp_path / "big"
    with source.open("wb") as file:
        file.truncate(32 << 20)
    sizes = [len(chunk) for chunk in context_of([placed("big", source)])()]
    assert sum(sizes) > 32 << 20
    assert max(sizes) < 1 << 20


def test_small_files_travel_together() -> None:
    files = [placed(f"f{number}", b"x" * 100) for number in range(100)]
    assert len(list(context_of(files)())) < 5


def test_a_member_in_front_becomes_part_of_the_archive() -> None:
    tar = member("secret", b"s" * 513, mode=0o600) + packed(placed("a", b"1"))
    assert list(members(tar)) == ["secret", "a"]
    assert members(tar)["secret"].mode == 0o600


def test_an_empty_context_is_an_archive() -> None:
    assert members(packed()) == {}


@pytest.mark.parametrize("path", ["/etc/passwd", "../up", "a/../../b", "."])
def test_a_path_out_of_the_context_is_refused(path: str) -> None:
    with pytest.raises(SpecError, match="leads out of the build context"):
        context_of([placed(path)])


def test_two_files_of_one_path_are_refused() -> None:
    with pytest.raises(SpecError, match="two files of one path: `a`"):
        context_of([placed("a", b"1"), placed("a", b"2")])


def test_a_file_that_is_also_a_folder_is_refused() -> None:
    with pytest.raises(SpecError, match="a file and a folder of one path: `a`"):
        context_of([placed("a", b"1"), placed("a/b", b"2")])


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "log"
    source.write_bytes(b"x" * (1 << 20))
    chunks = context_of([placed("log", source)])()
    next(chunks)
    with source.open("ab") as file:
        file.write(b"more")
    with pytest.raises(SpecError, match="changed while the build read it"):
        list(chunks)


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "log"
    source.write_bytes(b"x" * (1 << 20))
    chunks = context_of([placed("log", source)])()
    next(chunks)
    with source.open("r+b") as file:
        file.truncate(1 << 18)
    with pytest.raises(SpecError, match="changed while the build read it"):
        list(chunks)

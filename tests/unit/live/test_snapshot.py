from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.project import Tree, write_tree
from toolkit.errors import SpecError
from toolkit.live.snapshot import take_snapshot

UNREADABLE = Path("/proc/self/mem")
CODE: Tree = {
    "train.py": "x",
    "src": {"a.py": "a", "__pycache__": {"a.pyc": "no"}},
    ".git": {"HEAD": "no"},
    ".aml-emu": {"workspace.db": "no"},
    "data": {"big.csv": "1,2"},
}


def copied(tmp_path: Path, tree: Tree, **environ: str) -> set[str]:
    write_tree(tmp_path / "code", tree)
    target = tmp_path / "copy"
    taken = take_snapshot(tmp_path / "code", target, environ=environ)
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    assert taken.files == len(found)
    return found


def test_the_code_is_copied_and_what_is_nobodys_code_is_not(tmp_path: Path) -> None:
    assert copied(tmp_path, CODE) == {"train.py", "src/a.py", "data/big.csv"}


def test_amlignore_wins_over_gitignore(tmp_path: Path) -> None:
    rules: Tree = {".amlignore": "data/\n*.txt\n!keep.txt\n", ".gitignore": "*.py\n"}
    found = copied(tmp_path, {**CODE, **rules, "a.txt": "", "keep.txt": ""})
    assert found == {"train.py", "src/a.py", ".amlignore", ".gitignore", "keep.txt"}


def test_a_link_to_itself_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "loop").symlink_to("loop")
    assert copied(tmp_path, {"train.py": "x"}) == {"train.py"}


@pytest.mark.skipif(not UNREADABLE.exists(), reason="a file that even root cannot read")
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "secret.bin").symlink_to(UNREADABLE)
    with pytest.raises(SpecError, match=r"cannot be copied: .*secret\.bin") as caught:
        copied(tmp_path, {"train.py": "x"})
    assert ".amlignore" in caught.value.hint


def test_gitignore_holds_where_it_is_alone(tmp_path: Path) -> None:
    assert copied(tmp_path, {**CODE, ".gitignore": "/data\n"}) == {
        "train.py",
        "src/a.py",
        ".gitignore",
    }


def test_links_in_circles_end(tmp_path: Path) -> None:
    write_tree(tmp_path / "code", CODE)
    (tmp_path / "code" / "src" / "again").symlink_to(tmp_path / "code")
    assert "src/a.py" in copied(tmp_path, CODE)


def test_too_much_is_refused_in_the_services_words(tmp_path: Path) -> None:
    write_tree(tmp_path / "code", CODE)
    with (tmp_path / "code" / "huge").open("wb") as file:
        file.truncate(301 << 20)
    with pytest.raises(SpecError) as caught:
        take_snapshot(tmp_path / "code", tmp_path / "copy", environ={})
    assert caught.value.message.startswith(f"While attempting to take snapshot of {tmp_path}/code")
    assert "Your total snapshot size exceeds the limit of 300.0 MB" in caught.value.message
    assert not (tmp_path / "copy").exists()


def test_too_many_files_are_refused_unless_wanted(tmp_path: Path) -> None:
    many: Tree = {"many": {f"{n}.txt": "" for n in range(2001)}}
    write_tree(tmp_path / "code", many)
    with pytest.raises(SpecError, match="limit of 2000 files"):
        take_snapshot(tmp_path / "code", tmp_path / "copy", environ={})
    assert len(copied(tmp_path, many, AML_SNAPSHOT_NO_FILE_LIMIT="1")) == 2001


def test_what_lies_beside_the_code_comes_under_its_own_name(tmp_path: Path) -> None:
    """The code folder's rules hold for it, and so do its own; a folder may come as a zip file."""
    write_tree(tmp_path / "code", {"train.py": "x", ".amlignore": "*.log\n"})
    write_tree(tmp_path / "lib", {"a.py": "a", "a.log": "", "b.tmp": "", ".amlignore": "*.tmp\n"})
    (tmp_path / "one.py").write_text("1")
    includes = {
        "lib": tmp_path / "lib",
        "one.py": tmp_path / "one.py",
        "lib.zip": tmp_path / "lib",
    }
    target = tmp_path / "copy"
    taken = take_snapshot(tmp_path / "code", target, environ={}, includes=includes)
    found = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    lib = {"lib/a.py", "lib/.amlignore"}
    assert found == {"train.py", ".amlignore", "one.py", "lib.zip", *lib}
    assert taken.files == 7
    with zipfile.ZipFile(target / "lib.zip") as packed:
        assert set(packed.namelist()) == lib


def test_it_may_be_all_there_is(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("1")
    target = tmp_path / "copy"
    take_snapshot(None, target, environ={}, includes={"one.py": tmp_path / "one.py"})
    assert [path.name for path in target.iterdir()] == ["one.py"]

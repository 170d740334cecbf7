import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from json5 import loads

from toolkit.dev.launchjson import merge, merge_file
from toolkit.errors import SpecError

OURS: Mapping[str, Any] = {"name": "aml-emu: iris", "port": 5678}


def merged(text: str, entry: Mapping[str, Any] = OURS) -> str:
    return merge(text, entry, section="configurations", key="name", version="0.2.0")


def entries(text: str) -> Any:
    return loads(text)["configurations"]


def test_a_new_file_holds_our_entry_alone() -> None:
    text = merged("")
    assert json.loads(text) == {"version": "0.2.0", "configurations": [OURS]}
    assert text.endswith("}\n")


@pytest.mark.parametrize("text", ["  \n", "\t"])
def test_a_blank_file_is_new(text: str) -> None:
    assert merged(text) == merged("")


@pytest.mark.parametrize(
    "text", ["// mine\n", "/* a\n * b **/\n\n// c", "/**/ // \n", "// Zeile\r\n/* zwei\r\n*/\r\n"]
)
def test_a_file_of_comments_alone_keeps_them(text: str) -> None:
    new = merged(text)
    assert new.startswith(text.rstrip())
    assert loads(new) == {"version": "0.2.0", "configurations": [OURS]}
    assert merged(new) == new


def test_what_the_user_decides_in_our_entry_holds() -> None:
    text = '{"configurations": [{"name": "aml-emu: iris", "port": 1, "justMyCode": false}]}'
    entry = {**OURS, "justMyCode": True, "subProcess": True}
    new = merge(
        text,
        entry,
        section="configurations",
        key="name",
        version="0.2.0",
        users=("justMyCode", "subProcess"),
    )
    assert entries(new) == [{**entry, "justMyCode": False}]


TYPICAL = """\
{
    // Use IntelliSense to learn about possible attributes.
    "version": "0.2.0",
    "configurations": [
        {
            "name": "Python: Current File", // mine
            "program": "${file}", /* "name": "aml-emu: iris" */
        },
    ],
    "compounds": [],
}
"""


def test_everything_of_the_user_is_kept_as_it_was() -> None:
    text = merged(TYPICAL)
    added = text.replace(TYPICAL[: TYPICAL.index("        {")], "")
    assert text.startswith(TYPICAL[: TYPICAL.index("[\n") + 1])
    assert text.endswith(TYPICAL[TYPICAL.index("        {") :])
    assert len(added) < len(text)
    assert [entry["name"] for entry in entries(text)] == ["aml-emu: iris", "Python: Current File"]


def test_the_same_again_changes_nothing() -> None:
    once = merged(TYPICAL)
    assert merged(once) == once


def test_our_own_entry_is_replaced_where_it_stands() -> None:
    text = """\
{
    "configurations": [
        {"name": "before"}, // first
        {"name": "aml-emu: iris", "port": 1, "mine": [1, 2]}, // ours
        {"name": "after"} // last
    ]
}
"""
    new = merged(text)
    assert entries(new) == [
        {"name": "before"},
        {"name": "aml-emu: iris", "port": 5678, "mine": [1, 2]},
        {"name": "after"},
    ]
    for comment in ("// first", "// ours", "// last"):
        assert comment in new


def test_another_service_gets_an_entry_of_its_own() -> None:
    new = merged(merged(TYPICAL), {"name": "aml-emu: rose", "port": 1})
    assert [entry["name"] for entry in entries(new)] == [
        "aml-emu: rose",
        "aml-emu: iris",
        "Python: Current File",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{ }\n",
        '{"version": "0.2.0"}',
        '{\n  // nothing yet\n  "version": "0.2.0",\n}\n',
        '{"configurations": []}',
        '{\n\t"configurations": [\n\t\t// none yet\n\t],\n}',
        '{"configurations": [{"name": "x"}]}',
        '{"inputs": [{"configurations": [1]}], "configurations": [null, 3, "x"],}',
        "{configurations: [{name: 'single'}]}",
        '// leading\n{"configurations": [/* a */]} // trailing\n',
    ],
)
def test_whatever_the_user_has_the_entry_gets_in(text: str) -> None:
    new = merged(text)
    assert loads(new)["configurations"][0] == OURS
    before = loads(text)
    assert {**before, "configurations": [OURS, *before.get("configurations", [])]} == loads(new)


@pytest.mark.parametrize(
    "name", ["tab\tbed", "日本 🐍", "line\\nend", "next\x85line", "form\x0cfeed", 'quo\\"te']
)
def test_places_are_right_behind_any_text(name: str) -> None:
    before = f'{{\n\t"configurations": [\n{{"name": "{name}"}},\n\t'
    after = " // ours\n]\n}"
    new = merged(before + '{"name": "aml-emu: iris", "x": "é"}' + after)
    assert entries(new)[1] == {**OURS, "x": "é"}
    assert new.startswith(before)
    assert new.endswith(after)


def test_text_of_ours_is_written_readably() -> None:
    assert "iris-é" in merged(TYPICAL, {"name": "iris-é"})


def test_windows_line_ends_stay() -> None:
    new = merged(TYPICAL.replace("\n", "\r\n"))
    assert new == merged(TYPICAL).replace("\n", "\r\n")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / ".vscode" / "launch.json"


def merged_file(path: Path) -> bool:
    return merge_file(path, OURS, section="configurations", key="name", version="0.2.0")


def test_a_file_is_written_once(path: Path) -> None:
    assert merged_file(path)
    assert not merged_file(path)
    assert json.loads(path.read_text())["configurations"] == [OURS]
    assert [entry.name for entry in path.parent.iterdir()] == ["launch.json"]


def test_a_files_bytes_are_kept(path: Path) -> None:
    path.parent.mkdir()
    before = ('\ufeff{\r\n "a": "é",\r\n "configurations": [{"name": "x"}]\r\n}\r\n').encode()
    path.write_bytes(before)
    assert merged_file(path)
    after = path.read_bytes()
    assert after.startswith(before[: before.index(b"[") + 1])
    assert after.endswith(before[before.index(b'{"name"') :])
    assert after.count(b"\n") == after.count(b"\r\n")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"not json",
        b"[]",
        b'"text"',
        b'{"configurations": {}}',
        b'{"configurations": null}',
        b'{"configurations": [1 2]}',
        b'{"configurations": [}',
        b'{"a": "caf\xe9"}',
        b'{"a": 1}}',
    ],
)
def test_what_is_not_json_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        merged_file(path)
    assert caught.value.message == f"{path}: not JSON with comments"
    assert caught.value.details
    assert path.read_bytes() == content


def test_a_linked_file_stays_linked_and_keeps_its_mode(path: Path) -> None:
    real = path.parent.parent / "dotfiles" / "launch.json"
    for folder in (path.parent, real.parent):
        folder.mkdir()
    real.write_text("{}")
    real.chmod(0o640)
    path.symlink_to(real)
    assert merged_file(path)
    assert path.is_symlink()
    assert json.loads(real.read_text())["configurations"] == [OURS]
    assert real.stat().st_mode & 0o777 == 0o640
    assert [entry.name for entry in real.parent.iterdir()] == ["launch.json"]


def test_entries_written_at_the_same_moment_are_all_there(path: Path) -> None:
    def write(number: int) -> bool:
        entry = {"name": f"aml-emu: {number}"}
        return merge_file(path, entry, section="configurations", key="name", version="0.2.0")

    numbers = range(24)
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(write, numbers))
    names = {entry["name"] for entry in entries(path.read_text())}
    assert names == {f"aml-emu: {number}" for number in numbers}
    assert [entry.name for entry in path.parent.iterdir()] == ["launch.json"]


def test_where_nothing_can_be_written_is_told(path: Path) -> None:
    path.parent.write_text("a file where the folder should be")
    with pytest.raises(SpecError) as caught:
        merged_file(path)
    assert caught.value.message == f"{path}: cannot be written"
    assert caught.value.details


def test_a_folder_in_its_place_is_left_alone(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(SpecError, match="cannot be written"):
        merged_file(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["launch.json"]

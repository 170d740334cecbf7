"""`additional_includes`: what a component wants beside its code, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project import Tree, write_tree
from toolkit.errors import SpecError
from toolkit.specs.assets import load_asset
from toolkit.specs.includes import read_includes
from toolkit.specs.yamlfile import load_yaml

TREE: Tree = {
    "shared": {"tools.py": "x"},
    "util.py": "x",
    "other": {"util.py": "y"},
    "steps": {"src": {"main.py": "x", "taken.py": "x"}, "taken.py": "y"},
}
HEAD = "type: command\ncommand: x\nenvironment: azureml:e:1\n"


def includes(tmp_path: Path, listed: str, beside: str = "") -> dict[str, Path]:
    write_tree(tmp_path, TREE)
    path = tmp_path / "steps/one.yml"
    path.write_text(HEAD + listed)
    if beside:
        path.with_suffix(".additional_includes").write_text(beside)
    file = load_yaml(path, what="component file")
    return read_includes(file, (tmp_path / "steps/src").resolve(), is_whole=True)


def refused(tmp_path: Path, listed: str, beside: str = "") -> str:
    with pytest.raises(SpecError) as caught:
        includes(tmp_path, listed, beside)
    return caught.value.message


@pytest.mark.parametrize(
    "beside", ["../shared\n\n../util.py\n", "additional_includes:\n  - ../shared\n  - ../util.py\n"]
)
def test_paths_are_those_of_the_components_folder(tmp_path: Path, beside: str) -> None:
    wanted = {"shared": tmp_path / "shared", "util.py": tmp_path / "util.py"}
    assert includes(tmp_path, "additional_includes: [../shared, ../util.py]\n") == wanted
    assert includes(tmp_path, "", beside) == wanted


def test_a_folder_is_packed_if_a_zip_file_is_asked_for(tmp_path: Path) -> None:
    found = includes(tmp_path, "additional_includes: [../shared.zip]\n")
    assert found == {"shared.zip": tmp_path / "shared"}


def test_a_link_in_the_code_folder_brings_it_already(tmp_path: Path) -> None:
    write_tree(tmp_path, TREE)
    (tmp_path / "steps/src/shared").symlink_to(tmp_path / "shared")
    assert includes(tmp_path, "additional_includes: [../shared]\n") == {}
    (tmp_path / "steps/src/shared").unlink()
    (tmp_path / "steps/src/shared").symlink_to(tmp_path / "nowhere")
    assert "`shared` of `additional_includes` is in the code folder already" in refused(
        tmp_path, "additional_includes: [../shared]\n"
    )


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("../utli.py", "names what is not there: "),
        ("./taken.py", "`taken.py` of `additional_includes` is in the code folder already: "),
        ("../util.py, ../other/util.py", "two of `additional_includes` would be `util.py`"),
        ("{type: artifact, name: tools, version: 1}", "Azure DevOps cannot be fetched here: tools"),
        ("3", "`additional_includes` takes paths, not: 3"),
        ("/", "cannot be the root folder"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path: Path, entry: str, said: str) -> None:
    message = refused(tmp_path, f"additional_includes:\n  [{entry}]\n")
    assert message.startswith(f"{tmp_path}/steps/one.yml:5: "), message
    assert said in message


def test_a_file_beside_it_is_named_with_its_line(tmp_path: Path) -> None:
    message = refused(tmp_path, "", "../shared\n../utli.py\n")
    assert message.startswith(f"{tmp_path}/steps/one.additional_includes:2: ")
    message = refused(tmp_path, "additional_includes: [../shared]\n", "../shared\n")
    assert "is said twice" in message


def test_a_file_beside_it_lists_paths(tmp_path: Path) -> None:
    said = refused(tmp_path, "", "additional_includes: ../shared\n")
    assert said.endswith(
        "one.additional_includes:1: `additional_includes` takes a list of paths, not: ../shared"
    )
    (tmp_path / "steps/one.additional_includes").write_bytes("../shared\n".encode("utf-16"))
    assert "cannot be read" in refused(tmp_path, "")


def test_a_registered_component_keeps_them(tmp_path: Path) -> None:
    includes(tmp_path, "", "../shared.zip\n../util.py\n")
    asset = load_asset(tmp_path / "steps/one.yml", kind="component")
    wanted = [str(tmp_path / "shared.zip"), str(tmp_path / "util.py")]
    assert asset.definition["additional_includes"] == wanted

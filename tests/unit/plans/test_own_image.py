import os
from pathlib import Path

import pytest

from tests.project import Tree, write_tree
from toolkit.errors import SpecError
from toolkit.plans.dockerfile import OwnImage, plan_own_image
from toolkit.specs.environment import Dockerfile

ID = "sha256:1"


def own(folder: Path, files: Tree, text: str = "FROM a\n", **more: object) -> OwnImage:
    write_tree(folder, files)
    (folder / "Dockerfile").write_text(text)
    return plan_own_image(
        Dockerfile(path=folder / "Dockerfile", text=text, context=folder), name="e"
    )


def sent(made: OwnImage) -> list[str]:
    return [str(file.path) for file in made.plan.context]


def stand_in(reference: str) -> str:
    return "local" if reference.startswith("mcr/") else reference


def replaced(text: str) -> OwnImage:
    return plan_own_image(
        Dockerfile(path=Path("Dockerfile"), text=text), name="e", stand_in=stand_in
    )


def test_the_context_in_one_order_without_what_is_ignored(tmp_path: Path) -> None:
    files: Tree = {
        "b.txt": "b",
        "a": {"z.log": "", "y.txt": "y"},
        "data": {"big.bin": "1"},
        ".dockerignore": "data\n**/*.log\n",
        ".aml-emu": {"lock": {"x.txt": ""}},
    }
    assert sent(own(tmp_path, files)) == [".dockerignore", "a/y.txt", "b.txt"]


def test_an_exception_inside_an_ignored_folder(tmp_path: Path) -> None:
    files: Tree = {"data": {"a": "", "keep": ""}, ".dockerignore": "data\n!data/keep\n"}
    assert sent(own(tmp_path, files)) == [".dockerignore", "data/keep"]


def test_modes_that_matter_are_kept(tmp_path: Path) -> None:
    write_tree(tmp_path, {"run.sh": "", "plain": ""})
    (tmp_path / "run.sh").chmod(0o700)
    (tmp_path / "plain").chmod(0o600)
    modes = {str(file.path): file.mode for file in own(tmp_path, {}).plan.context}
    assert modes == {"plain": 0o644, "run.sh": 0o755}


def test_whatever_the_context_holds_decides_the_tag(tmp_path: Path) -> None:
    tags = [own(tmp_path, {"a": "1", ".dockerignore": "log\n"}).plan.tag(ID)]
    tags.append(own(tmp_path, {"log": "not sent"}).plan.tag(ID))
    assert tags[0] == tags[1]
    tags.append(own(tmp_path, {"a": "2"}).plan.tag(ID))
    tags.append(own(tmp_path, {}, text="FROM a\nRUN b\n").plan.tag(ID))
    (tmp_path / "a").chmod(0o755)
    tags.append(own(tmp_path, {}, text="FROM a\nRUN b\n").plan.tag(ID))
    assert len(set(tags)) == 4


def test_a_link_inside_the_context_is_sent_as_what_it_leads_to(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a": {"x": "1"}})
    (tmp_path / "b").symlink_to("a")
    assert sent(own(tmp_path, {})) == ["a/x", "b/x"]


@pytest.mark.parametrize(
    ("target", "said"), [("/etc", "out of the build"), (".", "back to its own")]
)
def test_a_link_that_leads_astray_is_refused(tmp_path: Path, target: str, said: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/loop").symlink_to(target)
    with pytest.raises(SpecError, match=said):
        own(tmp_path, {})


def test_a_link_that_leads_astray_and_is_ignored_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    assert sent(own(tmp_path, {".dockerignore": "out\n"})) == [".dockerignore"]


def test_a_small_context_is_not_worth_a_word(tmp_path: Path) -> None:
    assert own(tmp_path, {"a": "1"}).notes == ()


def test_a_large_context_is_said_before_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with (tmp_path / "data/huge.bin").open("wb") as file:
        os.truncate(file.fileno(), 2 << 30)
    (note,) = own(tmp_path, {"a": "1"}).notes
    assert "2 files, 2048.0 MiB; the largest is data/huge.bin with 2048.0 MiB" in note
    assert ".dockerignore" in note


def test_many_files_are_said_as_well(tmp_path: Path) -> None:
    (note,) = own(tmp_path, {str(number): "" for number in range(101)}).notes
    assert "101 files" in note


def test_only_lines_with_a_stand_in_change() -> None:
    text = (
        "# syntax=x\nARG V=1\nFROM --platform=linux/amd64 mcr/a:${V} \\\n  AS one\nRUN x\n\n"
        "FROM other AS two\nFROM one\nCOPY --from=two /a /a\n"
    )
    made = replaced(text)
    assert made.plan.dockerfile == (
        "# syntax=x\nARG V=1\nFROM --platform=linux/amd64 local AS one\nRUN x\n\n"
        "FROM other AS two\nFROM one\nCOPY --from=two /a /a\n"
    )
    assert made.plan.base == "local"
    assert made.notes == ("`local` stands in for `mcr/a:1`",)


def test_images_of_earlier_stages_are_named_as_they_are_used() -> None:
    text = "FROM mcr/a AS one\nFROM b\nCOPY --from=one /x /x\nCOPY --from=mcr/tool /y /y\n"
    assert replaced(text).plan.others == ("local", "mcr/tool")
    assert replaced("FROM b\n").plan.others == ()


def test_without_a_stand_in_the_text_is_the_users() -> None:
    text = "FROM a\r\nRUN b"
    assert replaced(text).plan.dockerfile == text


def test_an_image_from_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="Dockerfile:2: an image from `scratch` has no Python"):
        replaced("FROM a AS x\nFROM scratch\n")


def test_another_escape_character_is_refused() -> None:
    with pytest.raises(SpecError, match="Dockerfile:2: only"):
        replaced("# syntax=x\n# escape=`\nFROM a\n")
    assert replaced("# escape=\\\nFROM a\n")

from pathlib import Path

import pytest

from toolkit.errors import SpecError
from toolkit.settings import FILE_NAME, Settings, load_settings


def load(
    folder: Path,
    *,
    file: str | None = None,
    environ: dict[str, str] | None = None,
    engine: str | None = None,
    base: str | None = None,
) -> Settings:
    if file is not None:
        (folder / FILE_NAME).write_text(file, "utf-8")
    return load_settings(environ=environ or {}, cwd=folder, engine=engine, base=base)


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings == Settings(project=tmp_path)
    assert (settings.engine, settings.base) == ("auto", "aml-emu/base")


def test_the_file_beats_the_default(tmp_path: Path) -> None:
    settings = load(tmp_path, file='engine = "docker"\nbase = "mine:1"\n')
    assert (settings.engine, settings.base) == ("docker", "mine:1")


def test_the_environment_beats_the_file(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        file='engine = "docker"\nbase = "file:1"\n',
        environ={"AML_EMU_ENGINE": "auto", "AML_EMU_BASE": "environ:1"},
    )
    assert (settings.engine, settings.base) == ("auto", "environ:1")


def test_the_flag_beats_the_environment(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        environ={"AML_EMU_ENGINE": "auto", "AML_EMU_BASE": "environ:1"},
        engine="docker",
        base="flag:1",
    )
    assert (settings.engine, settings.base) == ("docker", "flag:1")


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        file='engine = "docker"\n',
        environ={"AML_EMU_ENGINE": "", "AML_EMU_BASE": ""},
    )
    assert (settings.engine, settings.base) == ("docker", "aml-emu/base")


def test_the_environment_is_handed_on(tmp_path: Path) -> None:
    assert load(tmp_path, environ={"https_proxy": "http://p"}).environ == {
        "https_proxy": "http://p"
    }


def test_the_environment_is_read_once_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AML_EMU_BASE", "before:1")
    settings = load_settings(cwd=tmp_path)
    monkeypatch.setenv("AML_EMU_BASE", "after:1")
    assert settings.base == "before:1"
    assert settings.environ["AML_EMU_BASE"] == "before:1"


@pytest.mark.parametrize("mark", [FILE_NAME, ".aml-emu"])
def test_the_project_is_the_nearest_marked_folder(tmp_path: Path, mark: str) -> None:
    if mark == FILE_NAME:
        (tmp_path / mark).write_text("")
    else:
        (tmp_path / mark).mkdir()
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert load(below).project == tmp_path
    assert load(below).state_folder == tmp_path / ".aml-emu"


def test_without_a_mark_the_project_is_where_you_stand(tmp_path: Path) -> None:
    assert load(tmp_path).project == tmp_path


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ('engine = "auto"\neng = "docker"\n', 2),
        ('# basement\nbase = "a:1"\n\nbasement = "b"\n', 4),
        ('base = "datastore"\n[datastore]\nblob = "./data"\n', 2),
        ('base = "a"\n"bases" = "b"\n', 2),
    ],
)
def test_an_unknown_key_names_its_line(tmp_path: Path, file: str, line: int) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, file=file)
    assert caught.value.message.startswith(f"{tmp_path / FILE_NAME}:{line}: unknown key `")
    assert caught.value.hint == "valid: `engine`, `base`, `images`, `datastores`, `urls`"


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("engine = 1\n", ":1: `engine` must be text"),
        ('# a\nbase = ["x"]\n', ":2: `base` must be text"),
        ('engine = ""\n', ":1: `engine` is empty"),
        ('# a\nbase = ""\n', ":2: `base` is empty"),
        ('images = "x"\n', ":1: `images` must be a table"),
        ('[images]\n"a/*" = "b"\n"c/*" = 3\n', ":3: `c/*` must name an image"),
        ("[datastores]\nlake = 3\n", ":2: `lake` must name a folder"),
        ('[datastores]\nlake = ""\n', ":2: `lake` must name a folder"),
        ('[urls]\n"https://a/" = ["b"]\n', ":2: `https://a/` must name a folder"),
        ('datastores = "lake"\n', ":1: `datastores` must be a table"),
        ('engine = "docker\n', ": not TOML: "),
    ],
)
def test_a_wrong_value_is_refused(tmp_path: Path, file: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(tmp_path, file=file)
    assert caught.value.message.startswith(f"{tmp_path / FILE_NAME}{problem}")


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes('base = "caf\xe9"\n'.encode("latin-1"))
    with pytest.raises(SpecError, match="not TOML"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("source", "place"),
    [("flag", "--engine"), ("environ", "AML_EMU_ENGINE"), ("file", FILE_NAME)],
)
def test_an_unknown_engine_names_who_asked_for_it(tmp_path: Path, source: str, place: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(
            tmp_path,
            file='engine = "dokcer"\n' if source == "file" else None,
            environ={"AML_EMU_ENGINE": "dokcer"} if source == "environ" else {},
            engine="dokcer" if source == "flag" else None,
        )
    assert caught.value.message.endswith(f"{place}: unknown engine: dokcer")
    assert caught.value.hint.startswith("valid: `auto`, `docker`")


IMAGES = '[images]\n"mcr.microsoft.com/azureml/*" = "aml-emu/base"\n"mcr.*" = "other:1"\n'


@pytest.mark.parametrize(
    ("reference", "image"),
    [
        ("mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference:1", "aml-emu/base"),
        ("mcr.microsoft.com/dotnet:8", "other:1"),
        ("debian:12", "debian:12"),
        ("MCR.microsoft.com/azureml/x", "MCR.microsoft.com/azureml/x"),
    ],
)
def test_the_first_matching_stand_in_is_used(tmp_path: Path, reference: str, image: str) -> None:
    assert load(tmp_path, file=IMAGES).stand_in(reference) == image


def test_folders_count_from_the_file_that_names_them(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        file='[datastores]\nlake = "./data/lake"\nfar = "/mnt/far"\n'
        '[urls]\n"https://a/b/" = "offline/b"\n',
    )
    assert settings.datastores == {"lake": tmp_path / "data" / "lake", "far": Path("/mnt/far")}
    assert settings.urls == {"https://a/b/": tmp_path / "offline" / "b"}

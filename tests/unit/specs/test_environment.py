from pathlib import Path

import pytest

from toolkit.errors import SpecError
from toolkit.specs.environment import (
    CondaEnvironment,
    Dependency,
    DockerfileEnvironment,
    PipEnvironment,
    load_environment,
    slug,
)

ONE_LINE = "a block of YAML ends with a line break: write the value behind its name"


def load(folder: Path, text: str, *, name: str = "env.yml") -> CondaEnvironment:
    path = folder / name
    path.write_text(text, "utf-8")
    environment = load_environment(path)
    assert isinstance(environment, CondaEnvironment)
    return environment


def refused(folder: Path, text: str, *, name: str = "env.yml") -> SpecError:
    path = folder / name
    path.write_text(text, "utf-8")
    with pytest.raises(SpecError) as caught:
        load_environment(path)
    return caught.value


def test_a_whole_conda_file(tmp_path: Path) -> None:
    environment = load(
        tmp_path,
        """\
name: My_Env
channels: [conda-forge, defaults]
prefix: /opt/x
dependencies:
  - python=3.10
  - numpy=1.26   # with a comment
  - pip
  - pip:
      - pandas==2.2
      - scikit-learn
variables:
  MODE: fast
  LEVEL: 3
""",
    )
    assert environment == CondaEnvironment(
        name="my-env",
        path=tmp_path / "env.yml",
        channels=("conda-forge", "defaults"),
        conda=(
            Dependency(text="python=3.10", line=5),
            Dependency(text="numpy=1.26", line=6),
            Dependency(text="pip", line=7),
        ),
        pip=(Dependency(text="pandas==2.2", line=9), Dependency(text="scikit-learn", line=10)),
        variables={"MODE": "fast", "LEVEL": "3"},
    )


def test_without_a_name_the_folder_names_it(tmp_path: Path) -> None:
    folder = tmp_path / "Iris Model"
    folder.mkdir()
    assert load(folder, "dependencies: [python]\n").name == "iris-model"


def test_json_is_read_as_well(tmp_path: Path) -> None:
    text = '{"name": "j", "dependencies": ["python=3.11", {"pip": ["numpy"]}]}'
    assert load(tmp_path, text, name="env.json").pip == (Dependency(text="numpy", line=1),)


def test_a_requirements_file(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(
        "# all of it\nnumpy==2.0  # pinned\n\n--extra-index-url https://a/b#frag\npandas\n"
    )
    assert load_environment(path) == PipEnvironment(
        name=slug(tmp_path.name),
        path=path,
        pip=(
            Dependency(text="numpy==2.0", line=2),
            Dependency(text="--extra-index-url https://a/b#frag", line=4),
            Dependency(text="pandas", line=5),
        ),
    )


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("dependancies: []\n", ":1: unknown key `dependancies`", "did you mean `dependencies`?"),
        (
            "dependencies: []\nfoo: 1\n",
            ":2: unknown key `foo`",
            "valid: `dependencies`, `name`, `channels`, `prefix`, `variables`",
        ),
        ("name: x\n", ":1: `dependencies`: field required", ""),
        ("dependencies:\n", ":1: `dependencies`: input should be a valid list", ""),
        ("dependencies: numpy\n", ":1: `dependencies`: input should be a valid list", ""),
        ("name: [a]\ndependencies: []\n", ":1: `name`: input should be a valid string", ""),
        (
            "channels: conda-forge\ndependencies: []\n",
            ":1: `channels`: input should be a valid list",
            "",
        ),
        (
            "dependencies: []\nvariables:\n  A: 1\n  B: [x]\n",
            ":4: `variables.B`: input should be a valid string",
            "",
        ),
        ("", ": an environment file must be a mapping of keys to values", ""),
        ("# nothing\n", ": an environment file must be a mapping of keys to values", ""),
        ("- numpy\n", ":1: an environment file must be a mapping of keys to values", ""),
        ("dependencies:\n  - 3.11\n", ":2: a dependency must be text or a `pip:` list: `3.11`", ""),
        ("dependencies:\n  - a\n  - [b]\n", ":3: a dependency must be text or a `pip:` list", ""),
        ("dependencies:\n  - '=1.2'\n", ":2: not a package: `=1.2`", ""),
        ("dependencies:\n  - ''\n", ":2: not a package: ``", ""),
        ("dependencies:\n  - pip: numpy\n", ":2: `pip` must be a list of requirements", ""),
        ("dependencies:\n  - pip:\n", ":2: `pip` must be a list of requirements", ""),
        ("dependencies:\n  - pip: [numpy, 3]\n", ":2: `pip` must be a list of requirements", ""),
        (
            "dependencies:\n  - python\n  - pipp:\n      - numpy\n",
            ":3: unknown key `pipp`",
            "did you mean `pip`?",
        ),
        ("dependencies: []\nvariables:\n  A B: x\n", ":3: not a name for a variable: `A B`", ""),
        ('dependencies: []\nvariables:\n  A: "x\\ny"\n', ":3: `A` must be one line", ONE_LINE),
        ("dependencies: []\nvariables:\n  A: |\n    x\n", ":3: `A` must be one line", ONE_LINE),
    ],
)
def test_bad_input_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    error = refused(tmp_path, text)
    assert error.message.startswith(f"{tmp_path}/env.yml{message}")
    assert error.hint == hint


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("dependencies:\n  - numpy\n - pandas\n", 3),
        ("name: a\nname: b\ndependencies: []\n", 2),
        ("dependencies: [numpy\n", 2),
        ("name: a\n\tdependencies: []\n", 2),
        ('name: "open\n', 2),
    ],
    ids=["indentation", "duplicate key", "open list", "tab", "open quote"],
)
def test_what_is_not_yaml_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    assert refused(tmp_path, text).message.startswith(f"{tmp_path}/env.yml:{line}: not YAML: ")


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "environment.yml").write_text("dependencies: []\n")
    with pytest.raises(SpecError) as caught:
        load_environment(tmp_path / "enviroment.yml")
    assert caught.value.message == f"environment file not found: {tmp_path}/enviroment.yml"
    assert caught.value.hint == f"did you mean `{tmp_path}/environment.yml`?"


def test_a_missing_requirements_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("numpy\n")
    with pytest.raises(SpecError) as caught:
        load_environment(tmp_path / "requirement.txt")
    assert caught.value.message == f"requirements file not found: {tmp_path}/requirement.txt"
    assert caught.value.hint == f"did you mean `{tmp_path}/requirements.txt`?"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_environment(tmp_path / "nowhere" / "env.yml")
    assert caught.value.hint == f"there is no folder {tmp_path}/nowhere"


def test_nothing_alike_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "score.py").write_text("")
    with pytest.raises(SpecError) as caught:
        load_environment(tmp_path / "conda.yaml")
    assert caught.value.hint == "check the path"


@pytest.mark.parametrize("name", ["env.yml", "requirements.txt"])
def test_a_folder_is_no_environment(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(SpecError, match=rf"folder: .*{name}"):
        load_environment(tmp_path / name)


@pytest.mark.parametrize("name", ["env.yml", "requirements.txt"])
def test_another_encoding_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes("# caf\xe9\n".encode("latin-1"))
    with pytest.raises(SpecError, match=f"file cannot be read: .*{name}") as caught:
        load_environment(tmp_path / name)
    assert "utf-8" in caught.value.details


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Scikit_Learn==1.5", "scikit-learn"),
        ("conda-forge::NumPy=1.2", "numpy"),
        ("conda-forge/linux-64::numpy", "numpy"),
        ("_libgcc_mutex=0.1=main", "libgcc-mutex"),
        ("azureml-inference-server-http[x]~=1.5", "azureml-inference-server-http"),
        ("ruamel.yaml>1", "ruamel-yaml"),
        ("--extra-index-url https://a", ""),
        ("=1.2", ""),
    ],
)
def test_the_name_in_a_dependency(text: str, name: str) -> None:
    assert Dependency(text=text, line=None).name == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My Env (v2)", "my-env-v2"),
        ("été", "t"),
        ("日本", "env"),
        ("--", "env"),
        ("a" * 39 + "-" + "b", "a" * 39),
    ],
)
def test_a_slug_is_fit_for_docker(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_the_mark_that_windows_puts_first_is_no_part_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_bytes(b"\xef\xbb\xbfnumpy\npandas\n")
    pip = load_environment(tmp_path / "requirements.txt")
    assert isinstance(pip, PipEnvironment)
    assert [dependency.text for dependency in pip.pip] == ["numpy", "pandas"]
    (tmp_path / "Dockerfile").write_bytes(b"\xef\xbb\xbfFROM python:3.11\n")
    built = load_environment(tmp_path / "Dockerfile")
    assert isinstance(built, DockerfileEnvironment)
    assert built.dockerfile.text == "FROM python:3.11\n"

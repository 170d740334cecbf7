from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.fakes import FakeUv
from toolkit.engines.command import Outcome
from toolkit.engines.lock import kept_lock, lock_path, resolve
from toolkit.engines.trust import HostTrust
from toolkit.errors import BuildFailed, EmuError, EngineUnavailable, SpecError
from toolkit.plans.requirements import Requirements

REQUIREMENTS = Requirements(python="3.11", lines=("numpy>=2", "pip"))


@dataclass
class Project:
    folder: Path
    uv: FakeUv = field(default_factory=FakeUv)

    @property
    def spec(self) -> Path:
        return self.folder / "env.yml"

    @property
    def path(self) -> Path:
        return self.folder / ".aml-emu" / "lock" / "e.txt"

    def resolve(
        self,
        requirements: Requirements = REQUIREMENTS,
        *,
        platform: str = "linux/amd64",
        trust: HostTrust | None = None,
    ) -> str:
        return resolve(
            requirements,
            platform=platform,
            path=self.path,
            spec=self.spec,
            trust=trust or HostTrust(),
            environ={"PATH": "/bin"},
            run=self.uv,
        )

    def kept(
        self, requirements: Requirements = REQUIREMENTS, platform: str = "linux/amd64"
    ) -> str | None:
        return kept_lock(requirements, platform=platform, path=self.path)

    def refused(self, spec: str, uv: FakeUv) -> EmuError:
        self.spec.write_text(spec)
        self.uv = uv
        with pytest.raises(EmuError) as caught:
            self.resolve()
        assert not self.path.exists()
        assert not list(self.path.parent.glob("*"))
        return caught.value


@pytest.fixture
def here(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_locks_of_different_platforms_and_pythons_lie_side_by_side(tmp_path: Path) -> None:
    path = lock_path(tmp_path, name="iris", platform="linux/amd64", python="3.11")
    assert path == tmp_path / "lock" / "iris-linux-amd64-py3.11.txt"


def test_the_lock_is_made_and_kept(here: Project) -> None:
    text = here.resolve()
    assert text == "numpy==2.0.0\npip==24.0\n"
    assert here.path.read_text().partition("\n")[2] == text
    assert [path.name for path in here.path.parent.iterdir()] == ["e.txt"]


def test_uv_is_asked_for_the_images_python_and_platform(here: Project) -> None:
    here.resolve(platform="linux/arm64", trust=HostTrust(index_url="https://a"))
    argv, environ, cwd, stdin = here.uv.calls[0]
    assert argv[argv.index("--python-version") + 1] == "3.11"
    assert argv[argv.index("--python-platform") + 1] == "aarch64-manylinux_2_28"
    assert stdin == "numpy>=2\npip\n"
    assert cwd == here.folder.resolve()
    assert environ["UV_DEFAULT_INDEX"] == "https://a"
    assert environ["PATH"] == "/bin"


def test_a_lock_is_kept_for_the_same_requirements(here: Project) -> None:
    assert here.kept() is None
    text = here.resolve()
    assert here.kept() == text
    assert here.kept(replace(REQUIREMENTS, notes=("said",))) == text


@pytest.mark.parametrize(
    "changed",
    [
        replace(REQUIREMENTS, lines=("numpy>=2.1", "pip")),
        replace(REQUIREMENTS, lines=("pip", "numpy>=2")),
        replace(REQUIREMENTS, lines=("numpy>=2", "pip", "six")),
        replace(REQUIREMENTS, lines=("numpy>=2", "pip", "six==1.*")),
        replace(REQUIREMENTS, lines=("numpy>=2", "pip", "six==1; python_version < '3.12'")),
        replace(REQUIREMENTS, lines=("numpy>=2", "six==1.17.0")),
        replace(REQUIREMENTS, lines=("numpy>=2", "pip", "--pre")),
        replace(REQUIREMENTS, python="3.12"),
        replace(REQUIREMENTS, upgrades=("pip>=25",)),
    ],
)
def test_changed_requirements_run_uv_with_the_old_lock_as_a_hint(
    here: Project, changed: Requirements
) -> None:
    old = here.resolve()
    assert here.kept(changed) is None
    here.uv.lock = "numpy==2.1.0\n"
    assert here.resolve(changed).endswith("numpy==2.1.0\n")
    assert here.uv.hints[:2] == ["", old]


def test_a_lock_of_another_platform_is_not_kept(here: Project) -> None:
    here.resolve()
    assert here.kept(platform="linux/arm64") is None


class OnTop(FakeUv):
    """Notes what it was told to hold on to."""

    constraints: str = ""

    def __call__(
        self, argv: Sequence[str], *, environ: Mapping[str, str], cwd: Path, stdin: str
    ) -> Outcome:
        if "--constraint" in argv:
            self.constraints = Path(argv[argv.index("--constraint") + 1]).read_text()
        return super().__call__(argv, environ=environ, cwd=cwd, stdin=stdin)


@pytest.mark.parametrize("pin", ["six==1.17.0", "uvicorn[standard]==0.30", "a.b-c == 1!2.0+cpu"])
def test_an_exact_pin_more_is_resolved_alone_on_top_of_the_lock(here: Project, pin: str) -> None:
    option = "--extra-index-url https://a/simple"
    before = replace(REQUIREMENTS, lines=("numpy>=2", option, "pip"))
    here.resolve(before)
    here.uv = uv = OnTop(lock="anyio==4\nnumpy==2.0.0\n")
    wanted = replace(REQUIREMENTS, lines=("numpy>=2", option, pin, "pip"))
    text = here.resolve(wanted)
    assert text.splitlines() == [option, "anyio==4", "numpy==2.0.0", "pip==24.0"]
    (call,) = uv.calls
    assert call[3] == f"{option}\n{pin}\n"
    assert uv.constraints == "numpy==2.0.0\npip==24.0\n"
    assert here.kept(wanted) == text


def test_a_pin_that_does_not_fit_the_lock_has_all_of_it_resolved(here: Project) -> None:
    old = here.resolve()
    asked: list[str] = []

    def uv(argv: Sequence[str], *, environ: Mapping[str, str], cwd: Path, stdin: str) -> Outcome:
        output = Path(argv[argv.index("--output-file") + 1])
        asked.append(output.read_text())
        output.write_text("numpy==1.9\n")
        fits = "--constraint" not in argv
        return Outcome(exit_code=0 if fits else 1, output="", errors="" if fits else CONFLICT)

    text = resolve(
        replace(REQUIREMENTS, lines=(*REQUIREMENTS.lines, "old==1")),
        platform="linux/amd64",
        path=here.path,
        spec=here.spec,
        trust=HostTrust(),
        environ={},
        run=uv,
    )
    assert text == "numpy==1.9\n"
    assert asked == ["", old]


def test_a_damaged_lock_is_made_again(here: Project) -> None:
    here.path.parent.mkdir(parents=True)
    here.path.write_text("numpy==1.0\n")
    assert here.kept() is None
    assert here.resolve().endswith("numpy==2.0.0\npip==24.0\n")
    assert len(here.uv.calls) == 1


def test_index_options_are_kept_for_the_installation(here: Project) -> None:
    line = "--extra-index-url https://a/simple"
    text = here.resolve(replace(REQUIREMENTS, lines=("numpy", line)))
    assert text.splitlines() == [line, "numpy==2.0.0", "pip==24.0"]


def test_a_platform_without_wheels_is_refused(here: Project) -> None:
    with pytest.raises(EngineUnavailable, match="platform: linux/riscv64"):
        here.resolve(platform="linux/riscv64")
    assert here.uv.calls == []


CONFLICT = """\
  x No solution found when resolving dependencies:
  ╰─▶ Because numpy==9.9 was not found and you require numpy==9.9, we can conclude that
      your requirements are unsatisfiable.
"""
SPEC = """\
name: e
dependencies:
  - python=3.11
  - pip:
      - scikit-learn==1.5
      - numpy==9.9
"""


def test_a_contradiction_blames_the_line_and_shows_uvs_words(here: Project) -> None:
    error = here.refused(SPEC, FakeUv(exit_code=1, errors=CONFLICT))
    assert isinstance(error, SpecError)
    assert (
        error.message == f"{here.spec}:6: no set of versions meets these requirements: `numpy==9.9`"
    )
    assert error.details == CONFLICT.strip()


def test_two_pins_that_clash_are_both_named(here: Project) -> None:
    errors = """\
error: No solution found when resolving dependencies
  cause: Because scikit-learn==1.5 depends on numpy>=1.19.5 and you require numpy==1.10, we can \
conclude that you require scikit-learn==1.5 in vain.
"""
    spec = SPEC.replace("numpy==9.9", "numpy==1.10 # old") + "      - pandas==2.0\n"
    error = here.refused(spec, FakeUv(exit_code=1, errors=errors))
    assert error.message == (
        f"{here.spec}:5: no set of versions meets these requirements: "
        "`scikit-learn==1.5` and `numpy==1.10` (line 6)"
    )


def test_names_are_compared_as_pip_compares_them(here: Project) -> None:
    spec = SPEC.replace("scikit-learn==1.5", '"Scikit_Learn==99"')
    errors = CONFLICT.replace("numpy==9.9", "scikit-learn==99")
    assert here.refused(spec, FakeUv(exit_code=1, errors=errors)).message.startswith(
        f"{here.spec}:5: "
    )


def test_python_is_blamed_only_if_nothing_else_can_be(here: Project) -> None:
    named = "  x No solution found\n  ╰─▶ Because the requested Python version and numpy==9.9 …"
    alone = "  x No solution found\n  ╰─▶ Because the requested Python version …"
    assert ":6: " in here.refused(SPEC, FakeUv(exit_code=1, errors=named)).message
    assert ":3: " in here.refused(SPEC, FakeUv(exit_code=1, errors=alone)).message


def test_a_contradiction_deep_down_blames_the_file(here: Project) -> None:
    errors = "  x No solution found\n  ╰─▶ Because cffi==1 depends on pycparser>9"
    error = here.refused(SPEC, FakeUv(exit_code=1, errors=errors))
    assert error.message == f"{here.spec}: no set of versions meets these requirements"


@pytest.mark.parametrize(
    "uv",
    [
        FakeUv(exit_code=2, errors="error: Failed to fetch: `https://a/simple/numpy/`"),
        FakeUv(exit_code=1, errors="error: could not connect"),
        FakeUv(exit_code=2, errors="No solution found"),
        FakeUv(exit_code=-9, errors=""),
    ],
)
def test_every_other_failure_is_no_fault_of_the_file(here: Project, uv: FakeUv) -> None:
    error = here.refused(SPEC, uv)
    assert isinstance(error, BuildFailed)
    assert error.details == uv.errors
    assert "aml-emu doctor" in error.hint


def test_a_failure_leaves_the_old_lock_alone(here: Project) -> None:
    here.resolve()
    old = here.path.read_text()
    here.spec.write_text(SPEC)
    here.uv = FakeUv(exit_code=2)
    with pytest.raises(BuildFailed):
        here.resolve(replace(REQUIREMENTS, python="3.12"))
    assert here.path.read_text() == old


def test_later_upgrades_win_and_start_from_the_first_lock(here: Project) -> None:
    """As a second `pip install --upgrade` in the image would have it."""
    answers = {"numpy>=2\npip\n": "numpy==2.0.0\npip==24.0\n", "pip>=25\n": "pip==25.0\nwheel==1\n"}
    calls: list[tuple[str, str]] = []

    def uv(argv: Sequence[str], *, environ: Mapping[str, str], cwd: Path, stdin: str) -> Outcome:
        output = Path(argv[argv.index("--output-file") + 1])
        calls.append((stdin, output.read_text()))
        output.write_text(answers[stdin])
        return Outcome(exit_code=0, output="", errors="")

    requirements = replace(REQUIREMENTS, upgrades=("pip>=25",))
    text = resolve(
        requirements,
        platform="linux/amd64",
        path=here.path,
        spec=here.spec,
        trust=HostTrust(),
        environ={},
        run=uv,
    )
    assert text.splitlines() == ["numpy==2.0.0", "pip==25.0", "wheel==1"]
    assert calls == [("numpy>=2\npip\n", ""), ("pip>=25\n", "numpy==2.0.0\npip==24.0\n")]
    assert here.path.read_text().endswith(text)
    assert here.kept(requirements) == text
    assert here.kept() is None  # without the upgrades it is another lock


PASSWORD = "pw-s3cret"
NO_LOGIN = """\
error: No solution found when resolving dependencies
  cause: Because secretpkg was not found in the package registry and you require secretpkg, we can \
conclude that your requirements are unsatisfiable.

hint: An index URL (http://h:1/simple) could not be queried due to a lack of valid authentication \
credentials (401 Unauthorized)
"""
FORBIDDEN = NO_LOGIN.replace("401 Unauthorized", "403 Forbidden")
REFUSED_FILE = """\
error: Failed to download `p @ http://me:****@h:1/p.whl`
  cause: HTTP status client error (401 Unauthorized) for url (http://h:1/p.whl)
"""
CERTIFICATE = """\
error: Failed to fetch: `https://h:1/simple/secretpkg/`
  cause: client error (Connect)
  cause: invalid peer certificate: {}
"""


@pytest.mark.parametrize(
    ("errors", "code", "message"),
    [
        (
            NO_LOGIN,
            1,
            "the package index asks for a valid password: http://h:1/simple",
        ),
        (FORBIDDEN, 1, "the package index refuses access: http://h:1/simple"),
        (
            REFUSED_FILE,
            1,
            "the package index asks for a valid password: http://h:1/p.whl",
        ),
        (
            CERTIFICATE.format("UnknownIssuer"),
            2,
            "the certificate of the package index is not trusted: https://h:1/simple/secretpkg/",
        ),
        (
            CERTIFICATE.format("Expired"),
            2,
            "the certificate of the package index has expired: https://h:1/simple/secretpkg/",
        ),
    ],
)
def test_an_index_that_cannot_be_used_is_named(
    here: Project, errors: str, code: int, message: str
) -> None:
    error = here.refused(SPEC, FakeUv(exit_code=code, errors=errors))
    assert isinstance(error, BuildFailed)
    assert error.message == message
    assert error.hint


SECRET_LINES = (
    f"--extra-index-url https://me:{PASSWORD}@h/simple",
    "--extra-index-url https://${TOKEN}@h/other",
    f"direct @ https://me:{PASSWORD}@h/direct.whl",
    "numpy",
)


def test_passwords_reach_uv_and_not_the_lock(here: Project) -> None:
    here.uv.lock = f"direct @ https://me:{PASSWORD}@h/direct.whl\nnumpy==2.0.0\n"
    text = here.resolve(replace(REQUIREMENTS, lines=SECRET_LINES))
    assert text == "direct @ https://h/direct.whl\nnumpy==2.0.0\n"
    assert PASSWORD in here.uv.calls[0][3]
    assert PASSWORD not in here.path.read_text()


def test_another_password_asks_for_nothing_else(here: Project) -> None:
    here.resolve(replace(REQUIREMENTS, lines=SECRET_LINES))
    assert here.kept(
        replace(REQUIREMENTS, lines=tuple(line.replace(PASSWORD, "new") for line in SECRET_LINES))
    )

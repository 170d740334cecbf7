import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import pytest

from toolkit.engines.command import Outcome
from toolkit.engines.trust import HostTrust
from toolkit.engines.wheels import fetch, packed
from toolkit.errors import BuildFailed

PREFIX = PurePosixPath("/azureml-envs/x")
PACKAGES = PREFIX / "lib/python3.11/site-packages"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What `uv pip install --target` leaves."""
    for name, text in {
        ".lock": "",
        "six.py": "VALUE = 1\n",
        "six-1.0.dist-info/RECORD": "six.py,,\nbin/six,,\nbinary/x.so,,\n",
        "bin/six": "#!/home/me/.venv/bin/python\nprint(1)\n",
        "binary/x.so": "\x00",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "bin/six").chmod(0o755)
    return tmp_path


def test_files_lie_where_the_container_has_them(folder: Path) -> None:
    with (
        packed(folder, prefix=PREFIX, packages=PACKAGES) as stream,
        tarfile.open(fileobj=io.BytesIO(stream.read())) as tar,
    ):
        files = {entry.name: entry for entry in tar}
        text = {name: (tar.extractfile(name) or io.BytesIO()).read().decode() for name in files}
    packages = str(PACKAGES).lstrip("/")
    assert set(files) == {
        f"{packages}/six.py",
        f"{packages}/six-1.0.dist-info/RECORD",
        f"{packages}/binary/x.so",
        "azureml-envs/x/bin/six",
    }
    assert files["azureml-envs/x/bin/six"].mode == 0o755
    assert text["azureml-envs/x/bin/six"] == "#!/azureml-envs/x/bin/python\nprint(1)\n"
    assert text[f"{packages}/six-1.0.dist-info/RECORD"] == (
        "six.py,,\n../../../bin/six,,\nbinary/x.so,,\n"
    )


class Uv:
    def __init__(self, exit_code: int = 0) -> None:
        self.exit_code = exit_code
        self.argv: Sequence[str] = ()
        self.stdin = ""

    def __call__(
        self, argv: Sequence[str], *, environ: Mapping[str, str], cwd: Path, stdin: str
    ) -> Outcome:
        self.argv, self.stdin = argv, stdin
        return Outcome(exit_code=self.exit_code, output="", errors="error: no wheel\n")


def order(uv: Uv, into: Path) -> None:
    fetch(
        ["six==1.0"],
        into=into,
        python="3.9",
        platform="linux/arm64",
        trust=HostTrust(options=("--index-url https://me:pw@h/simple",)),
        environ={},
        run=uv,
    )


def test_wheels_are_fetched_for_the_container_and_not_for_this_machine(tmp_path: Path) -> None:
    uv = Uv()
    order(uv, tmp_path)
    assert uv.argv[uv.argv.index("--python-version") + 1] == "3.9"
    assert uv.argv[uv.argv.index("--python-platform") + 1] == "aarch64-manylinux_2_28"
    assert "--no-deps" in uv.argv
    assert not any("pw" in word for word in uv.argv), "a password on a command line can be seen"
    assert uv.stdin == "--index-url https://me:pw@h/simple\nsix==1.0\n"


def test_what_cannot_be_fetched_is_said(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as caught:
        order(Uv(exit_code=1), tmp_path)
    assert caught.value.details == "error: no wheel"

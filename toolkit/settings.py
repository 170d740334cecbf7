"""Flags > AML_EMU_* > aml-emu.toml > defaults, as one frozen value; sole reader of os.environ."""

from __future__ import annotations

import fnmatch
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from toolkit.errors import SpecError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EngineName = Literal["auto", "docker", "process"]

FILE_NAME: Final = "aml-emu.toml"
STATE_FOLDER: Final = ".aml-emu"
DEFAULT_BASE: Final = "aml-emu/base"
PREFIX: Final = "AML_EMU_"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that is not in a spec file and not a flag of one command.

    `images` maps globs of image references to stand-ins; `datastores` and `urls` map names and
    prefixes to folders. `environ` is the process environment as it was at the start, handed to
    whoever runs programs or looks for proxies.
    """

    project: Path
    engine: EngineName = "auto"
    base: str = DEFAULT_BASE
    images: Mapping[str, str] = field(default_factory=dict)
    datastores: Mapping[str, Path] = field(default_factory=dict)
    urls: Mapping[str, Path] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)

    @property
    def state_folder(self) -> Path:
        """Where locks and logs are kept: `.aml-emu/` in the project."""
        return self.project / STATE_FOLDER

    @property
    def cache_folder(self) -> Path:
        """What all projects of this user share, and what can be made again."""
        return cache_folder(self.environ)

    def stand_in(self, reference: str) -> str:
        """The image to use where `reference` is asked for: the first matching `[images]` entry."""
        for pattern, image in self.images.items():
            if fnmatch.fnmatchcase(reference, pattern):
                return image
        return reference


def cache_folder(environ: Mapping[str, str]) -> Path:
    """`aml-emu` in the user's cache, as the XDG base directory specification places it."""
    home = Path(environ.get("HOME") or "~").expanduser()
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "aml-emu"


def load_settings(
    *,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    engine: str | None = None,
    base: str | None = None,
) -> Settings:
    """Combine the four sources; None means "the flag was not given".

    Raises SpecError for an unknown key or value, naming where it stands.
    """
    variables = dict(os.environ if environ is None else environ)
    project = _project(cwd or Path.cwd())
    written = _read_file(project / FILE_NAME)
    default = Settings(project=project)
    return Settings(
        project=project,
        engine=_engine(
            [
                (engine, "--engine"),
                (variables.get(f"{PREFIX}ENGINE"), f"{PREFIX}ENGINE"),
                (written.get("engine"), str(project / FILE_NAME)),
                (default.engine, "default"),
            ]
        ),
        base=base or variables.get(f"{PREFIX}BASE") or written.get("base", default.base),
        images=written.get("images", {}),
        datastores=_folders(project, written.get("datastores", {})),
        urls=_folders(project, written.get("urls", {})),
        environ=variables,
    )


def wants_color() -> bool:
    """Whether colour may be used on a terminal (no-color.org)."""
    return not os.environ.get("NO_COLOR")


def _project(start: Path) -> Path:
    """The nearest folder upwards with an aml-emu.toml or a .aml-emu folder, else `start`."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file() or (folder / STATE_FOLDER).is_dir():
            return folder
    return start


def _engine(choices: Sequence[tuple[str | None, str]]) -> EngineName:
    """The first choice that was made; an unknown one is an error that names where it stands."""
    name, place = next((name, place) for name, place in choices if name)
    for known in get_args(EngineName):
        if name == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped
    known_names = ", ".join(f"`{known}`" for known in get_args(EngineName))
    raise SpecError(f"{place}: unknown engine: {name}", hint=f"valid: {known_names}")


def _folders(project: Path, written: Mapping[str, str]) -> dict[str, Path]:
    """Folders are written relative to the file that names them."""
    return {name: project / Path(folder).expanduser() for name, folder in written.items()}


_KEYS: Final[Mapping[str, type]] = {
    "engine": str,
    "base": str,
    "images": dict,
    "datastores": dict,
    "urls": dict,
}
# what each value of a table names
_TABLES: Final = {"images": "an image", "datastores": "a folder", "urls": "a folder"}


def _read_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        text = path.read_text("utf-8")
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: not TOML: {error}") from error
    except OSError as error:
        raise SpecError(f"{path}: cannot be read", details=str(error)) from error
    for key, value in data.items():
        if key not in _KEYS:
            known = ", ".join(f"`{name}`" for name in _KEYS)
            raise SpecError(
                f"{path}:{_line(text, key)}: unknown key `{key}`", hint=f"valid: {known}"
            )
        if problem := _problem(key, value):
            raise SpecError(f"{path}:{_line(text, key)}: `{key}` {problem}")
    for table, named in _TABLES.items():
        for key, value in data.get(table, {}).items():
            if not isinstance(value, str) or not value.strip():
                raise SpecError(f"{path}:{_line(text, key)}: `{key}` must name {named}")
    return data


def _problem(key: str, value: object) -> str:
    if not isinstance(value, _KEYS[key]):
        return "must be a table" if _KEYS[key] is dict else "must be text"
    return "is empty" if value == "" else ""


def _line(text: str, key: str) -> int:
    """TOML keeps no line numbers; the first line that begins with the key is where to look."""
    begins = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[]=.]""")
    for number, line in enumerate(text.splitlines(), start=1):
        if begins.match(line):
            return number
    return 1

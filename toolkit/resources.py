"""Where the files that are not Python lie: beside `toolkit` in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name


def templates() -> Path:
    """The Jinja sources: images, runit scripts, editor files."""
    return _folder("templates")


def dockerfiles() -> Path:
    """The hand-written image sources."""
    return _folder("dockerfiles")


def runtime() -> Path:
    """The Python package that travels into containers."""
    return _PACKAGE / "runtime"


def dropin() -> Path:
    """The folder with the `azureml` package that stands in for the real one."""
    return _PACKAGE / "dropin"

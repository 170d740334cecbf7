"""Finding the Docker engine the user means, and saying what is wrong when it does not answer."""

# ruff: noqa: PLC0415  # what only some commands need is imported by them

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toolkit.engines.docker.peek import peek
from toolkit.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker import DockerClient

_START = "start Docker (Linux: `sudo systemctl start docker`; Docker Desktop: open it)"


def connect(environ: Mapping[str, str]) -> DockerClient:
    """A client for DOCKER_HOST, else for the current `docker context`, and proof that it answers.

    Raises EngineUnavailable: not installed, not running, no permission, or not an engine.
    """
    local = peek(environ)
    if local and (refusal := local.refusal()):
        raise _no_answer(local.address, str(refusal)) from refusal
    import docker  # 0.15 s, which `--help` and no engine need not pay
    from docker.errors import DockerException

    try:
        client = docker.DockerClient(**_endpoint(environ), version="auto", timeout=60)
    except DockerException as error:
        raise unavailable(error, environ) from error
    return client


def address(environ: Mapping[str, str]) -> str:
    """The engine's URL, for messages."""
    return str(_endpoint(environ).get("base_url") or "the default socket")


def unavailable(error: Exception, environ: Mapping[str, str]) -> EngineUnavailable:
    """Say which of the three usual causes it is."""
    text, where = str(error), address(environ)
    if "PermissionError" in text or "Permission denied" in text:
        return EngineUnavailable(
            f"no permission to talk to Docker at {where}",
            details=text,
            hint="run `sudo usermod -aG docker $USER` and log in again",
        )
    if "FileNotFoundError" in text or "No such file" in text or "Connection refused" in text:
        return _no_answer(where, text)
    return EngineUnavailable(
        f"the Docker engine at {where} cannot be used",
        details=text,
        hint="check DOCKER_HOST and `docker version`",
    )


def _no_answer(where: str, text: str) -> EngineUnavailable:
    return EngineUnavailable(f"no Docker engine answers at {where}", details=text, hint=_START)


def _endpoint(environ: Mapping[str, str]) -> dict[str, Any]:
    from docker.context import ContextAPI
    from docker.errors import DockerException
    from docker.utils import kwargs_from_env

    if environ.get("DOCKER_HOST"):
        return dict(kwargs_from_env(environment=dict(environ)))
    try:
        context = ContextAPI.get_current_context()
    except DockerException as error:
        raise EngineUnavailable("the current `docker context` cannot be read") from error
    if context is None or not context.Host:
        return {}
    tls = context.TLSConfig
    return {"base_url": context.Host, **({"tls": tls} if tls else {})}

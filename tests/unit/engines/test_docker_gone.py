"""A container, or the engine, that goes away between two questions."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from docker.errors import NotFound
from requests.exceptions import ConnectionError as Disconnected

from toolkit.engines.docker import DockerEngine
from toolkit.engines.docker.handle import DockerHandle
from toolkit.errors import EngineUnavailable

if TYPE_CHECKING:
    from docker import APIClient
    from docker.models.containers import Container


class Removed:
    """A container that somebody has removed since it was found."""

    id = name = "gone"

    def __init__(self) -> None:
        self.attrs: dict[str, Any] = {"NetworkSettings": {"Ports": {}}}

    def reload(self) -> None:
        raise NotFound("no such container")


class Away:
    """Anything of an engine that does not answer any more."""

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: object, **__: object) -> None:
            raise Disconnected("connection refused")

        return refuse


def _handle() -> DockerHandle:
    return DockerHandle(cast("Container", Removed()), cast("APIClient", Away()))


def test_a_removed_container_has_no_ports() -> None:
    with pytest.raises(KeyError):
        _handle().address(5001)


def test_a_command_on_an_engine_that_is_away_says_so() -> None:
    with pytest.raises(EngineUnavailable, match="does not answer any more"):
        _handle().exec(["true"])


def test_looking_for_something_on_an_engine_that_is_away_says_so() -> None:
    engine = DockerEngine({})
    vars(engine)["_client"] = SimpleNamespace(containers=Away())
    with pytest.raises(EngineUnavailable, match="does not answer any more"):
        engine.find({})

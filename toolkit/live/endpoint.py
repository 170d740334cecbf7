"""The endpoints of a project: who serves them, with which keys. Files, read by the router too.

One JSON file per endpoint in `.aml-emu/endpoints/`, replaced as a whole, changed under a lock: a
reader never sees half of one, and a killed writer leaves the one before.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from toolkit.engines.base import Address
from toolkit.errors import NotFound, SpecError
from toolkit.settings import EngineName
from toolkit.specs.deployment import DataCollector, ProbeSettings, RequestSettings
from toolkit.specs.endpoint import AuthMode, Endpoint
from toolkit.specs.yamlfile import nearest
from toolkit.workspace.model import Owner

FOLDER: Final = "endpoints"
_KEY_BYTES: Final = 24


@dataclass(frozen=True, kw_only=True)
class Replica:
    """One container of a deployment; `debugged` is the one that an IDE attaches to."""

    name: str
    address: Address
    liveness: Address
    readiness: Address
    debugged: bool = False


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A deployment as it runs. `owner` is the command in the foreground, if there is one.

    `fingerprint` is of everything that it was made from, `file` its YAML; `collected` is the folder
    of the datastore that its collector writes to.
    """

    name: str
    kind: Literal["managed", "kubernetes"]
    file: Path
    engine: EngineName
    fingerprint: str
    replicas: tuple[Replica, ...]
    scoring_path: str = ""
    liveness_path: str = "/"
    readiness_path: str = "/"
    has_runit: bool = True
    requests: RequestSettings = field(default_factory=RequestSettings)
    liveness: ProbeSettings = field(default_factory=ProbeSettings)
    readiness: ProbeSettings = field(default_factory=ProbeSettings)
    collector: DataCollector | None = None
    collected: Path | None = None
    recorded: bool = False
    loose: tuple[str, ...] = ()
    owner: Owner | None = None

    @property
    def debugged(self) -> bool:
        return any(replica.debugged for replica in self.replicas)


@dataclass(frozen=True, kw_only=True)
class EndpointState:
    """An endpoint: it keeps its port, keys and traffic while nothing is deployed to it.

    `secret` signs its tokens, `control` is the password of its router. `serial` counts replicas:
    the name of one is never used again.
    """

    name: str
    port: int
    primary: str
    secondary: str
    secret: str
    control: str
    auth_mode: AuthMode = "key"
    traffic: Mapping[str, int] = field(default_factory=dict)
    mirror: Mapping[str, int] = field(default_factory=dict)
    deployments: Mapping[str, Serving] = field(default_factory=dict)
    router: Owner | None = None
    serial: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def scoring_uri(self) -> str:
        """As `az ml online-endpoint show` gives it; a container of one's own has its own path."""
        paths = {serving.scoring_path for serving in self.deployments.values()} - {""}
        return self.url + (paths.pop() if len(paths) == 1 else "/score")

    def serving(self, deployment: str) -> Serving:
        """Raises NotFound with the nearest name."""
        if deployment not in self.deployments:
            names = list(self.deployments)
            raise NotFound(
                f"endpoint `{self.name}` has no deployment `{deployment}`",
                hint=nearest(deployment, names) if names else "deploy one: `aml-emu deploy FILE`",
            )
        return self.deployments[deployment]

    def with_serving(self, serving: Serving) -> EndpointState:
        return replace(self, deployments={**self.deployments, serving.name: serving})

    def without(self, deployment: str) -> EndpointState:
        left = {name: each for name, each in self.deployments.items() if name != deployment}
        return replace(self, deployments=left)


@cache
def _adapter() -> TypeAdapter[EndpointState]:
    return TypeAdapter(EndpointState)


class Endpoints:
    """The endpoints of one project."""

    def __init__(self, state_folder: Path) -> None:
        self.folder: Final = state_folder / FOLDER
        self.project: Final = str(state_folder.parent)

    def names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def find(self, name: str) -> EndpointState | None:
        """As it is now; None if there is none of that name."""
        path = self._file(name)
        try:
            return _adapter().validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise SpecError(
                f"{path}: not written by this version of aml-emu",
                details=str(error),
                hint="delete the file, and deploy again",
            ) from error

    def get(self, name: str) -> EndpointState:
        """Raises NotFound with the nearest name."""
        found = self.find(name)
        if found is None:
            names = self.names()
            raise NotFound(
                f"no endpoint named `{name}`",
                hint=nearest(name, names) if names else "deploy one: `aml-emu deploy FILE`",
            )
        return found

    def ensure(self, endpoint: Endpoint, *, port: Callable[[], int]) -> EndpointState:
        """The endpoint, made with new keys if it is not there; its file says how one signs in."""
        with self._locked(endpoint.name):
            found = self.find(endpoint.name)
            state = found or EndpointState(
                name=endpoint.name,
                port=port(),
                primary=new_key(),
                secondary=new_key(),
                secret=new_key(),
                control=new_key(),
            )
            if endpoint.file or not found:
                state = replace(state, auth_mode=endpoint.auth_mode)
            if state != found:
                self._write(state)
            return state

    def change(self, name: str, how: Callable[[EndpointState], EndpointState]) -> EndpointState:
        """Read, change, write, with nobody else in between; raises NotFound."""
        with self._locked(name):
            state = how(self.get(name))
            self._write(state)
            return state

    def remove(self, name: str) -> None:
        with self._locked(name):
            self._file(name).unlink(missing_ok=True)

    def log_file(self, name: str) -> Path:
        """What its router says."""
        return self.folder / f"{name}.log"

    def router_lock(self, name: str) -> Path:
        """What its router holds while it lives."""
        return self.folder / f"{name}.router"

    def folder_of(self, name: str) -> Path:
        """Where records and generated code of an endpoint lie."""
        return self.folder / name

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def _write(self, state: EndpointState) -> None:
        path = self._file(state.name)
        temporary = path.with_suffix(".writing")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(_adapter().dump_json(state, indent=2))
        temporary.replace(path)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.lock").open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def new_key() -> str:
    """As long as Azure's own."""
    return secrets.token_urlsafe(_KEY_BYTES)


def document(state: EndpointState) -> dict[str, Any]:
    """What may be shown of it: no keys."""
    hidden = {"primary", "secondary", "secret", "control"}
    shown: dict[str, Any] = _adapter().dump_python(state, mode="json", exclude=hidden)
    return {**shown, "scoring_uri": state.scoring_uri}

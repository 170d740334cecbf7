"""A deployed service: a container of this machine, which stays until somebody deletes it."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import http.client
import json
from typing import Any, ClassVar, Dict, List, Optional
from urllib.parse import urlsplit

from ..._aml_emu.authoring import ask
from ..._aml_emu.missing import missing_member
from ..._aml_emu.operation import Operation, shown, started
from ..._aml_emu.packages import asked
from ...exceptions import ServiceException, UserErrorException, WebserviceException

_PATH = "webservices"
_NOT_FOUND = 404
_HTTP_OK = 200
_PATIENCE = 300.0


class Webservice:
    """`Webservice(workspace, name)` is one that was deployed before, by this script or another."""

    _kind: ClassVar[str] = "Local"

    def __init__(
        self, workspace: Any, name: str, *, _operation: Optional[Operation] = None
    ) -> None:
        self.workspace = workspace
        self.name = name
        self._operation = _operation
        if _operation is None and self._seen() is None:
            there = ", ".join(each["name"] for each in _all(workspace)) or "none"
            raise WebserviceException(f"WebserviceNotFound: {name}; there is: {there}")

    @staticmethod
    def list(workspace: Any, *_args: Any, **_kwargs: Any) -> List[Webservice]:
        return [Webservice(workspace, each["name"]) for each in _all(workspace)]

    @property
    def compute_type(self) -> str:
        return self._kind

    @property
    def state(self) -> str:
        """`deploying`, `running`, `failed`, `deleted` or `unknown`."""
        if self._operation is not None:
            self._operation.look()
            if self._operation.state == "Running":
                return "deploying"
            if self._operation.state == "Failed":
                return "failed"
        found = self._seen()
        return "deleted" if found is None else str(found["state"])

    @property
    def scoring_uri(self) -> Optional[str]:
        url = self._url()
        return None if url is None else url + "/score"

    @property
    def swagger_uri(self) -> Optional[str]:
        url = self._url()
        return None if url is None else url + "/swagger.json"

    @property
    def models(self) -> List[Any]:
        from ..model import Model  # model.py names this class in turn

        found = self._seen() or {"models": []}
        return [Model(self.workspace, id=reference) for reference in found["models"]]

    def wait_for_deployment(self, show_output: bool = False, timeout_sec: Any = None) -> None:
        """Until it answers; raises WebserviceException if it cannot, or has not in time."""
        if self._operation is not None:
            seconds = float("inf") if timeout_sec is None else float(timeout_sec)
            self._operation.follow(shown if show_output else None, seconds=seconds)
            self._operation.raise_failure(WebserviceException)
        if self.state != "running":
            raise WebserviceException(f"the service `{self.name}` is {self.state}")

    def run(self, input_data: Any) -> Any:
        """Send text or bytes to the scoring route; the JSON or text that is answered."""
        url = self._url()
        if url is None:
            raise WebserviceException(
                f"the service `{self.name}` is {self.state}: call `wait_for_deployment()` first"
            )
        address = urlsplit(url)
        connection = http.client.HTTPConnection(address.netloc, timeout=_PATIENCE)
        try:
            body = input_data.encode("utf-8") if isinstance(input_data, str) else input_data
            connection.request("POST", "/score", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise WebserviceException(
                f"the service `{self.name}` does not answer at {url}: {error}"
            ) from error
        finally:
            connection.close()
        return _answer(answer.status, text)

    def get_logs(self, num_lines: int = 5000, init: bool = False) -> str:
        """What its container said last."""
        found = ask(self._link, "GET", self._at() + "/logs", query={"lines": num_lines})
        return str(found["logs"])

    def update_deployment_state(self) -> None:
        """Nothing is kept here: `state` asks each time."""

    def serialize(self) -> Dict[str, Any]:
        return {
            "name": self.name,
            "computeType": self.compute_type,
            "state": self.state,
            "scoringUri": self.scoring_uri,
        }

    def get_keys(self) -> Any:
        raise WebserviceException(
            "the service has no keys: it answers to this machine only, without authentication"
        )

    def delete(self, delete_cache: bool = True, delete_image: bool = False, **_kwargs: Any) -> None:
        """Stop and remove it. Its image stays, for `aml-emu prune` to remove."""
        ask(self._link, "DELETE", self._at())
        self._operation = None

    @property
    def _link(self) -> Any:
        return self.workspace._link

    def _at(self) -> str:
        return f"{_PATH}/{self.name}"

    def _seen(self) -> Optional[Dict[str, Any]]:
        try:
            return dict(self._link.call("GET", "authoring/" + self._at()))
        except ServiceException as error:
            if error.status_code != _NOT_FOUND:
                raise
            return None

    def _url(self) -> Optional[str]:
        found = self._seen()
        return None if found is None else found["url"]

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(workspace={self.workspace!r}, name={self.name})"


def deploy(
    kind: Any,
    workspace: Any,
    name: str,
    models: Any,
    inference_config: Any,
    *,
    port: Optional[int],
    overwrite: bool,
) -> Any:
    """Begin to deploy; `kind` is the class of what is given back."""
    body = dict(asked(models, inference_config), name=name, port=port, overwrite=overwrite)
    try:
        operation = started(workspace._link, _PATH, body)
    except UserErrorException as error:
        raise WebserviceException(error.message) from error
    return kind(workspace, name, _operation=operation)


def _all(workspace: Any) -> List[Any]:
    return list(ask(workspace._link, "GET", _PATH)["services"])


def _answer(status: int, text: bytes) -> Any:
    """JSON as what it says, anything else as text; raises for what is no answer."""
    said = text.decode("utf-8", "replace")
    if status != _HTTP_OK:
        raise WebserviceException(
            f"Received bad response from service: Response Code: {status} Content: {said}"
        )
    try:
        return json.loads(said)
    except ValueError:
        return said

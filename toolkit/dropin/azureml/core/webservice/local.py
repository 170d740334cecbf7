"""`LocalWebservice`: a service in a container of this machine, as the SDK's own."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

from ..._aml_emu.operation import Operation, started
from ..._aml_emu.packages import asked, model_references
from ...exceptions import WebserviceException
from .webservice import Webservice, deploy


class LocalWebserviceDeploymentConfiguration:
    """What `LocalWebservice.deploy_configuration(port=…)` gives."""

    def __init__(self, port: Optional[int] = None) -> None:
        self.port = port
        self.tags = None

    def validate_configuration(self) -> None:
        if self.port is not None and not 0 < int(self.port) < 65536:  # noqa: PLR2004  # what a port can be
            raise WebserviceException(f"not a port: {self.port}")

    def _deploy(
        self, workspace: Any, name: str, models: Any, inference_config: Any, *, overwrite: bool
    ) -> Any:
        self.validate_configuration()
        return deploy(
            LocalWebservice, workspace, name, models, inference_config,
            port=self.port, overwrite=overwrite,
        )  # fmt: skip


class LocalWebservice(Webservice):
    """Scoring on one port of this machine. It runs on when the script ends: `delete` ends it."""

    @staticmethod
    def deploy_configuration(port: Optional[int] = None) -> LocalWebserviceDeploymentConfiguration:
        """Without a port one is chosen that is free."""
        return LocalWebserviceDeploymentConfiguration(port)

    @property
    def port(self) -> Optional[int]:
        url = self._url()
        return None if url is None else int(url.rpartition(":")[2])

    def reload(self, wait: bool = False) -> None:
        """Take in what the script's and the models' files say now; nothing is built."""
        self._go_on(started(self._link, f"webservices/{self.name}/reload", {}), wait=wait)

    def update(
        self,
        models: Optional[Sequence[Any]] = None,
        image: Any = None,
        deployment_config: Any = None,
        inference_config: Any = None,
        wait: bool = False,
        **_kwargs: Any,
    ) -> None:
        """Deploy again with what is given, the rest as it was."""
        if image is not None:
            raise WebserviceException("images of services are not here: pass `inference_config`")
        body: Dict[str, Any] = {} if models is None else {"models": model_references(models)}
        if inference_config is not None:
            body["inference"] = asked((), inference_config)["inference"]
        if deployment_config is not None:
            body["port"] = deployment_config.port
        self._go_on(started(self._link, f"webservices/{self.name}/update", body), wait=wait)

    def _go_on(self, operation: Operation, *, wait: bool) -> None:
        self._operation = operation
        if wait:
            self.wait_for_deployment()

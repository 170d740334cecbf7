"""`AciWebservice`: Azure's container instances, for which a container of this machine stands in."""

from __future__ import annotations

from typing import Any

from .local import LocalWebservice
from .webservice import deploy


class AciServiceDeploymentConfiguration:
    """Sizes and places are kept and mean nothing here."""

    def __init__(self, **given: Any) -> None:
        self.port = None
        self.given = given

    def validate_configuration(self) -> None:
        """Everything is taken."""

    def _deploy(
        self, workspace: Any, name: str, models: Any, inference_config: Any, *, overwrite: bool
    ) -> Any:
        print(
            f"`{name}` is deployed on this machine: aml-emu has no container instances, "
            "and the service has no keys"
        )
        return deploy(
            AciWebservice, workspace, name, models, inference_config,
            port=None, overwrite=overwrite,
        )  # fmt: skip


class AciWebservice(LocalWebservice):
    """A stand-in: what the documentation says of LocalWebservice holds for it."""

    _kind = "ACI"

    @staticmethod
    def deploy_configuration(  # type: ignore[override]  # another service's own parameters
        *args: Any, **kwargs: Any
    ) -> AciServiceDeploymentConfiguration:
        return AciServiceDeploymentConfiguration(**kwargs)

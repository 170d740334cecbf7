"""What packages and services are made of: a script, an environment, registered models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import NotFound
from toolkit.live.tracking.call import Call
from toolkit.live.tracking.failures import invalid
from toolkit.plans.deployment import PlacedModel
from toolkit.workspace.model import AssetVersion
from toolkit.workspace.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class Inference:
    """An InferenceConfig. `source` is the folder that goes along whole, with the script in it."""

    script: Path
    source: Path | None
    environment: Mapping[str, Any]

    @classmethod
    def of(cls, said: Any) -> Inference:
        if not isinstance(said, Mapping) or not isinstance(said.get("environment"), Mapping):
            raise invalid("'inference' must be an object with 'script' and 'environment'")
        script, source = said.get("script"), said.get("source")
        if not isinstance(script, str) or not isinstance(source, str | None):
            raise invalid("'script' and 'source' must be paths")
        return cls(
            script=Path(script),
            source=Path(source) if source else None,
            environment=said["environment"],
        )


def inference_of(call: Call) -> Inference:
    return Inference.of(call.values.get("inference"))


def models_of(workspace: Workspace, references: list[str]) -> tuple[AssetVersion, ...]:
    """Registered models by `name:version`; those whose files are elsewhere are of no use."""
    found = tuple(workspace.assets.get("model", reference) for reference in references)
    for model in found:
        if model.path is None or not model.path.exists():
            raise NotFound(
                f"the files of the model {model.reference} are not here: {model.path or model.uri}"
            )
    return found


def placed(model: AssetVersion) -> PlacedModel:
    """Where a service finds it: below its name and version."""
    assert model.path is not None  # noqa: S101  # models_of has seen it
    return PlacedModel(source=model.path, name=model.name, version=model.version)

"""How registered versions are named: `azureml:name:3`, `name@latest`, `name`, long ARM ids."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from toolkit.errors import NotFound, SpecError
from toolkit.workspace.model import AssetKind

LATEST: Final = "latest"
_SHORT: Final = re.compile(
    r"(?:azureml:)?(?P<name>[^:@/\s]+)(?:(?P<mark>[:@])(?P<which>[^:@/\s]+))?"
)
_LONG: Final = re.compile(
    r"(?:azureml:)?/{0,2}(?:subscriptions|locations)/.+/(?:data|models|environments|components)/"
    r"(?P<name>[^/]+)/(?:(?P<mark>versions|labels)/(?P<which>[^/]+))?/?"
)
_REGISTRY: Final = re.compile(r"azureml://registries/(?P<registry>[^/]+)/")


@dataclass(frozen=True, kw_only=True)
class AssetReference:
    """Without `version` the `label` decides."""

    name: str
    version: str | None = None
    label: str = LATEST


def parse_reference(kind: AssetKind, text: str) -> AssetReference:
    """Raises NotFound for what lies in a registry, SpecError for what is no reference."""
    if registry := _REGISTRY.match(text):
        raise NotFound(
            f"the {kind} lies in the registry `{registry['registry']}`, which is not here: {text}",
            hint="register a copy of it here: `aml-emu register FILE`",
        )
    match = _SHORT.fullmatch(text.strip()) or _LONG.fullmatch(text.strip())
    if match is None:
        raise SpecError(
            f"not a reference to a registered {kind}: `{text}`",
            hint="write `azureml:NAME:VERSION` or `azureml:NAME@latest`",
        )
    if match["mark"] in {":", "versions"}:
        return AssetReference(name=match["name"], version=match["which"])
    return AssetReference(name=match["name"], label=match["which"] or LATEST)


def is_reference(text: str) -> bool:
    """Whether it names a registered version, and is no path or URL."""
    return text.startswith("azureml:") and not text.startswith(
        ("azureml://datastores/", "azureml://jobs/")
    )

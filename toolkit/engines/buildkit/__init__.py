"""Building images through the Docker Engine's API, secrets included, with no docker command."""

from toolkit.engines.buildkit.build import Builder, build_image, builder_of
from toolkit.engines.buildkit.context import context_of
from toolkit.engines.buildkit.exchange import BuildCancelled
from toolkit.engines.buildkit.request import BuildRequest

__all__ = [
    "BuildCancelled",
    "BuildRequest",
    "Builder",
    "build_image",
    "builder_of",
    "context_of",
]

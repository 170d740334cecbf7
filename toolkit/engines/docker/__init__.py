"""The home engine: Docker, or anything that speaks its API. The only place that imports docker."""

from toolkit.engines.docker.engine import DockerEngine

__all__ = ["DockerEngine"]

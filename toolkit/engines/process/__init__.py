"""Launching without containers: Linux namespaces where they are allowed, else plain processes."""

from toolkit.engines.process.engine import ProcessEngine

__all__ = ["ProcessEngine"]

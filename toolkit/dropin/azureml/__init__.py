"""Shares its name with installed `azureml.*` packages, which keep working beside it."""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)

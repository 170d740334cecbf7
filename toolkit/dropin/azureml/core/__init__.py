"""`from azureml.core import Run`: each name is loaded when it is asked for."""

from .._aml_emu.lazy import lazily

_WHERE = {
    "Dataset": ".dataset",
    "Datastore": ".datastore",
    "Experiment": ".experiment",
    "Keyvault": ".keyvault",
    "Model": ".model",
    "Run": ".run",
    "Workspace": ".workspace",
}
_ADVICE = {
    "VERSION": "it says which SDK is installed, and none is",
}

__getattr__ = lazily(__name__, _WHERE, _ADVICE)


def __dir__() -> "list[str]":
    return sorted(_WHERE)

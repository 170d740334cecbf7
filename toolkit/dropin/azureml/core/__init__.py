"""`from azureml.core import Run`: each name is loaded when it is asked for."""

from .._aml_emu.lazy import lazily

_WHERE = {
    "ComputeTarget": ".compute",
    "ContainerRegistry": ".container_registry",
    "Dataset": ".dataset",
    "Datastore": ".datastore",
    "Environment": ".environment",
    "Experiment": ".experiment",
    "Keyvault": ".keyvault",
    "Model": ".model",
    "Run": ".run",
    "RunConfiguration": ".runconfig",
    "ScriptRun": ".script_run",
    "ScriptRunConfig": ".script_run_config",
    "Webservice": ".webservice",
    "Workspace": ".workspace",
}
_ADVICE = {
    "Image": "use `Model.package` with an `InferenceConfig`",
}
VERSION = "1.0+aml-emu"
"""A stand-in: scripts print it, and ask for packages of this version, which are left out."""

__getattr__ = lazily(__name__, _WHERE, _ADVICE)


def __dir__() -> "list[str]":
    return sorted(_WHERE)

"""`azureml.pipeline.steps`: the kinds of steps that run here."""

from ..._aml_emu.lazy import lazily

_WHERE = {
    "CommandStep": ".command_step",
    "ParallelRunConfig": ".parallel_run_step",
    "ParallelRunStep": ".parallel_run_step",
    "PythonScriptStep": ".python_script_step",
}
_AZURE = "it runs on a service of Azure: do its work in a `PythonScriptStep`"
_ADVICE = {
    "AdlaStep": _AZURE,
    "AutoMLStep": _AZURE,
    "AzureBatchStep": _AZURE,
    "DataTransferStep": _AZURE,
    "DatabricksStep": _AZURE,
    "EstimatorStep": "use a `PythonScriptStep`",
    "HyperDriveStep": "write a v2 sweep, which `aml-emu run` runs",
    "HyperDriveStepRun": "write a v2 sweep, which `aml-emu run` runs",
    "KustoStep": _AZURE,
    "ModuleStep": "use a `PythonScriptStep`",
    "MpiStep": "use a `PythonScriptStep` whose runconfig has `mpi`",
    "RScriptStep": "use a `PythonScriptStep`",
    "SynapseSparkStep": _AZURE,
}

__getattr__ = lazily(__name__, _WHERE, _ADVICE)

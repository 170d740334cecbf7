"""`azureml.pipeline.core`: the graph, its data, its runs."""

from ..._aml_emu.lazy import lazily

_WHERE = {
    "InputPortBinding": ".graph",
    "OutputPortBinding": ".graph",
    "Pipeline": ".pipeline",
    "PipelineData": ".pipeline_data",
    "PipelineDataset": ".pipeline_data",
    "PipelineParameter": ".graph",
    "PipelineRun": ".run",
    "PipelineStep": ".step",
    "PublishedPipeline": ".published",
    "StepRun": ".run",
    "StepRunOutput": ".run",
    "StepSequence": ".step",
}
_LOCAL = "there is no scheduler here: start the pipeline when it is wanted"
_ADVICE = {
    "PipelineEndpoint": "use `pipeline.publish` and `published.submit`",
    "PortDataReference": "use `step_run.get_output_data(name)`",
    "Schedule": _LOCAL,
    "ScheduleRecurrence": _LOCAL,
    "TrainingOutput": "it belongs to AutoML and HyperDrive steps, which are not emulated",
}

__getattr__ = lazily(__name__, _WHERE, _ADVICE)

"""What public v1 samples import (MachineLearningNotebooks, azureml-examples, the documentation)."""

from __future__ import annotations

from typing import Final

SAMPLES: Final[dict[str, str]] = {
    "azureml.core": "ComputeTarget ContainerRegistry Dataset Datastore Environment Experiment "
    "Image Keyvault Model Run RunConfiguration ScriptRunConfig VERSION Webservice Workspace",
    "azureml.core.authentication": "AzureCliAuthentication InteractiveLoginAuthentication "
    "MsiAuthentication ServicePrincipalAuthentication",
    "azureml.core.compute": "AksCompute AmlCompute BatchCompute ComputeInstance ComputeTarget "
    "DatabricksCompute HDInsightCompute RemoteCompute",
    "azureml.core.compute_target": "ComputeTargetException",
    "azureml.core.conda_dependencies": "CondaDependencies",
    "azureml.core.container_registry": "ContainerRegistry",
    "azureml.core.dataset": "Dataset",
    "azureml.core.datastore": "Datastore",
    "azureml.core.environment": "CondaDependencies Environment",
    "azureml.core.experiment": "Experiment",
    "azureml.core.image": "ContainerImage Image",
    "azureml.core.keyvault": "Keyvault",
    "azureml.core.model": "InferenceConfig Model ModelPackage",
    "azureml.core.resource_configuration": "ResourceConfiguration",
    "azureml.core.run": "Run",
    "azureml.core.runconfig": "CondaDependencies DEFAULT_CPU_IMAGE DEFAULT_GPU_IMAGE "
    "DataReferenceConfiguration DockerConfiguration MpiConfiguration PyTorchConfiguration "
    "RunConfiguration TensorflowConfiguration",
    "azureml.core.script_run_config": "ScriptRunConfig",
    "azureml.core.webservice": "AciWebservice AksEndpoint AksWebservice LocalWebservice Webservice",
    "azureml.core.workspace": "Workspace",
    "azureml.data": "LinkTabularOutputDatasetConfig OutputFileDatasetConfig",
    "azureml.data.data_reference": "DataReference",
    "azureml.data.datapath": "DataPath DataPathComputeBinding",
    "azureml.data.dataset_factory": "DataType",
    "azureml.exceptions": "ComputeTargetException UserErrorException WebserviceException",
    "azureml.contrib.services": "AMLRequest",
    "azureml.opendatasets": "MNIST NycTlcGreen",
    "azureml.pipeline.core": "Pipeline PipelineData PipelineDataset PipelineEndpoint "
    "PipelineParameter PipelineRun PublishedPipeline Schedule ScheduleRecurrence StepRun "
    "StepSequence TrainingOutput",
    "azureml.pipeline.core.graph": "InputPortBinding OutputPortBinding PipelineParameter",
    "azureml.pipeline.core.run": "PipelineRun StepRun",
    "azureml.pipeline.core.schedule": "Schedule",
    "azureml.pipeline.steps": "AdlaStep AutoMLStep AzureBatchStep CommandStep DataTransferStep "
    "DatabricksStep EstimatorStep HyperDriveStep KustoStep ModuleStep MpiStep ParallelRunConfig "
    "ParallelRunStep PythonScriptStep RScriptStep SynapseSparkStep",
    "azureml.telemetry": "set_diagnostics_collection",
    "azureml.train.automl": "AutoMLConfig",
    "azureml.train.dnn": "PyTorch TensorFlow",
    "azureml.train.estimator": "Estimator",
    "azureml.train.hyperdrive": "BanditPolicy HyperDriveConfig RandomParameterSampling choice",
    "azureml.train.sklearn": "SKLearn",
    "azureml.interpret": "ExplanationClient",
    "azureml.widgets": "RunDetails",
}

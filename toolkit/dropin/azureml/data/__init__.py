"""`azureml.data`: references to data in the arguments of jobs and steps."""

from .._aml_emu.lazy import lazily

_WHERE = {
    "DataType": ".dataset_factory",
    "FileDataset": "..core.dataset",
    "OutputFileDatasetConfig": ".output_dataset_config",
    "TabularDataset": "..core.dataset",
}
_ADVICE = {
    "HDFSOutputDatasetConfig": "there is no HDFS here, use `OutputFileDatasetConfig`",
    "LinkFileOutputDatasetConfig": "use `OutputFileDatasetConfig`",
    "LinkTabularOutputDatasetConfig": "use `OutputFileDatasetConfig`",
    "OutputTabularDatasetConfig": "use `OutputFileDatasetConfig` and read its files",
}

__getattr__ = lazily(__name__, _WHERE, _ADVICE)

"""Datasets: registered ones, and those that scripts make from paths; files and tables."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import os
import tempfile
from typing import Any, Dict, List, Mapping, Optional

from .._aml_emu.authoring import ask
from .._aml_emu.missing import missing_member
from .._aml_emu.registered import Registered
from ..data.dataset_consumption_config import DatasetConsumptionConfig
from ..data.dataset_factory import FileDatasetFactory, TabularDatasetFactory
from ..exceptions import DatasetExecutionError, ServiceException, UserErrorException

_UNKNOWN = (400, 404)  # what can be no dataset's name, and what is none's
_KIND = "aml-emu.dataset"
_TABLES = (".csv", ".tsv", ".txt", ".parquet", ".json", ".jsonl")


class Dataset:
    """`Dataset.get_by_name(workspace, name)`, `Dataset.File.from_files(path)`."""

    File = FileDatasetFactory
    Tabular = TabularDatasetFactory

    @staticmethod
    def get_by_name(workspace: Any, name: str, version: Any = "latest") -> Any:
        """A registered dataset: a table if it is one file of a table's kind, else files."""
        label = "@latest" if version in {None, "latest"} else f":{version}"
        return Dataset.get_by_id(workspace, name + label)

    @staticmethod
    def get_by_id(workspace: Any, id: str, **_kwargs: Any) -> Any:
        try:
            found = workspace._link.call("GET", "assets/data/" + id)
        except ServiceException as error:
            if error.status_code not in _UNKNOWN:
                raise
            raise UserErrorException(
                f"Cannot find registered dataset with name {id}: {error.message}"
            ) from error
        return dataset_of(workspace, found)

    @staticmethod
    def get_all(workspace: Any) -> Dict[str, Any]:
        found = workspace._link.call("GET", "assets/data")["assets"]
        names = {asset["name"] for asset in found}
        return {name: Dataset.get_by_name(workspace, name) for name in names}


def dataset_of(workspace: Any, found: Mapping[str, Any]) -> Any:
    """As it was made; one of the v2 kinds is a table if it is one file of a table's kind."""
    made = found["properties"].get(_KIND)
    is_table = found["is_file"] and found["files"][0]["path"].lower().endswith(_TABLES)
    if made is None:
        made = "tabular" if is_table or found["type"] == "mltable" else "file"
    return (TabularDataset if made == "tabular" else FileDataset)(workspace, found)


class FileDataset(Registered):
    """The files of one registered version."""

    def __init__(self, workspace: Any, found: Mapping[str, Any]) -> None:
        self._workspace = workspace
        self._found = found

    def register(
        self,
        workspace: Any,
        name: str,
        description: Optional[str] = None,
        tags: Optional[Mapping[str, Any]] = None,
        create_new_version: bool = False,
    ) -> Any:
        """Under a name. Another content under a name that is there needs `create_new_version`."""
        body = {
            "reference": self.id,
            "name": name,
            "description": description or "",
            "tags": {str(key): str(value) for key, value in (tags or {}).items()},
            "new_version": bool(create_new_version),
        }
        found = ask(workspace._link, "POST", "datasets/registered", body)
        return dataset_of(workspace, found)

    def as_named_input(self, name: str) -> Any:
        """To be given to a job, which knows it by this name."""
        return DatasetConsumptionConfig(name, self)

    def as_mount(self, path_on_compute: Optional[str] = None) -> Any:
        return self.as_named_input("input").as_mount(path_on_compute)

    def as_download(self, path_on_compute: Optional[str] = None) -> Any:
        return self.as_named_input("input").as_download(path_on_compute)

    def _reference(self) -> str:
        return f"azureml:{self.name}:{self._found['version']}"

    def to_path(self) -> List[str]:
        """The files' paths from the dataset's root, each after a slash."""
        return ["/" + file["path"] for file in self._found["files"]]

    def download(self, target_path: Optional[str] = None, overwrite: bool = False) -> List[str]:
        """The files, under a folder (a new temporary one if none is given); their paths."""
        if not self._found["files"] and self._found["uri"]:
            raise UserErrorException(
                "the dataset {} lies at {}, which is not here".format(self.name, self._found["uri"])
            )
        root = target_path or tempfile.mkdtemp(prefix="azureml-dataset-")
        paths = []
        for file in self._found["files"]:
            target = os.path.join(root, *file["path"].split("/"))
            if os.path.exists(target) and not overwrite:
                raise UserErrorException(
                    f"{target} exists already: pass overwrite=True to replace it"
                )
            place = "data/{}/{}/{}".format(self.name, self.version, file["path"])
            self._workspace._link.download(place, target)
            paths.append(target)
        return paths

    def mount(self, mount_point: Optional[str] = None, **_kwargs: Any) -> MountContext:
        """A copy in a folder; what is written there does not come back."""
        return MountContext(self, mount_point or tempfile.mkdtemp(prefix="azureml-dataset-"))

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)


class TabularDataset(FileDataset):
    """One registered version of a table."""

    def to_pandas_dataframe(self, *_args: Any, **_kwargs: Any) -> Any:
        """All its files in one data frame; the job's environment must have pandas."""
        told: Dict[str, str] = self._found["properties"]
        is_said = told.get(_KIND) == "tabular"  # then all its files are, whatever they are called
        paths = [path for path in self.download() if is_said or path.lower().endswith(_TABLES)]
        frames = [read_table(path, told) for path in paths]
        if not frames:
            raise DatasetExecutionError(f"the dataset {self.name} has no table")
        import pandas as pd  # only scripts that ask for a data frame need it

        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


class MountContext:
    """`with dataset.mount() as context:`, or `start()` and `stop()`."""

    def __init__(self, dataset: FileDataset, mount_point: str) -> None:
        self._dataset = dataset
        self.mount_point = mount_point

    def start(self) -> None:
        self._dataset.download(self.mount_point, overwrite=True)

    def stop(self) -> None:
        """The copy stays for whoever has the path."""

    def __enter__(self) -> MountContext:
        self.start()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.stop()


def read_table(path: str, told: Mapping[str, str]) -> Any:
    """A data frame from one file, by its extension and what was told when it was made."""
    try:
        import pandas as pd
    except ImportError as error:
        raise DatasetExecutionError(
            "a data frame needs pandas: add it to the job's environment, or run the script by "
            "`aml-emu python --python PATH` with a Python that has it"
        ) from error
    extension = os.path.splitext(path)[1].lower()
    if extension == ".parquet":
        return pd.read_parquet(path)
    if extension in {".json", ".jsonl"} or "lines" in told:
        return pd.read_json(path, lines=extension == ".jsonl" or "lines" in told)
    separator = told.get("separator") or ("\t" if extension == ".tsv" else ",")
    return pd.read_csv(path, sep=separator, header=None if "header" in told else 0)

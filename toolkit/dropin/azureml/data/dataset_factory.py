"""`Dataset.File.from_files` and `Dataset.Tabular.from_…`: datasets made from paths."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import os
import pathlib
from typing import Any, Dict, List, Optional

from .._aml_emu.authoring import ask
from .._aml_emu.link import link_or_raise
from .._aml_emu.missing import missing_member
from ..exceptions import UserErrorException


class DataType:
    """Types of columns, for `set_column_types`; pandas finds them out by itself here."""

    @staticmethod
    def to_string() -> str:
        return "str"

    @staticmethod
    def to_long() -> str:
        return "int64"

    @staticmethod
    def to_float(decimal_mark: str = ".") -> str:
        return "float64"

    @staticmethod
    def to_bool() -> str:
        return "bool"

    @staticmethod
    def to_datetime(formats: Any = None) -> str:
        return "datetime64[ns]"


class FileDatasetFactory:
    """`Dataset.File`."""

    @staticmethod
    def from_files(path: Any, validate: bool = True, **_kwargs: Any) -> Any:
        """Of a path on a datastore, of this machine or a URL, of several, or of patterns."""
        return _made(path, "file")

    @staticmethod
    def upload_directory(
        src_dir: str,
        target: Any,
        pattern: Any = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> Any:
        """Copy a folder to a datastore; the dataset of what is there then."""
        datastore, inside = target if isinstance(target, tuple) else (target, "")
        if pattern is not None:
            raise UserErrorException("`pattern` is not emulated: copy the files that you want")
        datastore.upload(str(src_dir), inside, overwrite=overwrite)
        return _made((datastore, inside), "file")


class TabularDatasetFactory:
    """`Dataset.Tabular`; the tables are read by pandas, in whoever asks for a data frame."""

    @staticmethod
    def from_delimited_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: bool = True,
        set_column_types: Any = None,
        separator: str = ",",
        header: Any = True,
        partition_format: Optional[str] = None,
        **_kwargs: Any,
    ) -> Any:
        """Types of columns are found out by pandas, whatever `set_column_types` says."""
        if include_path or partition_format:
            raise UserErrorException(
                "`include_path` and `partition_format` are not emulated: "
                "add such columns to the data frame yourself"
            )
        properties: Dict[str, str] = {} if separator == "," else {"separator": separator}
        if header is False or str(header).endswith("NO_HEADERS"):
            properties["header"] = "none"
        return _made(path, "tabular", properties)

    @staticmethod
    def from_parquet_files(path: Any, validate: bool = True, **_kwargs: Any) -> Any:
        return _made(path, "tabular")

    @staticmethod
    def from_json_lines_files(path: Any, validate: bool = True, **_kwargs: Any) -> Any:
        return _made(path, "tabular", {"lines": "true"})

    @staticmethod
    def register_pandas_dataframe(
        dataframe: Any, target: Any, name: str, description: Optional[str] = None, **_kwargs: Any
    ) -> Any:
        """Written as a CSV file to a datastore, and registered."""
        import tempfile

        datastore, inside = target if isinstance(target, tuple) else (target, name)
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, name + ".csv")
            dataframe.to_csv(file, index=False)
            datastore.upload_files([file], folder, inside, overwrite=True)
        path = "/".join(filter(None, (inside.strip("/"), name + ".csv")))
        made = _made((datastore, path), "tabular")
        return made.register(datastore.workspace, name, description, create_new_version=True)

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)


def _made(path: Any, kind: str, properties: Optional[Dict[str, str]] = None) -> Any:
    from ..core.dataset import dataset_of
    from ..core.workspace import Workspace

    link = link_or_raise()
    many = path if isinstance(path, list) else [path]
    body = {
        "paths": [reference for each in many for reference in _references(each)],
        "kind": kind,
        "properties": properties or {},
    }
    return dataset_of(Workspace(_link=link), ask(link, "POST", "datasets", body))


def _references(path: Any) -> List[str]:
    if isinstance(path, (str, pathlib.PurePath)):
        text = str(path)
        return [text if "://" in text else os.path.abspath(text)]
    if isinstance(path, tuple) and len(path) == 2:  # noqa: PLR2004  # datastore and path
        datastore, inside = path
        paths = inside if isinstance(inside, list) else [inside]
        root = f"azureml://datastores/{datastore.name}/paths/"
        return [root + each.lstrip("/") for each in paths]
    if hasattr(path, "_reference"):
        return [path._reference()]
    raise UserErrorException(f"not a path, URL or (datastore, path): {path!r}")

"""A datastore: a folder of the emulator's machine, reached over the link."""

from __future__ import annotations

import os
from typing import Any, List, Optional, Sequence

from .._aml_emu.missing import missing_member
from .._aml_emu.runfiles import files_under
from ..exceptions import ServiceException, UserErrorException

_DEFAULT = "workspaceblobstore"


class Datastore:
    """`Datastore.get(workspace, name)`; the default one is `workspaceblobstore`."""

    def __init__(self, workspace: Any, name: Optional[str] = None) -> None:
        self.workspace = workspace
        self.name = name or _DEFAULT
        self.datastore_type = "AzureBlob"

    @staticmethod
    def get(workspace: Any, datastore_name: str) -> Datastore:
        found = Datastore(workspace, datastore_name)
        found._names("")
        return found

    @staticmethod
    def get_default(workspace: Any) -> Datastore:
        return Datastore(workspace)

    @staticmethod
    def register_azure_blob_container(
        workspace: Any, datastore_name: str, *_args: Any, **_kwargs: Any
    ) -> Datastore:
        """The folder that stands for it; a container in Azure cannot be reached from here."""
        return Datastore.get(workspace, datastore_name)

    register_azure_file_share = register_azure_blob_container
    register_azure_data_lake_gen2 = register_azure_blob_container

    def path(self, path: Optional[str] = None, data_reference_name: Optional[str] = None) -> Any:
        """A DataReference, for the arguments of jobs."""
        from ..data.data_reference import DataReference

        return DataReference(self, data_reference_name, path)

    def as_mount(self) -> Any:
        return self.path()

    def as_download(self, path_on_compute: Optional[str] = None, overwrite: bool = False) -> Any:
        return self.path().as_download(path_on_compute, overwrite)

    def as_upload(self, path_on_compute: Optional[str] = None, overwrite: bool = False) -> Any:
        return self.path().as_upload(path_on_compute, overwrite)

    def set_as_default(self) -> None:
        """Which one is the default is settled: `workspaceblobstore`."""
        if self.name != _DEFAULT:
            raise UserErrorException(f"the default datastore is always {_DEFAULT}")

    def upload(
        self,
        src_dir: str,
        target_path: Optional[str] = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> None:
        """All files under a folder."""
        files = [os.path.join(src_dir, path) for path in files_under(src_dir)]
        self.upload_files(files, src_dir, target_path, overwrite, show_progress)

    def upload_files(
        self,
        files: Sequence[str],
        relative_root: Optional[str] = None,
        target_path: Optional[str] = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> None:
        """Files under their paths from `relative_root`, by default under their last names."""
        for file in files:
            root = relative_root or os.path.dirname(file) or "."
            inside = os.path.relpath(file, root).replace(os.sep, "/")
            name = "/".join(filter(None, ((target_path or "").strip("/"), inside)))
            with open(file, "rb") as stream:
                self.workspace._link.upload(self._place(name), stream, exclusive=not overwrite)  # noqa: SLF001

    def download(
        self,
        target_path: str,
        prefix: Optional[str] = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> int:
        """All files under a path of the datastore; how many."""
        names = self._names((prefix or "").strip("/"))
        for name in names:
            target = os.path.join(target_path, *name.split("/"))
            if overwrite or not os.path.exists(target):
                self.workspace._link.download(self._place(name), target)  # noqa: SLF001
        return len(names)

    def _place(self, name: str) -> str:
        return f"datastores/{self.name}/{name}"

    def _names(self, folder: str) -> List[str]:
        try:
            answer = self.workspace._link.call(  # noqa: SLF001
                "GET", "files", query={"path": self._place(folder)}
            )
        except ServiceException as error:
            raise UserErrorException(error.message) from error
        found: List[str] = []
        for entry in answer["files"]:
            path = "/".join(filter(None, (folder, entry["path"])))
            found += self._names(path) if entry["is_dir"] else [path]
        return found

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

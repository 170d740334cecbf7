"""A datastore: a folder of the emulator's machine, reached over the link."""

# ruff: noqa: SLF001  # classes of this package share what the SDK hides too

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional, Sequence

from .._aml_emu.missing import missing_member
from .._aml_emu.runfiles import files_under
from ..exceptions import ServiceException, UserErrorException

_DEFAULT = "workspaceblobstore"
_CONFLICT = 409
_USERS = (400, 404)  # what can be no name, and what is none's


class Datastore:
    """`Datastore.get(workspace, name)`; the default one is `workspaceblobstore`."""

    def __init__(self, workspace: Any, name: Optional[str] = None) -> None:
        self.workspace = workspace
        self.name = name or _DEFAULT
        self.datastore_type = "AzureBlob"

    @staticmethod
    def get(workspace: Any, datastore_name: str) -> Datastore:
        found = Datastore(workspace, datastore_name)
        found._entries("")
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
    ) -> Any:
        """All files under a folder; as `upload_files`."""
        if not os.path.isdir(src_dir):
            raise UserErrorException(f"not a folder: {src_dir}")
        files = [os.path.join(src_dir, path) for path in files_under(src_dir)]
        return self.upload_files(files, src_dir, target_path, overwrite, show_progress)

    def upload_files(
        self,
        files: Sequence[str],
        relative_root: Optional[str] = None,
        target_path: Optional[str] = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> Any:
        """Files under their paths from `relative_root`, by default under their last names.

        One that is there already is left as it is, unless it is to be overwritten. Returns the
        reference to where they are.
        """
        say = print if show_progress else _unsaid
        say(f"Uploading an estimated of {len(files)} files")
        sent = 0
        for file in files:
            root = relative_root or os.path.dirname(file) or "."
            inside = os.path.relpath(file, root).replace(os.sep, "/")
            name = "/".join(filter(None, ((target_path or "").strip("/"), inside)))
            if self._sent(file, name, overwrite=overwrite):
                sent += 1
                say(f"Uploaded {file}, {sent} files out of an estimated total of {len(files)}")
            else:
                say(f"Target already exists. Skipping upload for {name}")
        say(f"Uploaded {sent} files")
        return self.path(target_path)

    def _sent(self, file: str, name: str, *, overwrite: bool) -> bool:
        """Whether it was sent; False if it is there already."""
        try:
            with open(file, "rb") as stream:
                self.workspace._link.upload(self._place(name), stream, exclusive=not overwrite)
        except ServiceException as error:
            if error.status_code != _CONFLICT:
                raise
            return False
        return True

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
                self.workspace._link.download(self._place(name), target)
        return len(names)

    def _place(self, name: str) -> str:
        return f"datastores/{self.name}/{name}"

    def _entries(self, folder: str) -> List[Dict[str, Any]]:
        """What is directly in a folder."""
        query = {"path": self._place(folder)}
        try:
            return list(self.workspace._link.call("GET", "files", query=query)["files"])
        except ServiceException as error:
            if error.status_code not in _USERS:
                raise
            raise UserErrorException(error.message) from error

    def _names(self, folder: str) -> List[str]:
        found: List[str] = []
        for entry in self._entries(folder):
            path = "/".join(filter(None, (folder, entry["path"])))
            found += self._names(path) if entry["is_dir"] else [path]
        return found

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)


def _unsaid(_line: str) -> None:
    """Nobody wants to see how it goes."""

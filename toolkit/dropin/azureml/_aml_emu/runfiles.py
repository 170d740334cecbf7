"""The files of a submitted run: uploaded, listed, downloaded."""

from __future__ import annotations

import os
from typing import Any, BinaryIO, Dict, List, Optional, Sequence

from ..exceptions import ServiceException, UserErrorException
from .link import Link

_UNKNOWN = (400, 404)  # what can be no file's name, and what is none's
_CONFLICT = 409


class RunFiles:
    """Mixed into Run, which has `id` and the link."""

    id: str
    _link: Link

    def upload_file(self, name: str, path_or_stream: Any, datastore_name: Any = None) -> None:
        """Keep a file under a name that the run does not have yet."""
        if hasattr(path_or_stream, "read"):
            self._upload(name, path_or_stream)
            return
        path = os.fspath(path_or_stream)
        if not os.path.isfile(path):
            raise UserErrorException(f"File path does not exist: {path}")
        with open(path, "rb") as file:
            self._upload(name, file)

    def upload_files(
        self,
        names: Sequence[str],
        paths: Sequence[str],
        return_artifacts: bool = False,
        timeout_seconds: Optional[int] = None,
        datastore_name: Any = None,
    ) -> None:
        """Each path under the name in the same place of the other list."""
        if len(names) != len(paths):
            raise UserErrorException("there must be as many names as paths")
        for name, path in zip(names, paths):
            self.upload_file(name, path)

    def upload_folder(self, name: str, path: str, datastore_name: Any = None) -> None:
        """All files under a folder, as `name/…`."""
        if not os.path.isdir(path):
            raise UserErrorException(f"not a folder: {path}")
        for inside in files_under(path):
            self.upload_file("/".join(filter(None, (name, inside))), os.path.join(path, inside))

    def get_file_names(self) -> List[str]:
        return list(self._link.call("GET", f"runs/{self.id}/files")["files"])

    def download_file(
        self, name: str, output_file_path: Optional[str] = None, _validate_checksum: bool = False
    ) -> None:
        """To a path, into a folder, or under its own last name into the working directory."""
        target = output_file_path or os.path.basename(name)
        if os.path.isdir(target):
            target = os.path.join(target, os.path.basename(name))
        try:
            self._link.download(f"runs/{self.id}/{name}", target)
        except ServiceException as error:
            if error.status_code not in _UNKNOWN:
                raise
            raise UserErrorException(
                f"File with path {name} was not found: {error.message}"
            ) from error

    def download_files(
        self,
        prefix: Optional[str] = None,
        output_directory: Optional[str] = None,
        output_paths: Any = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        timeout_seconds: Optional[int] = None,
    ) -> None:
        """All files whose names begin so, under a folder or to the paths that are given."""
        names = [name for name in self.get_file_names() if name.startswith(prefix or "")]
        if output_paths is not None and len(output_paths) != len(names):
            raise UserErrorException(f"there are {len(names)} files to download")
        for index, name in enumerate(names):
            if output_paths is not None:
                target = output_paths[index]
            else:
                inside = name if append_prefix else name[len(prefix or "") :].lstrip("/")
                target = os.path.join(output_directory or ".", *inside.split("/"))
            self.download_file(name, target)

    def get_all_logs(self, destination: Optional[str] = None) -> List[str]:
        """The logs of the run, downloaded; their paths."""
        found = []
        for name in self.get_file_names():
            if "logs/" in name:
                target = os.path.join(destination or ".", *name.split("/"))
                self.download_file(name, target)
                found.append(target)
        return found

    def _upload(self, name: str, stream: BinaryIO) -> None:
        try:
            self._link.upload(f"runs/{self.id}/{name}", stream, exclusive=True)
        except ServiceException as error:
            if error.status_code == _CONFLICT:
                raise UserErrorException(
                    f"Resource Conflict: ArtifactId ExperimentRun/dcid.{self.id}/{name} "
                    "already exists."
                ) from error
            raise


def files_under(folder: str) -> List[str]:
    """The paths of all files from a folder, with `/` between."""
    found: Dict[str, None] = {}
    for root, _, names in os.walk(folder):
        for name in names:
            inside = os.path.relpath(os.path.join(root, name), folder)
            found[inside.replace(os.sep, "/")] = None
    return sorted(found)

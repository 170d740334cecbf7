"""From what a job file names as data or model to where it lies on this machine.

Understands every form that Azure ML documents; what lies elsewhere goes through `[datastores]` and
`[urls]` of aml-emu.toml or is handed to a downloader.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from toolkit.errors import NotFound, SpecError
from toolkit.settings import Settings
from toolkit.specs.yamlfile import nearest, nearest_file
from toolkit.workspace.model import AssetKind, AssetVersion
from toolkit.workspace.references import is_reference
from toolkit.workspace.runs import SHOWN_FOLDERS
from toolkit.workspace.workspace import DEFAULT_DATASTORE, Workspace

# every Azure workspace has these without anybody making them
_BUILT_IN: Final = ("workspacefilestore", "workspaceartifactstore", "workspaceworkingdirectory")
_DATASTORE: Final = re.compile(
    r"azureml://(?:subscriptions/.+?/)?datastores/(?P<store>[^/]+)(?:/paths(?:/(?P<path>.*))?)?"
)
_JOB: Final = re.compile(
    r"azureml://(?:subscriptions/.+?/)?jobs/(?P<run>[^/]+)/outputs/(?P<output>[^/]+)"
    r"(?:/paths(?:/(?P<path>.*))?)?"
)
_MLFLOW_RUN: Final = re.compile(r"runs:/+(?P<run>[^/]+)(?:/(?P<path>.*))?")
_ARTIFACT_STORE: Final = re.compile(r"ExperimentRun/dcid\.(?P<run>[^/]+)(?:/(?P<path>.*))?")
_REMOTE: Final = re.compile(r"(?P<scheme>https?|wasbs?|abfss?|adl)://", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class DataLocator:
    """Where data lies. `download` gets what no `[urls]` entry covers."""

    workspace: Workspace
    settings: Settings
    download: Callable[[str], Path]

    def locate(
        self,
        reference: str,
        *,
        folder: Path,
        kinds: Sequence[AssetKind] = ("data", "model"),
        must_exist: bool = True,
    ) -> Path:
        """The file or folder that is meant; a relative path counts from `folder`.

        Raises SpecError for a form that means nothing here, NotFound for what is not there.
        """
        text = reference.strip()
        path = self._named(text, kinds) or _local(text, folder)
        if must_exist and not path.exists():
            raise NotFound(f"nothing is there: {path}", hint=nearest_file(path))
        return path

    def datastore(self, name: str) -> Path:
        """The folder that stands for a datastore, made if it is one that every workspace has."""
        if name in self.settings.datastores:
            return self.settings.datastores[name]
        if name == DEFAULT_DATASTORE:
            folder = self.workspace.data_folder
        elif name in _BUILT_IN:
            folder = self.workspace.state_folder / "datastores" / name
        else:
            known = [DEFAULT_DATASTORE, *_BUILT_IN, *self.settings.datastores]
            raise NotFound(
                f"no folder stands for the datastore `{name}`",
                hint=f'write `{name} = "FOLDER"` under `[datastores]` in aml-emu.toml, '
                f"or {nearest(name, known)}",
            )
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def asset(self, version: AssetVersion) -> Path:
        """Where a registered version lies."""
        if version.path is not None:
            return version.path
        return self.locate(version.uri, folder=self.workspace.state_folder, must_exist=False)

    def _named(self, text: str, kinds: Sequence[AssetKind]) -> Path | None:
        """None for a path of this machine."""
        if match := _DATASTORE.fullmatch(text):
            return self._in_datastore(match["store"], match["path"] or "", text)
        if match := _JOB.fullmatch(text):
            return self._of_run(match["run"], match["output"], match["path"] or "", text)
        if match := _MLFLOW_RUN.fullmatch(text):
            return self._artifact(match["run"], match["path"] or "", text)
        if _REMOTE.match(text):
            return self._behind_url(text)
        if is_reference(text):
            return self.asset(self._registered(text, kinds))
        return None

    def _registered(self, text: str, kinds: Sequence[AssetKind]) -> AssetVersion:
        """Of the first kind that has it; nothing of any kind is the first kind's error."""
        missing: list[NotFound] = []
        for kind in kinds:
            try:
                return self.workspace.assets.get(kind, text)
            except NotFound as error:
                missing.append(error)
        raise missing[0]

    def _in_datastore(self, store: str, path: str, text: str) -> Path:
        artifact = _ARTIFACT_STORE.fullmatch(path)
        if artifact and store == "workspaceartifactstore" and store not in self.settings.datastores:
            return self._artifact(artifact["run"], artifact["path"] or "", text)
        return _inside(self.datastore(store), path, text)

    def _of_run(self, name: str, output: str, path: str, text: str) -> Path:
        if output == "artifacts":
            return self._artifact(name, path, text)
        outputs = self.workspace.runs.get(name).outputs
        if output not in outputs:
            raise NotFound(
                f"run `{name}` has no output `{output}`",
                hint=nearest(output, [*outputs, "artifacts"]),
            )
        return _inside(outputs[output], path, text)

    def _artifact(self, name: str, path: str, text: str) -> Path:
        self.workspace.runs.get(name)
        run = self.workspace.folder_of(name)
        logged = _inside(run / "artifacts", path, text)
        shown = PurePosixPath(path).parts[:1]
        return _inside(run, path, text) if shown and shown[0] in SHOWN_FOLDERS else logged

    def _behind_url(self, url: str) -> Path:
        matching = [prefix for prefix in self.settings.urls if url.startswith(prefix)]
        if matching:
            prefix = max(matching, key=len)
            rest = re.split(r"[?#]", url[len(prefix) :])[0]
            return _inside(self.settings.urls[prefix], rest.lstrip("/"), url)
        if not url.lower().startswith(("http://", "https://")):
            raise SpecError(
                f"lies in an Azure storage account: {url}",
                hint="name a folder for it under `[urls]` in aml-emu.toml",
            )
        if url.endswith("/"):
            raise SpecError(
                f"a folder cannot be downloaded over http: {url}",
                hint="name a folder for it under `[urls]` in aml-emu.toml",
            )
        return self.download(url)


def _inside(folder: Path, path: str, text: str) -> Path:
    parts = PurePosixPath(path).parts
    if ".." in parts or PurePosixPath(path).is_absolute():
        raise SpecError(f"leads out of its place: {text}", hint="leave out `..` and a leading `/`")
    return folder.joinpath(*parts)


def _local(text: str, folder: Path) -> Path:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", text) and not text.startswith("file://"):
        raise SpecError(
            f"not a place that can be found: {text}",
            hint="write a path, `azureml:NAME:VERSION`, `azureml://datastores/NAME/paths/…`, a URL",
        )
    plain = text.removeprefix("file://") if text.startswith("file:///") else text
    return folder / Path(plain.removeprefix("file:")).expanduser()

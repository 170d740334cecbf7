"""The workspace of a project: one database and the folders beside it."""

# ruff: noqa: PLC0415  # a list of runs is to be there at once

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from toolkit.workspace.database import Database, WorkspaceUnusable
from toolkit.workspace.runs import Runs

if TYPE_CHECKING:
    from typing_extensions import Self

    from toolkit.workspace.assets import Assets
    from toolkit.workspace.documents import Documents
    from toolkit.workspace.experiments import Experiments
    from toolkit.workspace.metrics import Metrics

DATABASE_FILE: Final = "workspace.db"
DEFAULT_DATASTORE: Final = "workspaceblobstore"


class Workspace:
    """Open it with `Workspace.open(settings.state_folder)`; threads may share one.

    Any number of processes may have it open at once. What a killed process had committed stays,
    what it had not is gone.
    """

    def __init__(self, state_folder: Path, database: Database) -> None:
        self.state_folder: Final = state_folder
        self.runs: Final = Runs(database, state_folder)
        self._database = database

    @classmethod
    def open(cls, state_folder: Path) -> Workspace:
        """The workspace in that folder, made if it is not there.

        Raises WorkspaceUnusable for a damaged, forbidden or newer one.
        """
        folder = state_folder.resolve()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceUnusable(
                f"the workspace's folder cannot be made: {folder}",
                details=str(error),
                hint="work in a folder that you may write to",
            ) from error
        return cls(folder, Database(folder / DATABASE_FILE))

    @staticmethod
    def is_there(state_folder: Path) -> bool:
        """Whether somebody opened one there before."""
        return (state_folder / DATABASE_FILE).is_file()

    # imported when they are first wanted: a list of runs is to be there at once
    @cached_property
    def metrics(self) -> Metrics:
        from toolkit.workspace.metrics import Metrics

        return Metrics(self._database)

    @cached_property
    def assets(self) -> Assets:
        from toolkit.workspace.assets import Assets

        return Assets(self._database, self.state_folder)

    @cached_property
    def experiments(self) -> Experiments:
        from toolkit.workspace.experiments import Experiments

        return Experiments(self._database)

    @cached_property
    def documents(self) -> Documents:
        from toolkit.workspace.documents import Documents

        return Documents(self._database)

    @property
    def name(self) -> str:
        """What `AZUREML_ARM_WORKSPACE_NAME` says: the project's folder."""
        return self.state_folder.parent.name or "aml-emu"

    @property
    def id(self) -> str:
        """A GUID that stays the same as long as the workspace."""
        fact = "SELECT value FROM facts WHERE key = 'id'"
        rows = self._database.rows(fact)
        if not rows:
            with self._database.transaction() as transaction:
                import uuid  # 10 ms, once in the life of a workspace

                sql = "INSERT OR IGNORE INTO facts (key, value) VALUES ('id', ?)"
                transaction.run(sql, (str(uuid.uuid4()),))
            rows = self._database.rows(fact)
        return str(rows[0][0])

    @property
    def data_folder(self) -> Path:
        """The default datastore, where the settings name no other folder for it."""
        return self.state_folder / "data"

    def folder_of(self, run: str) -> Path:
        """Where a run's code, logs and outputs are."""
        return self.runs.folder_of(run)

    def close(self) -> None:
        """Also done when nobody holds it any more."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

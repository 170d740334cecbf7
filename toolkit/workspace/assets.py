"""Registered data, models, environments and components: versions that do not change, and labels."""

from __future__ import annotations

import builtins
import difflib
import shutil
from pathlib import Path
from typing import Any, Final

from typing_extensions import Unpack

from toolkit.errors import NameTaken, NotFound, SpecError
from toolkit.workspace.asset_files import (
    definition_file,
    digest_of,
    folder_for,
    is_written,
    put_in_place,
    staged,
)
from toolkit.workspace.columns import (
    from_json,
    from_path,
    from_time,
    now,
    to_mapping,
    to_path,
    to_time,
)
from toolkit.workspace.database import Database, Row, Transaction, WorkspaceUnusable
from toolkit.workspace.model import AssetChanges, AssetKind, AssetVersion, NewAsset
from toolkit.workspace.names import check_asset_name
from toolkit.workspace.references import LATEST, parse_reference

_SELECT: Final = (
    "SELECT id, kind, name, version, type, path, uri, created, archived, description, tags, "
    "properties, source_run, definition FROM assets WHERE "
)


class Assets:
    """All methods may be called from any thread."""

    def __init__(self, database: Database, state: Path) -> None:
        self._database = database
        self._state = state

    def register(self, asset: NewAsset) -> AssetVersion:
        """Keep a version. The same content under the same version is the same version.

        Raises NameTaken if other content has it, SpecError for a name that cannot be.
        """
        check_asset_name(asset.name, asset.version)
        with staged(self._state, asset) as staging:
            digest = digest_of(asset, staging)
            with self._database.transaction() as transaction:
                version = asset.version or _next_version(transaction, asset)
                if not _is_known(transaction, asset, version, digest):
                    if staging is not None:
                        folder = folder_for(self._state, asset.kind, asset.name, version)
                        put_in_place(staging, folder)
                    self._insert(transaction, asset, version, digest)
        return self.get(asset.kind, f"{asset.name}:{version}")

    def get(self, kind: AssetKind, reference: str) -> AssetVersion:
        """By `name`, `name:3`, `name@label`, each also after `azureml:`, or a long ARM id.

        A name alone means `@latest`: the one registered last. Raises NotFound with what is there.
        """
        wanted = parse_reference(kind, reference)
        if wanted.version is not None:
            rows = self._rows(
                "kind = ? AND name = ? AND version = ?", kind, wanted.name, wanted.version
            )
        elif wanted.label == LATEST:
            rows = self._rows("kind = ? AND name = ? AND archived = 0", kind, wanted.name)
        else:
            labelled = "SELECT asset FROM labels WHERE kind = ? AND name = ? AND label = ?"
            rows = self._rows(f"id IN ({labelled})", kind, wanted.name, wanted.label)
        if not rows:
            raise self._not_found(kind, wanted.name, wanted.version or f"@{wanted.label}")
        return self._versions(rows[:1])[0]

    def list(
        self,
        kind: AssetKind | None = None,
        name: str | None = None,
        *,
        archived: bool | None = False,
    ) -> builtins.list[AssetVersion]:
        """Versions, the one registered last first; `archived` None means both."""
        conditions: dict[str, Any] = {"kind": kind, "name": name}
        conditions["archived"] = None if archived is None else int(archived)
        chosen = {column: value for column, value in conditions.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in chosen) or "1"
        return self._versions(self._rows(where, *chosen.values()))

    def label(self, kind: AssetKind, name: str, version: str, label: str) -> AssetVersion:
        """Give a version a label, which whoever had it loses."""
        if label == LATEST or not label.strip():
            raise SpecError(f"not a label that can be given: `{label}`")
        with self._database.transaction() as transaction:
            asset = self._id(transaction, kind, name, version)
            transaction.run(
                "INSERT OR REPLACE INTO labels (asset, kind, name, label) VALUES (?, ?, ?, ?)",
                (asset, kind, name, label),
            )
        return self.get(kind, f"{name}:{version}")

    def unlabel(self, kind: AssetKind, name: str, label: str) -> None:
        """Also if nothing has it."""
        with self._database.transaction() as transaction:
            sql = "DELETE FROM labels WHERE kind = ? AND name = ? AND label = ?"
            transaction.run(sql, (kind, name, label))

    def update(
        self, kind: AssetKind, name: str, version: str, **changes: Unpack[AssetChanges]
    ) -> AssetVersion:
        """Change what is said about a version."""
        columns = {
            column: to_mapping(value) if isinstance(value, dict) else value
            for column, value in changes.items()
        }
        with self._database.transaction() as transaction:
            asset = self._id(transaction, kind, name, version)
            transaction.update("assets", {"id": asset}, columns)
        return self.get(kind, f"{name}:{version}")

    def archive(self, kind: AssetKind, name: str, version: str) -> AssetVersion:
        """Leave it out of lists and of `@latest`; its own reference still finds it."""
        return self.update(kind, name, version, archived=True)

    def delete(self, kind: AssetKind, name: str, version: str) -> None:
        """Remove a version and the files that it owns, never what it only refers to."""
        with self._database.transaction() as transaction:
            asset = self._id(transaction, kind, name, version)
            transaction.run("DELETE FROM assets WHERE id = ?", (asset,))
            folder = folder_for(self._state, kind, name, version)
            try:
                shutil.rmtree(folder)
            except FileNotFoundError:
                return
            except OSError as error:
                raise WorkspaceUnusable(
                    f"the version's folder cannot be deleted: {folder}", details=str(error)
                ) from error

    def _insert(self, transaction: Transaction, asset: NewAsset, version: str, digest: str) -> None:
        path = self._path(asset, version)
        columns = {
            "kind": asset.kind,
            "name": asset.name,
            "version": version,
            "type": asset.type,
            "path": None if path is None else to_path(path, self._state),
            "uri": asset.uri,
            "digest": digest,
            "created": to_time(now()),
            "description": asset.description,
            "tags": to_mapping(asset.tags),
            "properties": to_mapping(asset.properties),
            "source_run": asset.source_run,
            "definition": to_mapping(asset.definition),
        }
        transaction.insert("assets", columns)

    def _path(self, asset: NewAsset, version: str) -> Path | None:
        folder = folder_for(self._state, asset.kind, asset.name, version)
        if asset.path is not None:
            return (
                folder / (asset.path.resolve().name or asset.name) if asset.copied else asset.path
            )
        return folder / definition_file(asset.kind) if is_written(asset) else None

    def _rows(self, where: str, *values: Any) -> builtins.list[Row]:
        return self._database.rows(f"{_SELECT}{where} ORDER BY id DESC", values)

    def _versions(self, rows: builtins.list[Row]) -> builtins.list[AssetVersion]:
        labels: dict[int, set[str]] = {}
        for asset, label in self._database.rows("SELECT asset, label FROM labels"):
            labels.setdefault(asset, set()).add(label)
        newest = "SELECT max(id) FROM assets WHERE archived = 0 GROUP BY kind, name"
        for (asset,) in self._database.rows(newest):
            labels.setdefault(asset, set()).add(LATEST)
        return [self._version(row, frozenset(labels.get(row[0], ()))) for row in rows]

    def _version(self, row: Row, labels: frozenset[str]) -> AssetVersion:
        return AssetVersion(
            kind=row[1],
            name=row[2],
            version=row[3],
            type=row[4],
            path=None if row[5] is None else from_path(row[5], self._state),
            uri=row[6],
            created=from_time(row[7]),
            archived=bool(row[8]),
            description=row[9],
            tags=from_json(row[10]),
            properties=from_json(row[11]),
            source_run=row[12],
            definition=from_json(row[13]),
            labels=labels,
        )

    def _id(self, transaction: Transaction, kind: AssetKind, name: str, version: str) -> int:
        sql = "SELECT id FROM assets WHERE kind = ? AND name = ? AND version = ?"
        rows = transaction.rows(sql, (kind, name, version))
        if not rows:
            raise self._not_found(kind, name, version)
        return int(rows[0][0])

    def _not_found(self, kind: AssetKind, name: str, which: str) -> NotFound:
        rows = self._database.rows("SELECT name, version FROM assets WHERE kind = ?", (kind,))
        versions = [version for found, version in rows if found == name]
        if versions:
            return NotFound(
                f"the {kind} `{name}` has no version `{which}`",
                hint="there is " + ", ".join(f"`{name}:{version}`" for version in versions[-5:]),
            )
        close = difflib.get_close_matches(name, {found for found, _ in rows}, n=3, cutoff=0.5)
        wanted = ", ".join(f"`{found}`" for found in close)
        return NotFound(
            f"no {kind} of that name is registered: `{name}`",
            hint=f"did you mean {wanted}?" if close else "register it: `aml-emu register FILE`",
        )


def _next_version(transaction: Transaction, asset: NewAsset) -> str:
    """One above the highest integer there is, archived ones included."""
    rows = transaction.rows(
        "SELECT version FROM assets WHERE kind = ? AND name = ?", (asset.kind, asset.name)
    )
    return str(1 + max((int(version) for (version,) in rows if version.isdecimal()), default=0))


def _is_known(transaction: Transaction, asset: NewAsset, version: str, digest: str) -> bool:
    rows = transaction.rows(
        "SELECT digest, name, version FROM assets WHERE kind = ? AND name = ? COLLATE NOCASE "
        "AND version = ? COLLATE NOCASE",
        (asset.kind, asset.name, version),
    )
    if rows and rows[0] != (digest, asset.name, version):
        raise NameTaken(
            f"the {asset.kind} `{asset.name}:{version}` exists and is something else",
            hint="leave the version out to get the next one, or choose another",
        )
    return bool(rows)

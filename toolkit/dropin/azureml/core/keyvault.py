"""Secrets: the environment variables of the job stand in for a key vault."""

from __future__ import annotations

import os
import re
from typing import Dict, Iterable

from ..exceptions import UserErrorException


class Keyvault:
    """`get_secret("db-password")` is the variable `db-password` or `DB_PASSWORD`."""

    def __init__(self, workspace: object = None) -> None:
        self.workspace = workspace

    def get_secret(self, name: str) -> str:
        variable = re.sub(r"[^A-Za-z0-9]", "_", name).upper()
        for candidate in (name, variable):
            if candidate in os.environ:
                return os.environ[candidate]
        raise UserErrorException(
            f"no secret `{name}`: there is no key vault here, "
            f"set the environment variable `{variable}` for the job"
        )

    def get_secrets(self, secrets: Iterable[str]) -> Dict[str, str]:
        return {name: self.get_secret(name) for name in secrets}

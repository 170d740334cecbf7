"""Which modules the workers of this service will import, and which of them only a worker may."""

from __future__ import annotations

from typing import Dict, List, NamedTuple

from .contract import Contract
from .imports import Wanted, imports_of

# What every worker of the inference server imports before the user's script.
SERVER_MODULE = "azureml_inference_server_http.server.create_app"
LATE = "is imported after your code changes os.environ"


class WantedModules(NamedTuple):
    """`named` may be tried; `late` must not, with the reason; `unseen`: so may what init() adds."""

    named: Wanted
    late: Dict[str, str]
    unseen: bool


def wanted_modules(contract: Contract) -> WantedModules:
    named: Wanted = {SERVER_MODULE: []}
    if contract.preload != "auto":
        given: List[str] = [name.strip() for name in contract.preload.split(",")]
        named.update({name: [] for name in given if name})
        return WantedModules(named, {}, unseen=False)
    found = imports_of(contract.entry_file, contract.user_folders)
    named.update({name: names for name, names in found.wanted.items() if name})
    late = {name: LATE for name in found.late if name not in named}
    return WantedModules(named, late, unseen=not found.changes_environment)

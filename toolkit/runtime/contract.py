"""What the launcher tells the container, read from the environment once."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import List, Mapping, Optional

RELOAD_MODES = ("restart", "fork", "swap")


class ContractError(Exception):
    """A variable of the environment has a value nobody can act on."""


@dataclass(frozen=True)
class Contract:
    home: str
    state: str
    runit_tree: str
    app_root: str
    entry_script: str
    source_folder: str
    server_port: int
    host: str
    reload: Optional[str]
    control_port: int
    control_token: str
    debug: bool
    debug_port: int
    wait: Optional[float]
    break_on_errors: bool
    preload: str
    init_timeout: float
    preloads_app: bool
    cache: str
    model_folder: str

    @property
    def agent_socket(self) -> str:
        return os.path.join(self.state, "agent.sock")

    @property
    def preloads(self) -> bool:
        """Whether the server's master imports for its workers; one that holds the app does not."""
        return self.reload == "fork" and self.preload != "none" and not self.preloads_app

    @property
    def debugpy_home(self) -> str:
        return os.path.join(self.home, "debugpy")

    @property
    def server_service(self) -> str:
        return os.path.join(self.runit_tree, "gunicorn")

    @property
    def entry_file(self) -> str:
        return os.path.join(self.app_root, self.entry_script)

    @property
    def user_folders(self) -> List[str]:
        """Where the user's modules may be: the app root, and what the server puts on the path."""
        folders = [self.app_root, os.path.dirname(self.entry_file)]
        if self.source_folder:
            folders.append(os.path.join(self.app_root, self.source_folder))
        return list(dict.fromkeys(folders))


def _number(environ: Mapping[str, str], name: str, default: float) -> float:
    text = environ.get(name, "")
    try:
        return float(text) if text else default
    except ValueError as error:
        raise ContractError(f"{name} is not a number: {text}") from error


def _reload_mode(environ: Mapping[str, str]) -> Optional[str]:
    mode = environ.get("AML_EMU_RELOAD") or None
    if mode is not None and mode not in RELOAD_MODES:
        raise ContractError(f"AML_EMU_RELOAD is none of {', '.join(RELOAD_MODES)}: {mode}")
    return mode


def read_contract(environ: Mapping[str, str]) -> Contract:
    wait = environ.get("AML_EMU_WAIT", "")
    return Contract(
        home=environ.get("AML_EMU_HOME") or "/opt/aml-emu",
        state=environ.get("AML_EMU_STATE") or "/run/aml-emu",
        runit_tree=environ.get("SVDIR") or "/var/runit",
        app_root=environ.get("AML_APP_ROOT") or "/var/azureml-app",
        entry_script=environ.get("AZUREML_ENTRY_SCRIPT") or "main.py",
        source_folder=environ.get("AZUREML_SOURCE_DIRECTORY", ""),
        server_port=int(_number(environ, "AML_EMU_SERVER_PORT", 5001)),
        host=environ.get("AML_EMU_HOST") or "0.0.0.0",  # noqa: S104  # the container's network; published on loopback only
        reload=_reload_mode(environ),
        control_port=int(_number(environ, "AML_EMU_CONTROL_PORT", 5680)),
        control_token=environ.get("AML_EMU_CONTROL_TOKEN", ""),
        debug=environ.get("AML_EMU_DEBUG") == "1",
        debug_port=int(_number(environ, "AML_EMU_DEBUG_PORT", 5678)),
        wait=_number(environ, "AML_EMU_WAIT", 0) if wait else None,
        break_on_errors=environ.get("AML_EMU_BREAK_ON_ERRORS", "1") != "0",
        preload=environ.get("AML_EMU_PRELOAD") or "auto",
        init_timeout=_number(environ, "AML_EMU_INIT_TIMEOUT", 60),
        preloads_app=environ.get("WORKER_PRELOAD", "").lower() == "true",
        # An image keeps the bytecode of its packages there, and so what else is known of them.
        cache=environ.get("PYTHONPYCACHEPREFIX", ""),
        model_folder=environ.get("AZUREML_MODEL_DIR", ""),
    )

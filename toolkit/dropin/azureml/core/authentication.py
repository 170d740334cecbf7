"""Logins of the SDK: stand-ins, since the workspace is a folder of this machine."""

from __future__ import annotations

import sys
from typing import Any

from .._aml_emu.missing import missing_member

_NO_AZURE = (
    "there is no Azure behind this workspace, so no token: a call that needs a real subscription "
    "needs the real azureml-core"
)


class _Login:
    """Takes what the SDK's takes and asks nobody."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        sys.stderr.write(f"aml-emu: no login is needed, {type(self).__name__} is a stand-in\n")

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name, _NO_AZURE)


class AzureCliAuthentication(_Login):
    """A stand-in."""


class InteractiveLoginAuthentication(_Login):
    """A stand-in: no browser is opened."""


class MsiAuthentication(_Login):
    """A stand-in."""


class ServicePrincipalAuthentication(_Login):
    """A stand-in: the secret is looked at by nobody."""


class TokenAuthentication(_Login):
    """A stand-in."""

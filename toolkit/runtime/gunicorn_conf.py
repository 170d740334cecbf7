"""The configuration file that gunicorn is given; the server package itself stays unmodified."""

from __future__ import annotations

import importlib
import os
import sys

_package = os.path.dirname(os.path.abspath(__file__))
# Behind everything of the user's: none of their modules is shadowed.
sys.path.append(os.path.dirname(_package))
_name = os.path.basename(_package)
_contract = importlib.import_module(_name + ".contract")
_hooks = importlib.import_module(_name + ".hooks")

globals().update(_hooks.ServerHooks(_contract.read_contract(os.environ)).settings())

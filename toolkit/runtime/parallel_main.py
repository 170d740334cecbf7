"""Starts the driver or a worker of a parallel step; run by path, it finds its package itself."""

from __future__ import annotations

import importlib
import os
import sys

if __name__ == "__main__":
    _package = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.dirname(_package))
    _name = os.path.basename(_package)
    _which = "parallel_worker" if sys.argv[1:2] == ["--worker"] else "parallel"
    sys.exit(importlib.import_module(_name + "." + _which).main(sys.argv[1:]))

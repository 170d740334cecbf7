"""Starts the program of a job's container; run by path, and finds its package by its own.

With an argument it starts that module of the package instead.
"""

from __future__ import annotations

import importlib
import os
import sys

if __name__ == "__main__":
    _package = os.path.dirname(os.path.abspath(__file__))
    sys.path.append(os.path.dirname(_package))
    _module = sys.argv[1] if len(sys.argv) > 1 else "job"
    importlib.import_module(os.path.basename(_package) + "." + _module).main()

"""Imported by every Python of a job at its start: its ways to the debugger and to our `azureml`.

Then the environment's own `sitecustomize`, which this one stands in front of, has its turn.
"""

import os
import sys


def _begin() -> None:
    folder = os.environ.get("AML_EMU_DROPIN")
    if folder and folder not in sys.path:
        sys.path.append(folder)  # behind everything installed: the real package wins
    if os.environ.get("AML_EMU_DEBUG"):
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        sys.path.append(os.path.dirname(package))
        import importlib  # noqa: PLC0415  # most Pythons of a job are not debugged

        importlib.import_module(os.path.basename(package) + ".job_attach").begin()


def _the_other() -> None:
    """Run the sitecustomize that would have been found without this one."""
    here = os.path.dirname(os.path.abspath(__file__))
    for folder in sys.path:
        path = os.path.join(folder or ".", "sitecustomize.py")
        if os.path.abspath(folder or ".") != here and os.path.isfile(path):
            with open(path, "rb") as file:
                source = file.read()
            exec(compile(source, path, "exec"), {"__name__": __name__, "__file__": path})  # noqa: S102  # as Python itself would
            return


_begin()
_the_other()

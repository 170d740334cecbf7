"""`ScriptRun`: what `experiment.submit` gives for a ScriptRunConfig."""

from .run import Run


class ScriptRun(Run):
    """A run like any other."""

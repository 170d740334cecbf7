"""The command line. Here only what must hold before any of its modules is imported."""

from __future__ import annotations

import gc

# A third of what importing a command takes went into looking for garbage where there is none yet.
gc.set_threshold(100_000, 50, 100)

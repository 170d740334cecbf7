"""`RunDetails`: there is no notebook widget here, and it says so."""

from __future__ import annotations

from typing import Any


class RunDetails:
    """Shows where to look instead."""

    def __init__(self, run_instance: Any) -> None:
        self._run = run_instance

    def show(self, render_lib: Any = None, widget_settings: Any = None) -> None:
        print(
            "RunDetails shows nothing in aml-emu: "
            f"see `aml-emu runs show {self._run.id}` and `aml-emu runs logs -f {self._run.id}`"
        )

    def get_widget_data(self, widget_settings: Any = None) -> Any:
        return self._run.get_details()

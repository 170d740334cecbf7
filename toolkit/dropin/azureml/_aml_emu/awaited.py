"""`wait_for_completion`: a run is followed to its end, its logs shown as they grow."""

from __future__ import annotations

import sys
import time
from typing import Any, Dict

from ..exceptions import ActivityFailedException
from .authoring import ask, is_authoring
from .link import Link

TERMINAL = ("Completed", "Failed", "Canceled")
_INTERVAL = 0.2


class Awaited:
    """Mixed into Run, which has `id`, the link and `get_details`."""

    id: str
    _link: Link

    def wait_for_completion(
        self,
        show_output: bool = False,
        wait_post_processing: bool = False,
        raise_on_error: bool = True,
        **_kwargs: Any,
    ) -> Dict[str, Any]:
        """Raises ActivityFailedException if it failed, unless that is not wanted."""
        if show_output:
            print(f"RunId: {self.id}\nWeb View: {self.get_portal_url()}")  # type: ignore[attr-defined]  # Run's
        show = show_output and is_authoring()
        follow_run(self._link, self.id, show_output=show)
        details: Dict[str, Any] = self.get_details()  # type: ignore[attr-defined]  # Run's
        if show_output:
            print(f"\nExecution Summary\n=================\nRunId: {self.id}")
            print(f"Web View: {self.get_portal_url()}\n")  # type: ignore[attr-defined]  # Run's
        if details["status"] == "Failed" and raise_on_error:
            raise ActivityFailedException(_problem(details))
        return details

    def get_details_with_logs(self) -> Dict[str, Any]:
        details: Dict[str, Any] = self.get_details()  # type: ignore[attr-defined]  # Run's
        texts = {
            name: ask(self._link, "GET", f"runs/{self.id}/log", query={"name": name})["text"]
            for name in details["logFiles"]
        }
        return dict(details, logFiles=texts)


def follow_run(link: Link, run: str, *, show_output: bool) -> str:
    """Wait for its end; its last status."""
    shown, offset = "", 0
    while True:
        if not show_output:
            status = str(link.call("GET", "runs/" + run)["status"])
        else:
            query = {"name": shown, "offset": offset, "latest": "1"}
            found = ask(link, "GET", f"runs/{run}/log", query=query)
            status = found["status"]
            if found["name"] != shown:
                shown, offset = found["name"], 0
                print(f"\nStreaming {shown}\n{'=' * (len(shown) + 10)}\n")
            sys.stdout.write(found["text"])
            sys.stdout.flush()
            offset = found["offset"]
            if found["text"]:
                continue  # there may be more at once
        if status in TERMINAL:
            return status
        time.sleep(_INTERVAL)


def _problem(details: Dict[str, Any]) -> str:
    error = details.get("error") or {}
    return f"{error.get('code', 'UserError')}: {error.get('message', '')}"

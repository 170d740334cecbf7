"""The build as BuildKit does it: a session beside the request, progress as trace messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from toolkit.engines.buildkit.exchange import Exchange, unreadable
from toolkit.engines.buildkit.journal import Journal
from toolkit.engines.buildkit.request import BuildRequest
from toolkit.engines.buildkit.session import open_session
from toolkit.engines.buildkit.trace import Trace
from toolkit.engines.events import BuildEvent
from toolkit.errors import EngineUnavailable


def solve(
    exchange: Exchange, request: BuildRequest, build_args: Mapping[str, str], journal: Journal
) -> str:
    """The id of the image; empty if none was asked for."""
    trace = Trace()
    image = ""
    with open_session(exchange.api, request.secrets) as session:
        params = {**request.query(build_args), "version": "2", "session": session}
        if request.without_image:
            params["outputs"] = json.dumps([{"Type": "cacheonly"}])
        with exchange.messages(params, {}, request.context()) as messages:
            for message in messages:
                if "error" in message:
                    raise journal.failure(str(message["error"]))
                if message.get("id") == "moby.buildkit.trace":
                    for event in _events(trace, message):
                        journal.tell(event)
                elif message.get("id") == "moby.image.id":
                    image = _image_id(message)
    if not image and not request.without_image:
        raise EngineUnavailable("the engine ended the build with neither an image nor an error")
    return image


def _events(trace: Trace, message: Mapping[str, Any]) -> list[BuildEvent]:
    try:
        return list(trace.read(message["aux"]))
    except (KeyError, TypeError, ValueError) as error:
        raise unreadable(str(error)) from error


def _image_id(message: Mapping[str, Any]) -> str:
    try:
        return str(message["aux"]["ID"])
    except (KeyError, TypeError) as error:
        raise unreadable(str(message)) from error

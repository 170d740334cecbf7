"""Which breakpoints the client has set in a file of the container, by its own path mappings."""

from __future__ import annotations

from typing import Any, Dict, List

from .root import Root


def set_in(path: str, root: Root) -> List[Dict[str, Any]]:
    mappings = (root.arguments or {}).get("pathMappings") or []
    return [
        {"line": line, "client_path": client_path}
        for client_path, lines in root.breakpoints.items()
        if path in (client_path, *(_mapped(client_path, mapping) for mapping in mappings))
        for line in lines
    ]


def _mapped(client_path: str, mapping: Dict[str, Any]) -> str:
    """The container's path of a client's path under one mapping; empty when it is not under it."""
    local, remote = str(mapping.get("localRoot", "")), str(mapping.get("remoteRoot", ""))
    if not local or not remote:
        return ""
    path, folder = client_path.replace("\\", "/"), local.replace("\\", "/").rstrip("/")
    if path == folder:
        return remote
    if not path.lower().startswith(folder.lower() + "/"):
        return ""
    return remote.rstrip("/") + path[len(folder) :]

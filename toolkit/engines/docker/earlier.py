"""Why an image must be built: what differs from the newest image of the same environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from toolkit.engines.events import InputsChanged
from toolkit.plans import emulation
from toolkit.plans.inputs import Inputs, read_label

if TYPE_CHECKING:
    from docker import DockerClient


def change_since(client: DockerClient, name: str, inputs: Inputs) -> InputsChanged | None:
    """None when there is no earlier image, or none whose label can be read."""
    repository = f"aml-emu/{name}:"
    found = client.api.images(filters={"label": emulation.LABEL_RECIPE})
    ours = [(image, tag) for image in found if (tag := _tag(image, repository))]
    if not ours:
        return None
    newest, tag = max(ours, key=lambda pair: int(pair[0]["Created"]))
    earlier = read_label(newest["Labels"][emulation.LABEL_RECIPE])
    if earlier is None:
        return None
    return InputsChanged(since=tag, changes=inputs.changes_since(earlier))


def _tag(image: dict[str, Any], repository: str) -> str:
    """The tag we gave it; images that somebody built on ours inherit the labels, not the tag."""
    return next((tag for tag in image["RepoTags"] or () if tag.startswith(repository)), "")

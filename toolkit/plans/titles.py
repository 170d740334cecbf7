"""What the steps of our own Dockerfiles do, in a few words: a RUN line of ours is a screenful."""

from __future__ import annotations

import re
from typing import Final

# The first that matches; each belongs to one step of templates/image.
_TITLES: Final = tuple(
    (re.compile(pattern, re.DOTALL), title)
    for pattern, title in (
        (r"^RUN .*install [^|]*\buv==.*debugpy==", "fetch the installer (uv) and the debugger"),
        (r"^RUN .*install [^|]*\buv==", "fetch the installer (uv)"),
        (r"^RUN .*command -v runsvdir.*apt-get", "look for runit, make the service's user"),
        (r"^RUN .*conda\"? create", "create the conda environment"),
        (r"^RUN .*solve\.py", "create the conda environment (rattler)"),
        (r"^RUN .*uv pip install .*/common\.lock", "install the usual and the large packages"),
        (r"^RUN .*uv pip install .*/further\.lock", "install the other packages"),
        (r"^RUN .*--target \S+\s+\S?debugpy==", "install the debugger beside the environment"),
        (r"^RUN .*--upgrade --requirement", "install what the environment upgrades"),
        (r"^RUN .*uv pip install .*--requirement", "install the pip packages"),
        (r"^COPY --from=tools", "add the debugger"),
        (r"^COPY root/ /$", "add what aml-emu brings"),
        (r"^RUN mkdir -p .*chmod -R a\+rwX", "make the folders"),
        (r"^RUN ls \S*/\*/run", "add the service tree, if the image has none"),
        (r"^copy /context /$", "take in the files that were sent"),
        (r"^exporting to image", "write the image"),
    )
)


def title_of(instruction: str) -> str:
    """The title of a step, empty for one that is not ours."""
    return next((title for pattern, title in _TITLES if pattern.search(instruction)), "")

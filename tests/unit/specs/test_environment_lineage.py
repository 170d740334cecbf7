from pathlib import Path

import pytest

from toolkit.specs.environment import Dockerfile
from toolkit.specs.environment.lineage import images_taken


@pytest.mark.parametrize(
    ("text", "images"),
    [
        ("FROM a\n", ["a"]),
        ("FROM a AS one\nFROM b\nCOPY --from=one /x /x\n", ["a", "b"]),
        ("FROM a AS one\nFROM b\nCOPY --chown=1 --from=ONE /x /x\n", ["a", "b"]),
        ("FROM a\nFROM b\nCOPY --from=0 /x /x\n", ["a", "b"]),
        ("FROM a AS unused\nFROM b\n", ["b"]),
        ("FROM a AS x\nFROM x AS y\nFROM b\nCOPY --from=y /x /x\n", ["a", "b"]),
        ("FROM a\nCOPY --from=tool:1 /x /x\n", ["a", "tool:1"]),
        ("FROM a\nRUN --mount=type=bind,from=tool:1,target=/t x\n", ["a", "tool:1"]),
        ("FROM a\nRUN echo --from=tool:1\n", ["a"]),
        ("ARG V=2\nFROM a:$V AS x\nFROM x\n", ["a:2"]),
        ("FROM scratch AS x\nFROM a\nCOPY --from=x /x /x\n", ["a"]),
        ("FROM --platform=$BUILDPLATFORM a AS x\nFROM b\nCOPY --from=x /x /x\n", ["b"]),
        ("FROM a\nARG T\nCOPY --from=$T /x /x\n", ["a"]),
        ("FROM a AS a\nFROM a\n", ["a"]),
    ],
)
def test_the_images_that_the_last_stage_takes_from(text: str, images: list[str]) -> None:
    dockerfile = Dockerfile(path=Path("Dockerfile"), text=text, context=None)
    assert list(images_taken(dockerfile)) == images

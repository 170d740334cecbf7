from __future__ import annotations

from typing import Any

import pytest

from toolkit.engines.docker.leftovers import Leftovers, Stock, leftovers, our_records

HASHES = [digit * 64 for digit in "0123456789abcdef"]


def image(number: int, *tags: str, name: str = "iris", made: int | None = None) -> dict[str, Any]:
    """An image of ours; `{}` in a tag is the hash it was made from."""
    inputs = HASHES[number]
    return {
        "Id": f"sha256:{number}",
        "RepoTags": [tag.replace("{}", inputs[:12]) for tag in tags] or None,
        "Labels": {"io.aml-emu.inputs": inputs, "io.aml-emu.name": name},
        "Created": number if made is None else made,
    }


NOW = 1_800_000_000


def container(
    number: int,
    image: int,
    *,
    kind: str = "service",
    state: str = "exited",
    volume: str = "",
    age: int = 60,
) -> dict[str, Any]:
    return {
        "Created": NOW - age,
        "Id": f"container-{number}",
        "ImageID": f"sha256:{image}",
        "State": state,
        "Labels": {"io.aml-emu.kind": kind},
        "Mounts": [{"Name": volume}] if volume else [],
    }


def volume(name: str, *, ours: bool = True) -> dict[str, Any]:
    return {"Name": name, "Labels": {"io.aml-emu": ""} if ours else None}


def chosen(
    *,
    containers: tuple[dict[str, Any], ...] = (),
    images: tuple[dict[str, Any], ...] = (),
    volumes: tuple[dict[str, Any], ...] = (),
    everything: bool = False,
    names: tuple[str, ...] = (),
) -> Leftovers:
    stock = Stock(containers=containers, images=images, volumes=volumes, now=NOW)
    return leftovers(stock, everything=everything, names=names)


def ids(found: Leftovers) -> list[str]:
    return [each["Id"] for each in (*found.containers, *found.images)]


OLD, NEW = image(1, "aml-emu/iris:{}"), image(2, "aml-emu/iris:{}")


def test_the_newest_image_of_each_name_is_kept() -> None:
    others = image(3, "aml-emu/iris-own:{}"), image(4, "aml-emu/iris-own:{}")
    assert ids(chosen(images=(OLD, NEW, *others))) == ["sha256:1", "sha256:3"]


def test_with_everything_the_newest_goes_too_and_the_base() -> None:
    base = image(5, "aml-emu/base:{}", "aml-emu/base:latest", name="")
    assert ids(chosen(images=(OLD, NEW, base))) == ["sha256:1"]
    assert ids(chosen(images=(OLD, NEW, base), everything=True)) == [
        "sha256:1",
        "sha256:2",
        "sha256:5",
    ]


def test_the_base_that_the_name_stands_for_is_kept_whatever_its_date() -> None:
    current = image(6, "aml-emu/base:{}", "aml-emu/base:latest", made=1)
    later = image(7, "aml-emu/base:{}", made=9)
    for images in ((current, later), (later, current)):
        assert ids(chosen(images=images)) == ["sha256:7"]


@pytest.mark.parametrize("state", ["running", "paused", "created", "restarting"])
@pytest.mark.parametrize("everything", [False, True])
def test_what_a_container_uses_is_kept(*, state: str, everything: bool) -> None:
    using = container(1, 1, state=state, volume="aml-emu-pyc-iris-111111111111")
    found = chosen(
        containers=(using,),
        images=(OLD, NEW),
        volumes=(volume("aml-emu-pyc-iris-111111111111"),),
        everything=everything,
    )
    assert ids(found) == (["sha256:2"] if everything else [])
    assert not found.volumes


def test_a_container_that_was_never_started_goes_in_the_end() -> None:
    """Its command was killed between the two steps."""
    waiting, lost = (container(n, 1, state="created", age=age) for n, age in ((1, 60), (2, 3600)))
    assert ids(chosen(containers=(waiting, lost))) == ["container-2"]


def test_ended_containers_go_and_what_they_used() -> None:
    found = chosen(
        containers=(container(1, 1, volume="aml-emu-pyc-iris-111111111111"),),
        images=(OLD, NEW),
        volumes=(volume("aml-emu-pyc-iris-111111111111"),),
    )
    assert ids(found) == ["container-1", "sha256:1"]
    assert [each["Name"] for each in found.volumes] == ["aml-emu-pyc-iris-111111111111"]


def test_a_users_own_container_of_our_image_is_kept_with_its_image() -> None:
    """It inherits the image's labels, of which the kind is `image`."""
    assert ids(chosen(containers=(container(1, 1, kind="image"),), images=(OLD, NEW))) == []


@pytest.mark.parametrize(
    "foreign",
    [
        image(1, "aml-emu/iris:{}", "mine/iris:1"),  # we built it, the user gave it a name
        image(1, "mine/iris:{}"),
        image(1, "aml-emu/iris:mine"),  # built on ours, labels inherited, named by hand
        image(1, "aml-emu/iris:000000000000"),
        image(1),  # no name: perhaps the user's, built on ours
        {"Id": "sha256:1", "RepoTags": ["aml-emu/x:1"], "Labels": None, "Created": 1},
        {"Id": "sha256:1", "RepoTags": ["python:3.11"], "Labels": {}, "Created": 1},
    ],
)
def test_images_of_others_are_never_chosen(foreign: dict[str, Any]) -> None:
    assert ids(chosen(images=(foreign,), everything=True)) == []


def test_podmans_way_of_writing_names_is_understood() -> None:
    old, new = image(1, "docker.io/aml-emu/iris:{}"), image(2, "localhost/aml-emu/iris:{}")
    assert ids(chosen(images=(old, new), everything=True)) == ["sha256:1", "sha256:2"]


def test_caches_of_images_that_are_gone_go() -> None:
    volumes = tuple(volume(f"aml-emu-pyc-iris-{text}") for text in ("222222222222", "333333333333"))
    found = chosen(images=(NEW,), volumes=volumes)
    assert [each["Name"] for each in found.volumes] == ["aml-emu-pyc-iris-333333333333"]
    assert len(chosen(images=(NEW,), volumes=volumes, everything=True).volumes) == 2


@pytest.mark.parametrize(
    "foreign",
    [
        volume("aml-emu-pyc-iris-333333333333", ours=False),
        volume("postgres"),
        volume("my-aml-emu-pyc-iris-333333333333"),
    ],
)
def test_volumes_of_others_are_never_chosen(foreign: dict[str, Any]) -> None:
    assert not chosen(volumes=(foreign,), everything=True).volumes


def test_names_limit_it_to_their_environments() -> None:
    other = image(3, "aml-emu/wine:{}", name="wine"), image(4, "aml-emu/wine:{}", name="wine")
    volumes = volume("aml-emu-pyc-iris-777777777777"), volume("aml-emu-pyc-wine-777777777777")
    found = chosen(
        containers=(container(1, 1), container(2, 3)),
        images=(OLD, NEW, *other),
        volumes=volumes,
        names=("wine",),
    )
    assert ids(found) == ["container-2", "sha256:3"]
    assert [each["Name"] for each in found.volumes] == ["aml-emu-pyc-wine-777777777777"]


def record(name: str, text: str, parent: str = "") -> dict[str, Any]:
    return {"ID": name, "Description": text, "Parent": parent}


def of_new_api(record: dict[str, Any]) -> dict[str, Any]:
    parent = record.pop("Parent")
    return {**record, "Parents": [parent] if parent else None}


OUR_STEPS = "mount / from exec /bin/sh -c export UV_CACHE_DIR=/var/cache/aml-emu-uv"
RECORDS = [
    record("base", "pulled from docker.io/aml-emu/base:latest"),
    record("uv", "cached mount /var/cache/aml-emu-uv from exec /bin/sh -c export UV"),
    record("sync", OUR_STEPS, "base"),
    record("copy", "fileop target", "sync"),
    record("folders", "mount / from exec mkdir /var/cache/aml-emu-pyc", "copy"),
    # others'
    record("pip", "cached mount /root/.cache/pip from exec /bin/sh -c pip install aml-emu"),
    record("upload", "http url http://build-context-x"),
    record("context", "fileop target"),
    record("users", "mount / from exec /bin/sh -c pip install torch", "folders"),
    record("theirs", "fileop target", "users"),
]


def test_build_records_are_known_by_what_only_our_steps_say() -> None:
    ours = ["uv", "sync", "copy", "folders"]
    assert [each["ID"] for each in our_records(RECORDS)] == ours
    assert [each["ID"] for each in our_records([of_new_api(dict(r)) for r in RECORDS])] == ours

"""The base image without a registry: the host's real apt, a real engine, a look inside."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import docker
import docker.errors
import pytest

from toolkit.engines.buildkit import BuildRequest, build_image, context_of
from toolkit.engines.debian import collect
from toolkit.engines.events import BuildEvent
from toolkit.errors import EngineUnavailable
from toolkit.plans.base import base_packages, plan_base_from_debian, plan_base_from_tar
from toolkit.plans.emulation import LABEL_BASE
from toolkit.plans.model import ImagePlan, PlacedFile

LABEL = "aml-emu-test-base"
LARGEST = 260_000_000

LocalArchive = Callable[..., Mapping[str, str]]
Inside = Callable[[str], str]


@pytest.fixture(scope="module")
def apt() -> None:
    if missing := [name for name in ("apt-get", "dpkg", "dpkg-deb") if not shutil.which(name)]:
        pytest.skip(f"not a Debian or Ubuntu machine: no {', '.join(missing)}")


# An archive of two tiny packages on the disk, so that apt is real and the network is not needed.


def make_deb(folder: Path, control: str) -> str:
    """Build a package; its entry in the archive's index."""
    name = control.split()[1]
    source = folder / name
    (source / "DEBIAN").mkdir(parents=True)
    (source / "DEBIAN/control").write_text(control)
    (source / "bin").mkdir()
    (source / f"bin/{name}").write_text(f"#!/bin/sh\necho {name}\n")
    deb = folder / f"{name}.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", source, deb], check=True, capture_output=True
    )
    content = deb.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return f"{control}Filename: ./{deb.name}\nSize: {len(content)}\nSHA256: {digest}\n"


@pytest.fixture
def archive(apt: None, tmp_path: Path) -> LocalArchive:
    def make(*, scheme: str = "file", settings: str = "") -> Mapping[str, str]:
        repo = tmp_path / "repo"
        (repo / "parts").mkdir(parents=True)
        about = "Version: 1:1\nArchitecture: all\nMaintainer: Nobody <n@example.com>\n"
        entries = [
            make_deb(repo, f"Package: tiny-essential\n{about}Essential: yes\nDescription: e\n"),
            make_deb(repo, f"Package: tiny-library\n{about}Description: l\n"),
            make_deb(repo, f"Package: tiny\n{about}Depends: tiny-library, dash\nDescription: t\n"),
            make_deb(repo, f"Package: dash\n{about}Description: the host has one of its own\n"),
        ]
        (repo / "Packages").write_text("\n".join(entries))
        (repo / "sources.list").write_text(f"deb [trusted=yes] {scheme}:{repo} ./\n")
        (tmp_path / "apt.conf").write_text(
            f'Dir::Etc::sourcelist "{repo}/sources.list";\n'
            f'Dir::Etc::sourceparts "{repo}/parts";\n{settings}'
        )
        return {**os.environ, "APT_CONFIG": str(tmp_path / "apt.conf")}

    return make


def names(files: tuple[Path, ...]) -> list[str]:
    return [file.name.partition("_")[0].removesuffix(".deb") for file in files]


@pytest.mark.parametrize("scheme", ["file", "copy"])
def test_closure_does_not_depend_on_what_the_host_has(
    archive: LocalArchive, tmp_path: Path, scheme: str
) -> None:
    """The host has a newer `dash`; the archive's is taken all the same."""
    packages = collect(["tiny"], into=tmp_path / "work", environ=archive(scheme=scheme))
    assert names(packages.essential) == ["tiny-essential"]
    assert names(packages.others) == ["dash", "tiny-library", "tiny"], "in the order of file names"
    assert packages.sources == "", "the image cannot read the host's disk"


def test_hooks_of_the_host_do_not_run(archive: LocalArchive, tmp_path: Path) -> None:
    witness = tmp_path / "hook-ran"
    hooks = (
        "APT::Update::Pre-Invoke",
        "APT::Update::Post-Invoke",
        "APT::Update::Post-Invoke-Success",
    )
    settings = "".join(f'{hook} {{ "touch {witness}"; }};\n' for hook in hooks)
    collect(["tiny"], into=tmp_path / "work", environ=archive(settings=settings))
    assert not witness.exists()


def test_second_call_in_the_same_folder_gives_the_same_plan(
    archive: LocalArchive, tmp_path: Path
) -> None:
    environ = archive(scheme="copy")
    plans = [
        plan_base_from_debian(collect(["tiny"], into=tmp_path / "work", environ=environ))
        for _ in range(2)
    ]
    assert plans[0].inputs("scratch") == plans[1].inputs("scratch")


def test_real_apt_names_the_package_it_does_not_know(archive: LocalArchive, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="apt sources: no-such-package"):
        collect(["tiny", "no-such-package"], into=tmp_path / "work", environ=archive())


def test_real_apt_without_any_source_it_can_reach(archive: LocalArchive, tmp_path: Path) -> None:
    environ = archive()
    (tmp_path / "repo/sources.list").write_text("deb http://127.0.0.1:1/debian bookworm main\n")
    with pytest.raises(EngineUnavailable, match="no package lists could be fetched") as caught:
        collect(["tiny"], into=tmp_path / "work", environ=environ)
    assert "127.0.0.1:1" in caught.value.details


# The whole way, with the distribution's own packages.


@pytest.fixture(scope="module")
def client() -> Iterator[docker.DockerClient]:
    try:
        client = docker.from_env(timeout=600)
        client.ping()
    except docker.errors.DockerException as error:
        pytest.skip(f"no Docker engine answers: {error}")
    yield client
    for image in client.images.list(filters={"label": LABEL}):
        client.images.remove(str(image.id), force=True)
    client.close()


def ignore(event: BuildEvent) -> None:
    """Nobody watches these builds."""


def build(client: docker.DockerClient, plan: ImagePlan) -> str:
    """The tag of the built image. No network, for the packages are all in the context."""
    tag = f"aml-emu-test-base-{secrets.token_hex(4)}"
    dockerfile = PlacedFile(path=PurePosixPath("Dockerfile"), content=plan.dockerfile.encode())
    request = BuildRequest(
        context=context_of((*plan.context, dockerfile)),
        tags=(tag,),
        labels={**plan.labels, LABEL: ""},
        network="none",
    )
    build_image(client.api, request, on_event=ignore)
    return tag


@pytest.fixture(scope="module")
def plan(apt: None, tmp_path_factory: pytest.TempPathFactory) -> ImagePlan:
    folder = tmp_path_factory.mktemp("packages")
    try:
        packages = collect(base_packages(), into=folder, environ=os.environ)
    except EngineUnavailable as error:
        if error.message != "no package lists could be fetched":
            raise
        pytest.skip(f"apt reaches no archive: {error.details}")
    return plan_base_from_debian(packages)


@pytest.fixture(scope="module")
def base(client: docker.DockerClient, plan: ImagePlan) -> str:
    return build(client, plan)


@pytest.fixture
def inside(client: docker.DockerClient, base: str) -> Inside:
    return lambda script: run(client, base, script)


def run(client: docker.DockerClient, image: str, script: str) -> str:
    """What the script says on stdout; a failing one raises with what it said on stderr."""
    output: bytes = client.containers.run(
        image,
        ["sh", "-euc", script],
        remove=True,
        network_mode="none",
        name=f"aml-emu-test-{secrets.token_hex(4)}",
    )
    return output.decode()


@pytest.mark.docker
def test_image_is_one_lean_layer(client: docker.DockerClient, base: str, plan: ImagePlan) -> None:
    attributes: Any = client.images.get(base).attrs
    assert len(attributes["RootFS"]["Layers"]) == 1
    assert attributes["Size"] < LARGEST
    assert attributes["Config"]["Labels"][LABEL_BASE] == plan.inputs("scratch")
    assert "LANG=C.UTF-8" in attributes["Config"]["Env"]


@pytest.mark.docker
def test_packages_are_installed_properly(inside: Inside) -> None:
    assert inside("dpkg --audit") == ""
    states = set(inside("dpkg-query --show --showformat '${db:Status-Status}\\n'").split())
    assert states == {"installed"}
    installed = set(inside("dpkg-query --show --showformat '${Package}\\n'").split())
    assert set(base_packages()) <= installed


@pytest.mark.docker
def test_owners_and_special_modes_survive(inside: Inside) -> None:
    assert inside("stat -c '%a %U:%G' /usr/bin/passwd /etc/shadow /tmp").splitlines() == [
        "4755 root:root",
        "640 root:shadow",
        "1777 root:root",
    ]


@pytest.mark.docker
def test_nothing_of_the_making_is_left(inside: Inside) -> None:
    leftovers = inside("ls -A /mnt /tmp /var/lib/apt/lists /usr/share/man 2>/dev/null || true")
    assert [line for line in leftovers.splitlines() if line and not line.endswith(":")] == []
    assert inside("find / -xdev -name '*.deb' -o -xdev -name 'root.tar'") == ""


@pytest.mark.docker
def test_user_and_image_information_are_azures(inside: Inside) -> None:
    assert inside("id -un dockeruser && stat -c %U ~dockeruser").split() == ["dockeruser"] * 2
    information = inside("cat /IMAGE_INFORMATION")
    assert information.startswith("aml-emu/base, ")
    assert len(information.splitlines()) == 1


@pytest.mark.docker
def test_python_makes_environments_with_pip(inside: Inside) -> None:
    assert "pip" in inside("python3 -m venv /tmp/env && /tmp/env/bin/python -m pip --version")
    python = (
        "import bz2, ctypes, lzma, sqlite3, ssl, zoneinfo; print(zoneinfo.ZoneInfo('Asia/Tokyo'))"
    )
    assert inside(f'python3 -c "{python}"') == "Asia/Tokyo\n"


@pytest.mark.docker
def test_libraries_that_wheels_expect_are_found(inside: Inside) -> None:
    known = inside("ldconfig --print-cache")
    assert "libstdc++.so.6" in known
    assert "libgomp.so.1" in known


@pytest.mark.docker
def test_runit_starts_a_service_and_killall_ends_it(inside: Inside) -> None:
    script = """
        mkdir -p /tmp/tree/web
        printf '#!/bin/sh\\nexec python3 -m http.server 5001 --bind 127.0.0.1\\n' >/tmp/tree/web/run
        chmod +x /tmp/tree/web/run
        runsvdir /tmp/tree & runsvdir=$!
        curl --silent --retry 100 --retry-delay 1 --retry-connrefused --retry-max-time 20 \\
            --output /dev/null --write-out '%{http_code}\\n' http://127.0.0.1:5001/
        sv status /tmp/tree/web
        killall --wait python3
        kill -HUP $runsvdir
        wait $runsvdir || test $? = 111
    """
    status, service, *_ = inside(script).splitlines()
    assert status == "200"
    assert service.startswith("run: /tmp/tree/web: (pid ")


@pytest.mark.docker
def test_apt_is_ready_for_more(inside: Inside) -> None:
    sources = inside("cat /etc/apt/sources.list.d/aml-emu.sources")
    assert "Types: deb\n" in sources
    assert "@" not in sources
    keyrings = [
        line.removeprefix("Signed-By: ")
        for line in sources.splitlines()
        if line.startswith("Signed-By: ")
    ]
    inside(f"apt-get --version && ls {' '.join(keyrings)}")
    assert "Languages" in inside("apt-config dump Acquire::Languages")


@pytest.mark.docker
def test_base_from_a_tar_of_a_root(client: docker.DockerClient, base: str, tmp_path: Path) -> None:
    container = client.containers.create(base, name=f"aml-emu-test-{secrets.token_hex(4)}")
    try:
        exported: Any = container.export()  # an iterator of bytes, whatever its annotation says
        with (tmp_path / "root.tar").open("wb") as file:
            file.writelines(exported)
    finally:
        container.remove(force=True)
    made = build(client, plan_base_from_tar(tmp_path / "root.tar"))
    assert run(client, made, "dpkg --audit; id -un dockeruser") == "dockeruser\n"
    assert len(client.images.get(made).attrs["RootFS"]["Layers"]) == 1

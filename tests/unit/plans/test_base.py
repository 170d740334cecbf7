"""The base image's plans: what goes into the context, and what decides the hash."""

from __future__ import annotations

import io
import re
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from toolkit import resources
from toolkit.errors import SpecError
from toolkit.plans.base import (
    REGISTRY_IMAGE,
    DebianPackages,
    base_packages,
    plan_base_from_debian,
    plan_base_from_registry,
    plan_base_from_tar,
    read_package_list,
)
from toolkit.plans.emulation import LABEL_BASE
from toolkit.plans.model import ImagePlan

TarMode = Literal["w", "w:gz", "w:bz2", "w:xz"]


def debian_packages(folder: Path, *, dash: bytes = b"dash's package") -> DebianPackages:
    folder.mkdir(exist_ok=True)
    files = {"dash_1_all.deb": dash, "curl_1%3a2_all.deb": b"curl's", "root.tar": b"tar"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return DebianPackages(
        essential=(folder / "dash_1_all.deb",),
        others=(folder / "curl_1%3a2_all.deb",),
        root=folder / "root.tar",
        release="Debian bookworm",
        sources="Types: deb\nURIs: http://archive.example/\nSuites: ./\n",
    )


def write_tar(path: Path, *, mode: TarMode = "w:gz") -> Path:
    with tarfile.open(path, mode) as tar:
        tar.addfile(tarfile.TarInfo("etc/os-release"), io.BytesIO())
    return path


@pytest.fixture(params=["registry", "debian", "tar"])
def plan(request: pytest.FixtureRequest, tmp_path: Path) -> ImagePlan:
    if request.param == "registry":
        return plan_base_from_registry()
    if request.param == "debian":
        return plan_base_from_debian(debian_packages(tmp_path / "debs"))
    return plan_base_from_tar(write_tar(tmp_path / "root.tar.gz"))


def paths(plan: ImagePlan) -> list[str]:
    return [str(file.path) for file in plan.context]


def test_package_list_drops_comments_and_blank_lines() -> None:
    assert read_package_list("# why\n\npython3   # an interpreter\n  runit\n") == (
        "python3",
        "runit",
    )


def test_our_package_list_has_what_the_inference_layout_needs() -> None:
    packages = base_packages()
    assert {"python3", "python3-venv", "runit", "psmisc", "ca-certificates"} <= set(packages)
    assert len(packages) == len(set(packages))


def test_package_names_are_plain_names() -> None:
    """They become arguments of apt-get, where `-x` or `a=b` would mean something else."""
    assert [
        name for name in base_packages() if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name)
    ] == []


def test_every_way_uses_only_files_of_its_own_context(plan: ImagePlan) -> None:
    named = re.findall(r"^(?:ADD|COPY) (?!--from)(\S+)", plan.dockerfile, re.MULTILINE)
    named += re.findall(r"/mnt/(\S+)", plan.dockerfile)
    tops = {path.partition("/")[0] for path in paths(plan)}
    assert named
    assert set(named) <= tops


def test_every_way_speaks_the_oldest_dockerfile_language(plan: ImagePlan) -> None:
    assert "<<" not in plan.dockerfile
    assert not re.search(r"^#\s*syntax\s*=", plan.dockerfile, re.MULTILINE)
    assert not re.search(r"--(?:link|parents|chmod)\b", plan.dockerfile)


def test_every_way_makes_the_same_finish(plan: ImagePlan) -> None:
    assert "sh /mnt/finish.sh" in plan.dockerfile
    assert "finish.sh" in paths(plan)


def test_label_is_the_hash_of_the_inputs(plan: ImagePlan) -> None:
    assert plan.labels == {LABEL_BASE: plan.inputs(plan.base)}


def test_context_is_in_order(plan: ImagePlan) -> None:
    assert paths(plan) == sorted(paths(plan))


def test_registry_plan_stands_on_the_image_its_dockerfile_names() -> None:
    plan = plan_base_from_registry()
    assert re.findall(r"^FROM (\S+)", plan.dockerfile, re.MULTILINE) == [REGISTRY_IMAGE]
    assert plan.base == REGISTRY_IMAGE


def test_debian_plan_needs_no_image_and_carries_every_package(tmp_path: Path) -> None:
    plan = plan_base_from_debian(debian_packages(tmp_path))
    assert plan.base == "scratch"
    assert "essential/dash_1_all.deb" in paths(plan)
    assert "others/curl_1%3a2_all.deb" in paths(plan)
    origins = re.findall(r"^FROM (\S+)", plan.dockerfile, re.MULTILINE)
    assert set(origins) == {"scratch"}


def test_packages_stay_on_the_disk(tmp_path: Path) -> None:
    plan = plan_base_from_debian(debian_packages(tmp_path))
    big = [file for file in plan.context if file.path.suffix in {".deb", ".tar"}]
    assert big
    assert all(isinstance(file.content, Path) for file in big)


def test_service_policy_is_executable(tmp_path: Path) -> None:
    plan = plan_base_from_debian(debian_packages(tmp_path))
    modes = {str(file.path): file.mode for file in plan.context}
    assert modes["policy-rc.d"] == 0o755
    assert modes["dpkg.cfg"] == 0o644


def test_same_packages_elsewhere_give_the_same_hash(tmp_path: Path) -> None:
    here = plan_base_from_debian(debian_packages(tmp_path / "here"))
    there = plan_base_from_debian(debian_packages(tmp_path / "there"))
    assert here.tag("scratch") == there.tag("scratch")
    assert here.labels == there.labels


def test_a_changed_package_changes_the_hash(tmp_path: Path) -> None:
    old = plan_base_from_debian(debian_packages(tmp_path / "old"))
    new = plan_base_from_debian(debian_packages(tmp_path / "new", dash=b"a security fix"))
    assert old.tag("scratch") != new.tag("scratch")


def test_other_sources_change_the_hash(tmp_path: Path) -> None:
    packages = debian_packages(tmp_path)
    moved = replace(packages, sources="Types: deb\n")
    assert plan_base_from_debian(packages).labels != plan_base_from_debian(moved).labels


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_plan_takes_what_the_builder_unpacks(tmp_path: Path, mode: TarMode) -> None:
    tar = write_tar(tmp_path / "root", mode=mode)
    plan = plan_base_from_tar(tar)
    assert plan.base == "scratch"
    assert [file.content for file in plan.context if str(file.path) == "root.tar"] == [tar]


def test_tar_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file: "):
        plan_base_from_tar(tmp_path / "gone.tar")


def test_folder_instead_of_a_tar(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file: "):
        plan_base_from_tar(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"\x28\xb5\x2f\xfd zstd, which the builder would copy as it is", b"PK\x03\x04"]
)
def test_file_the_builder_would_not_unpack(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "root.tar.zst"
    file.write_bytes(content)
    with pytest.raises(SpecError, match="not a tar the image builder can unpack") as caught:
        plan_base_from_tar(file)
    assert "`.tar.gz`" in caught.value.hint


def test_dockerfiles_are_all_used() -> None:
    """A file nobody copies into a context is dead weight in the wheel."""
    folder = resources.dockerfiles() / "base"
    assert {file.name for file in folder.iterdir()} == {
        "Dockerfile",
        "apt.conf",
        "debian.Dockerfile",
        "dpkg.cfg",
        "finish.sh",
        "install.sh",
        "packages.txt",
        "policy-rc.d",
        "tar.Dockerfile",
    }

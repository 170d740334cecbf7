"""Freeze Azure ML's curated environments into this folder, from a description of their sources.

    python dockerfiles/curated/generate.py DESCRIPTION.json [--folder FOLDER]

The description lists, for a commit of the azureml-assets repository, what each environment's
Dockerfile and conda file say. Template markers such as `{{latest-pypi-version}}` are replaced by
what uv finds newest on the day of that commit for the environment's Python, and every
replacement is written into the environment's curated.yml. Needs a package index; the same
description gives the same files.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import uv
from ruamel.yaml import YAML

FROZEN_KINDS: Final = {"training", "inference"}
REGISTRY: Final = "mcr.microsoft.com/azureml/curated"
# The tag that azureml-core 1.61 names for its own default images; of other images the
# repository says only "the newest".
KNOWN_TAG: Final = "20251130.v1"
KNOWN_IMAGES: Final = {
    f"mcr.microsoft.com/azureml/{name}"
    for name in (
        "openmpi4.1.0-ubuntu22.04",
        "openmpi4.1.0-cuda11.8-cudnn8-ubuntu22.04",
        "openmpi5.0-ubuntu24.04",
        "openmpi5.0-cuda12.4-ubuntu22.04",
        "openmpi5.0-cuda12.5-ubuntu22.04",
        "openmpi5.0-cuda12.6-ubuntu24.04",
    )
}
IMAGE_OF_2020: Final = "mcr.microsoft.com/azureml/base:intelmpi2018.3-ubuntu16.04"
# Compiled in Azure's image against an Open MPI and a CUDA that it builds for itself.
COMPILED: Final = re.compile(r"^horovod\b")
# These do more than install packages: patches, services or a program of their own.
AS_PUBLISHED: Final = {
    "foundation-model-inference",
    "foundation-model-serve",
    "general-langchain-app-deployment",
}
SUCCESSORS: Final = (
    ("scikit-learn", "sklearn-1.5"),
    ("sklearn", "sklearn-1.5"),
    ("lightgbm", "lightgbm-3.3"),
    ("tensorflow", "tensorflow-2.16-cuda12"),
    ("pytorch", "acpt-pytorch-2.8-cuda12.6"),
    ("inference", "minimal-py311-inference"),
    ("minimal", "minimal-py311-inference"),
    ("", "sklearn-1.5"),
)
_MARKER: Final = re.compile(r"\{\{latest-.*\}\}")


class Freezer:
    """Replaces template markers and keeps a record of it."""

    def __init__(self, python: str, newest_before: str) -> None:
        self.replaced: list[dict[str, str]] = []
        self._python = python
        self._newest_before = newest_before

    def image(self, reference: str) -> str:
        name, separator, tag = reference.partition(":")
        if not separator or not _MARKER.search(tag):
            return reference
        frozen = f"{name}:{KNOWN_TAG if name in KNOWN_IMAGES else 'latest'}"
        return self._record(reference, frozen)

    def packages(self, lines: Iterable[str]) -> list[str]:
        """The lines with a version in place of each marker; duplicates go."""
        lines = list(dict.fromkeys(lines))
        marked = [line for line in lines if _MARKER.search(line)]
        versions = self._newest([re.split(r"[=<>~]", line)[0] for line in marked])
        return [
            self._record(line, f"{line.partition('==')[0]}=={versions[_key(line)]}")
            if line in marked
            else line
            for line in lines
        ]

    def _record(self, was: str, now: str) -> str:
        entry = {"was": was, "now": now}
        if entry not in self.replaced:
            self.replaced.append(entry)
        return now

    def _newest(self, names: Sequence[str]) -> dict[str, str]:
        if not names:
            return {}
        found = subprocess.run(
            [
                uv.find_uv_bin(), "pip", "compile", "-", "--quiet", "--no-header", "--no-annotate",
                "--no-deps", "--python-version", self._python,
                "--python-platform", "x86_64-manylinux_2_28",
                "--exclude-newer", self._newest_before,
            ],
            input="\n".join(names),
            text=True,
            capture_output=True,
            check=True,
        )  # fmt: skip
        pins = (line.split("==") for line in found.stdout.split())
        return {_key(name): version for name, version in pins}


def _key(line: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[=<>~\[]", line)[0]).lower()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("description", type=Path)
    parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parent)
    options = parser.parse_args()
    described = json.loads(options.description.read_text("utf-8"))
    folder: Path = options.folder
    for old in folder.glob("*/curated.yml"):
        shutil.rmtree(old.parent)
    newest_before = _day_after(described["commit_date"])
    source = f"{described['source']} {described['commit'][:12]}"
    published = {}
    for one in described["environments"]:
        if one["kind"] in FROZEN_KINDS and one["name"] not in AS_PUBLISHED:
            _freeze(folder / one["name"], one, source, newest_before)
        else:
            published[one["name"]] = {
                "kind": "inference" if one["kind"] == "inference" else "training",
                "python": one["python"] or "",
                "image": f"{REGISTRY}/{one['name']}:{one['version'] or 'latest'}",
            }
    _write_yaml(folder / "published.yml", {"source": source, "environments": published})
    for era, wave in described["legacy"].items():
        for one in wave["environments"]:
            _freeze_retired(folder / one["name"], one, era)


def _day_after(commit_date: str) -> str:
    date = dt.datetime.fromisoformat(commit_date).astimezone(dt.timezone.utc).date()
    return (date + dt.timedelta(days=1)).isoformat()


def _freeze(folder: Path, one: dict[str, Any], source: str, newest_before: str) -> None:
    freezer = Freezer(".".join(one["python"].split(".")[:2]), newest_before)
    written = {
        "name": one["name"],
        "kind": one["kind"],
        "era": "current",
        "source": f"{source}, {one['path']}",
        "python": one["python"],
        "image": freezer.image(one["base_image"]),
    }
    folder.mkdir(parents=True)
    if one["creates_env"].startswith("none"):
        written |= _on_its_image(folder, one, freezer)
    else:
        written |= _conda(folder, one, freezer)
    written["replaced"] = freezer.replaced
    extras = [name for name in one["context_files"] if not _is_packages(name)]
    if extras:
        written["notes"] = [f"without the files of its own: {', '.join(_folders(extras))}"]
    _write_yaml(folder / "curated.yml", {key: value for key, value in written.items() if value})


def _conda(folder: Path, one: dict[str, Any], freezer: Freezer) -> dict[str, Any]:
    """conda_dependencies.yaml from the first install, upgrades.txt from the later ones."""
    conda = one["conda_yaml"] or {}
    first, *later = _installs(one)
    if one["creates_env"] == "conda env create -f":
        first, later = conda["pip"], [first, *later]
    wanted = [line for step in later for line in step]
    left_out = [line for line in wanted if COMPILED.match(line)]
    left_out += _of_the_base(one)
    if one["name"] == "mlflow-model-inference":
        wanted, left_out = [], [*left_out, *wanted]  # a listing tool, removed again in Azure
    upgrades = freezer.packages(line for line in wanted if not COMPILED.match(line))
    dependencies = [*one["conda_deps"], {"pip": freezer.packages(first)}]
    _write_yaml(
        folder / "conda_dependencies.yaml",
        {
            "name": conda.get("name", one["name"]),
            "channels": one["channels"],
            "dependencies": dependencies,
        },
    )
    if upgrades:
        (folder / "upgrades.txt").write_text("\n".join(upgrades) + "\n", "utf-8")
    variables = {
        name: value
        for name, value in one["dockerfile"]["env"].items()
        if name in {"TF_USE_LEGACY_KERAS", "NCCL_DEBUG"}
    }
    return {
        "prefix": one["conda_env_path"],
        "conda_file": "conda_dependencies.yaml",
        "upgrades": "upgrades.txt" if upgrades else "",
        "variables": variables,
        "left_out": left_out,
    }


def _on_its_image(folder: Path, one: dict[str, Any], freezer: Freezer) -> dict[str, Any]:
    """requirements.txt on top of the environment that the image brings, as a Dockerfile."""
    lines = [f"FROM {freezer.image(one['base_image'])}"]
    lines += [f"ENV {name}={value}" for name, value in one["dockerfile"]["env"].items()]
    for run in one["dockerfile"]["pip_runs"]:
        if run["target"] == "base":
            continue
        if "-r requirements.txt" in run["flags"]:
            lines += [
                "COPY requirements.txt .",
                "RUN pip install -r requirements.txt --no-cache-dir",
            ]
            continue
        invocation = f"{run['invocation'] or 'python -m'} pip install"
        words = " ".join(f"'{word}'" for word in freezer.packages(run["packages"]))
        lines.append(f"RUN {invocation} {' '.join(run['flags'])} {words}")
    (folder / "Dockerfile").write_text("\n".join(lines) + "\n", "utf-8")
    requirements = freezer.packages(one["requirements_txt"])
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n", "utf-8")
    return {
        "dockerfile": "Dockerfile",
        "left_out": [*_of_the_base(one), *one["dockerfile"]["conda_runs"]],
    }


def _installs(one: dict[str, Any]) -> list[list[str]]:
    runs = [run["packages"] for run in one["dockerfile"]["pip_runs"] if run["target"] == "env"]
    return runs or [[]]


def _of_the_base(one: dict[str, Any]) -> list[str]:
    """Patches of the base image's own environment, which no user code runs in."""
    runs = [run["packages"] for run in one["dockerfile"]["pip_runs"] if run["target"] == "base"]
    return [f"the base's own environment: {line}" for run in runs for line in run]


def _is_packages(name: str) -> bool:
    return name in {"Dockerfile", "conda_dependencies.yaml", "requirements.txt", "README.md"}


def _folders(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name.partition("/")[0] for name in names))


def _freeze_retired(folder: Path, one: dict[str, Any], era: str) -> None:
    name = one["name"]
    lower = name.lower()
    written: dict[str, Any] = {
        "name": name,
        "kind": "inference" if lower.endswith("-inference") else "training",
        "era": {"v1_2020": "2020", "v1_2021": "2021"}.get(era, "2021"),
        "source": "the documentation of its time, resource-curated-environments.md",
        "python": one.get("python") or "",
        "image": one.get("image") or one.get("base_image") or IMAGE_OF_2020,
        "prefix": one.get("conda_env_path", ""),
        "successor": next(new for word, new in SUCCESSORS if word in lower),
        "notes": _notes_of_retired(one),
    }
    folder.mkdir(parents=True)
    if "image" not in one:
        written["conda_file"] = "conda_dependencies.yaml"
        _write_yaml(
            folder / "conda_dependencies.yaml",
            {
                "channels": one["channels"],
                "dependencies": [*one["conda_deps"], {"pip": one["pip_deps"]}],
            },
        )
    _write_yaml(folder / "curated.yml", {key: value for key, value in written.items() if value})


def _notes_of_retired(one: dict[str, Any]) -> list[str]:
    notes = [one["note"]] if "note" in one else []
    if "pins_from" in one and "SDK" not in one["pins_from"]:
        notes.append(f"versions: {one['pins_from']}")
    if "base_image" not in one and "image" not in one and one["name"].endswith("-GPU"):
        notes.append("its image is not documented: the CPU image of its time stands for it")
    if one.get("packages"):
        notes.append(f"its image brings {', '.join(one['packages'])}")
    return notes


def _write_yaml(path: Path, content: dict[str, Any]) -> None:
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)


if __name__ == "__main__":
    main()

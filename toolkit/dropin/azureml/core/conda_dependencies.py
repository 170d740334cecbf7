"""`CondaDependencies`: the packages of an environment, and the conda file that says them.

The file is laid out as those that the SDK of 2020 wrote and people published.
"""

from __future__ import annotations

import json
import os
import re
from typing import Any, Dict, Iterable, Iterator, List, Optional

from .._aml_emu.authoring import ask
from .._aml_emu.link import link_or_raise
from .._aml_emu.missing import missing_member
from ..exceptions import UserErrorException

PYTHON_DEFAULT_VERSION = "3.6.2"
_CHANNELS = ("anaconda", "conda-forge")
_DEFAULTS = "azureml-defaults"
_OPTION = "--"
_HEADER = """\
# Conda environment specification. The dependencies defined in this file will
# be automatically provisioned for runs with userManagedDependencies=False.

# Details about the Conda environment file format:
# https://conda.io/docs/user-guide/tasks/manage-environments.html#create-env-file-manually

"""
_PYTHON_COMMENT = """\
  # The python interpreter version.
  # Currently Azure ML only supports 3.5.2 and later.
"""
_DEFAULTS_COMMENT = (
    "    # Required packages for AzureML execution, history, and data preparation.\n"
)


class CondaDependencies:
    """A new one has a Python, `azureml-defaults` and two channels; or what a conda file says."""

    def __init__(
        self,
        conda_dependencies_file_path: Optional[str] = None,
        _underlying_structure: Optional[Dict[str, Any]] = None,
    ) -> None:
        self._name = "project_environment"
        self._python: Optional[str] = "python=" + PYTHON_DEFAULT_VERSION
        self._pip: List[str] = [_DEFAULTS]
        self._conda: List[str] = []
        self._channels: List[str] = list(_CHANNELS)
        self._more: Dict[str, Any] = {}
        self._has_defaults = True  # the one that nobody asked for, which has its own comment
        self._text: Optional[str] = None
        if conda_dependencies_file_path is not None:
            self._take(conda_dependencies_file_path)
        elif _underlying_structure is not None:
            self._take_structure(_underlying_structure)

    @staticmethod
    def create(
        pip_indexurl: Optional[str] = None,
        pip_packages: Optional[Iterable[str]] = None,
        conda_packages: Optional[Iterable[str]] = None,
        python_version: str = PYTHON_DEFAULT_VERSION,
        pin_sdk_version: bool = True,
    ) -> CondaDependencies:
        """With `pip_packages`, `azureml-defaults` is not there unless it is among them."""
        made = CondaDependencies()
        made.set_python_version(python_version)
        if pip_packages is not None:
            made.set_pip_requirements(pip_packages)
        if pip_indexurl:
            made.set_pip_index_url(pip_indexurl)
        for package in conda_packages or ():
            made.add_conda_package(package)
        return made

    @property
    def conda_packages(self) -> Iterator[str]:
        return iter([*([self._python] if self._python else []), *self._conda])

    @property
    def pip_packages(self) -> Iterator[str]:
        return iter([line for line in self._pip if not line.startswith(_OPTION)])

    @property
    def pip_options(self) -> Iterator[str]:
        return iter([line for line in self._pip if line.startswith(_OPTION)])

    @property
    def conda_channels(self) -> Iterator[str]:
        return iter(list(self._channels))

    def add_conda_package(self, conda_package: str) -> None:
        """In place of another version of it."""
        self._changed()
        if _package(conda_package) == "python":
            self._python = conda_package
            return
        self._conda = _without(self._conda, conda_package)
        self._conda.append(conda_package)

    def remove_conda_package(self, conda_package: str) -> None:
        self._changed()
        self._conda = _without(self._conda, conda_package)

    def add_pip_package(self, pip_package: str, pin_sdk_version: bool = True) -> None:
        """In place of another version of it."""
        self._changed()
        if _package(pip_package) == _DEFAULTS:
            self._has_defaults = False
        self._pip = _without(self._pip, pip_package)
        self._pip.append(pip_package)

    def remove_pip_package(self, pip_package: str) -> None:
        self._changed()
        self._pip = _without(self._pip, pip_package)
        if _package(pip_package) == _DEFAULTS:
            self._has_defaults = False

    def add_channel(self, channel: str) -> None:
        self._changed()
        if channel not in self._channels:
            self._channels.append(channel)

    def remove_channel(self, channel: str) -> None:
        self._changed()
        self._channels = [each for each in self._channels if each != channel]

    def set_python_version(self, version: str) -> None:
        self._changed()
        self._python = "python=" + version

    def get_python_version(self) -> Optional[str]:
        found = re.search(r"\d[\w.]*", self._python or "")
        return found[0] if found else None

    def set_pip_requirements(
        self, pip_requirements: Iterable[str], pin_sdk_version: bool = True
    ) -> None:
        """These instead of all others; options stay."""
        self._changed()
        self._has_defaults = False
        self._pip = [*self.pip_options, *pip_requirements]

    def set_pip_index_url(self, index_url: str) -> None:
        self.set_pip_option(index_url if index_url.startswith("-") else "--index-url " + index_url)

    def set_pip_option(self, pip_option: str) -> None:
        """In front of the packages; in place of the same option, except for further indexes."""
        self._changed()
        name = pip_option.split(maxsplit=1)[0].partition("=")[0]
        many = {"--extra-index-url", "--find-links"}
        kept = [line for line in self.pip_options if name in many or not line.startswith(name)]
        self._pip = [*kept, pip_option, *self.pip_packages]

    def remove_pip_option(self, pip_option: str) -> None:
        self._changed()
        self._pip = [line for line in self._pip if not line.startswith(pip_option)]

    def add_tensorflow_pip_package(
        self, core_type: str = "cpu", version: Optional[str] = None
    ) -> None:
        self.add_pip_package(_tensorflow(core_type, version))

    def add_tensorflow_conda_package(
        self, core_type: str = "cpu", version: Optional[str] = None
    ) -> None:
        self.add_conda_package(_tensorflow(core_type, version))

    def as_dict(self) -> Dict[str, Any]:
        """What the file says."""
        dependencies: List[Any] = [self._python] if self._python else []
        if self._pip:
            dependencies.append({"pip": list(self._pip)})
        said: Dict[str, Any] = {"name": self._name, "dependencies": dependencies + self._conda}
        return dict(said, channels=list(self._channels), **self._more)

    def serialize_to_string(self) -> str:
        """The conda file; one that was read and not changed stays as it was."""
        if self._text is not None:
            return self._text
        python = f"{_PYTHON_COMMENT}- {self._python}\n\n" if self._python else ""
        conda = "".join(f"- {package}\n" for package in self._conda)
        channels = "".join(f"- {channel}\n" for channel in self._channels)
        return (
            f"{_HEADER}name: {self._name}\ndependencies:\n{python}{self._pip_block()}{conda}"
            + (f"channels:\n{channels}" if channels else "")
            + "".join(f"{key}: {value}\n" for key, value in self._more.items() if key == "prefix")
            + self._variables()
        )

    def save(self, path: str = ".") -> str:
        """Into `conda_dependencies.yml` of a folder, or into the file that is named."""
        target = os.path.join(path, "conda_dependencies.yml") if os.path.isdir(path) else path
        with open(target, "w", encoding="utf-8") as file:
            file.write(self.serialize_to_string())
        return target

    def save_to_file(self, base_directory: str, conda_file_path: Optional[str] = None) -> str:
        """Under a folder, by default as `.azureml/auto_conda_dependencies.yml`; its path there."""
        inside = conda_file_path or os.path.join(".azureml", "auto_conda_dependencies.yml")
        target = os.path.join(base_directory, inside)
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(self.serialize_to_string())
        return inside

    def __getattr__(self, name: str) -> Any:
        raise missing_member(self, name)

    def _pip_block(self) -> str:
        if not self._pip:
            return ""
        lines = ["- pip:\n"]
        for line in self._pip:
            if self._has_defaults and line == _DEFAULTS:
                lines.append(f"{_DEFAULTS_COMMENT}  - {line}\n\n")
            else:
                lines.append(f"  - {line}\n")
        return "".join(lines)

    def _variables(self) -> str:
        found = self._more.get("variables") or {}
        lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in found.items())
        return "variables:\n" + lines if lines else ""

    def _changed(self) -> None:
        self._text = None

    def _take(self, path: str) -> None:
        if not os.path.isfile(path):
            raise UserErrorException(f"the conda file is not there: {path}")
        body = {"path": os.path.abspath(path), "what": "conda file"}
        self._take_structure(ask(link_or_raise(), "POST", "yaml", body)["data"])
        with open(path, encoding="utf-8") as file:
            self._text = file.read()

    def _take_structure(self, found: Dict[str, Any]) -> None:
        unknown = set(found) - {"name", "channels", "dependencies", "prefix", "variables"}
        if unknown:
            raise UserErrorException(f"keys that no conda file has: {', '.join(sorted(unknown))}")
        self._name = found.get("name") or self._name
        self._channels = list(found.get("channels") or [])
        self._more = {key: found[key] for key in ("prefix", "variables") if found.get(key)}
        self._python, self._pip, self._conda, self._has_defaults = None, [], [], False
        for entry in found.get("dependencies") or []:
            if isinstance(entry, dict):
                self._pip += entry.get("pip") or []
            elif _package(entry) == "python":
                self._python = entry
            else:
                self._conda.append(entry)


def _package(line: str) -> str:
    """`Scikit_Learn==1.0` is `scikit-learn`, also with a channel in front."""
    found = re.match(r"[A-Za-z0-9_][\w.-]*", line.rpartition("::")[2].strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else line


def _without(lines: List[str], line: str) -> List[str]:
    name = _package(line)
    return [each for each in lines if each.startswith(_OPTION) or _package(each) != name]


def _tensorflow(core_type: str, version: Optional[str]) -> str:
    name = "tensorflow-gpu" if core_type == "gpu" else "tensorflow"
    return f"{name}=={version}" if version else name

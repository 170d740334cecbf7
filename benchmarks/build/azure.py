"""The other side: a Dockerfile as Azure ML renders a conda file, in its pip form.

One RUN makes the environment and purges the caches; so it is in the `azureml-environment-setup`
that the service writes into its build logs, and in the azureml-assets repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmarks.build import daemon, typical
from toolkit.engines.trust import host_trust
from toolkit.plans.model import PlacedFile
from toolkit.settings import DEFAULT_BASE

_DOCKERFILE = """\
FROM {base}
USER root
WORKDIR /
COPY requirements.txt /azureml-environment-setup/requirements.txt
RUN {mounts}python3 -m venv /azureml-envs/{name} \\
 && /azureml-envs/{name}/bin/pip install --quiet -r /azureml-environment-setup/requirements.txt \\
 && rm -rf /azureml-environment-setup \\
 && /azureml-envs/{name}/bin/pip cache purge
ENV AZUREML_CONDA_ENVIRONMENT_PATH=/azureml-envs/{name} PATH=/azureml-envs/{name}/bin:$PATH
COPY score.py /var/azureml-app/score.py
"""


@dataclass(frozen=True)
class AzureLike:
    """The image of one benchmark, which nobody else's layers fit."""

    name: str
    environ: Mapping[str, str]

    @property
    def tag(self) -> str:
        return f"{self.name}:azure-like"

    def build(self, *further: str, score: str = typical.SCORE, anew: bool = False) -> float:
        """Seconds of one build; `anew` without the layers of an earlier one."""
        files = {
            "Dockerfile": self._dockerfile().encode(),
            "requirements.txt": typical.requirements(*further),
            "score.py": score.encode(),
        }
        placed = [
            PlacedFile(path=PurePosixPath(path), content=text) for path, text in files.items()
        ]
        return daemon.build(placed, tag=self.tag, no_cache=anew)

    def megabytes(self) -> float:
        return daemon.megabytes(self.tag)

    def _dockerfile(self) -> str:
        """With the certificates and feeds that ours gets too."""
        secrets = host_trust(self.environ).secrets()
        mounts = ""
        if "ca" in secrets:
            mounts += "--mount=type=secret,id=ca,target=/run/ca.crt,mode=0444 "
        if "pip" in secrets:
            mounts += "--mount=type=secret,id=pip,target=/etc/pip.conf,mode=0444 "
        if "ca" in secrets:
            mounts += "export PIP_CERT=/run/ca.crt && "
        return _DOCKERFILE.format(base=DEFAULT_BASE, mounts=mounts, name=self.name)

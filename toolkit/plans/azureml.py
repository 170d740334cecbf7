"""The Azure ML container contract: constants only, no decisions.

Sources: the azureml-assets repository (mlflow-model-inference's runit tree and Dockerfiles), the
azureml-inference-server-http package, and the azureml-core package's public behaviour.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

APP_ROOT: Final = PurePosixPath("/var/azureml-app")
APP_ROOT_ALIAS: Final = PurePosixPath("/var/azureml-apps")  # as the old debugging guide spells it
MODELS_FOLDER: Final = "azureml-models"
RUNIT_TREE: Final = PurePosixPath("/var/runit")
ENVS_ROOT: Final = PurePosixPath("/azureml-envs")
IMAGE_INFORMATION: Final = PurePosixPath("/IMAGE_INFORMATION")
IMAGE_USER: Final = "dockeruser"

SCORING_PORT: Final = 5001
DEBUG_PORT: Final = 5678

SERVER_SERVICE: Final = "gunicorn"
SERVER_PACKAGE: Final = "azureml-inference-server-http"
DEFAULTS_PACKAGE: Final = "azureml-defaults"
# The first that brings the server and whose own requirements can still be met (PyPI's metadata).
DEFAULTS_WITH_SERVER: Final = f"{DEFAULTS_PACKAGE}>=1.35"

WORKER_TIMEOUT_SECONDS: Final = 300
SCORING_TIMEOUT_MS: Final = 3_600_000

EXIT_USER_SCRIPT: Final = 3  # import of the script or init() failed

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
SERVER_PACKAGES: Final = frozenset({"azureml-inference-server-http", "azureml-defaults"})

WORKER_TIMEOUT_SECONDS: Final = 300
SCORING_TIMEOUT_MS: Final = 3_600_000

EXIT_USER_SCRIPT: Final = 3  # import of the script or init() failed
EXIT_INSTALL_FAILED: Final = 95
EXIT_NO_SERVER: Final = 100

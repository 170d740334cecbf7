"""The exceptions that v1 scripts catch, by their names in the public documentation."""

from __future__ import annotations

from typing import Any, Optional


class AzureMLException(Exception):
    """The root of them; `message` is what went wrong."""

    def __init__(self, exception_message: str = "", **_kwargs: Any) -> None:
        super().__init__(exception_message)
        self._message = exception_message

    @property
    def message(self) -> str:
        return self._message


class UserErrorException(AzureMLException):
    """What the script asked for cannot be."""


class ServiceException(AzureMLException):
    """The emulator refused a call, or did not answer."""

    def __init__(
        self, exception_message: str = "", status_code: Optional[int] = None, error_code: str = ""
    ) -> None:
        super().__init__(exception_message)
        self.status_code = status_code
        self.error_code = error_code


class RunEnvironmentException(AzureMLException):
    """There is no run here, and the script allows none that is offline."""


class ExperimentExecutionException(AzureMLException):
    """A run could not be submitted."""


class ActivityFailedException(AzureMLException):
    """A run that was waited for failed."""


class ModelNotFoundException(AzureMLException):
    """No registered model has that name, version and tags."""


class ModelPathNotFoundException(AzureMLException):
    """The model's file or folder is not there."""


class WebserviceException(AzureMLException):
    """A web service could not be deployed, or does not answer."""


class ComputeTargetException(AzureMLException):
    """A compute target could not be found or made."""


class WorkspaceException(AzureMLException):
    """The workspace could not be found or made."""


class ProjectSystemException(AzureMLException):
    """A project's configuration could not be read."""


class TrainingException(AzureMLException):
    """A training run failed."""


class SnapshotException(AzureMLException):
    """The source folder could not be copied."""


class DatasetExecutionError(AzureMLException):
    """A dataset could not be read."""

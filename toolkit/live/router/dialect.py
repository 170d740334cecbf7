"""What the service in front of a container answers by itself: managed and Kubernetes endpoints.

Sources: "Troubleshoot online endpoints deployment and scoring", HTTP status codes of managed and
of Kubernetes online endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MODEL_STATUS: Final = "ms-azureml-model-error-statuscode"
MODEL_REASON: Final = "ms-azureml-model-error-reason"
_MODEL_ERROR: Final = 424
_OK: Final = 200


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An answer that no container gave."""

    status: int
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """The statuses of one kind of endpoint, and the largest bodies that it passes on.

    `model_error` is the status that stands for any but 200 of the container; None passes them on.
    """

    timeout: int
    busy: int
    unreachable: int
    model_error: int | None
    largest: int


MANAGED: Final = Dialect(
    timeout=408,
    busy=429,
    unreachable=500,
    model_error=_MODEL_ERROR,
    largest=1_572_864,
)
KUBERNETES: Final = Dialect(
    timeout=504,
    busy=503,
    unreachable=502,
    model_error=None,
    largest=100 << 20,  # what its ingress takes: `client_max_body_size` of the inference images
)
DIALECTS: Final[Mapping[str, Dialect]] = {"managed": MANAGED, "kubernetes": KUBERNETES}

UNAUTHORIZED: Final = Refusal(
    status=401,
    message="You don't have permission to do the requested action: the credentials are missing, "
    "wrong or expired.",
    headers={"WWW-Authenticate": "Bearer"},
)
FORBIDDEN: Final = Refusal(status=403, message="The token is for another endpoint.")
NO_TRAFFIC: Final = Refusal(
    status=404,
    message="The endpoint doesn't have any valid deployment with positive weight.",
)


def unknown_deployment(name: str) -> Refusal:
    return Refusal(status=404, message=f"The endpoint has no deployment named {name}.")


def too_large(dialect: Dialect) -> Refusal:
    return Refusal(status=413, message=f"The request is larger than {dialect.largest} bytes.")


def answer_too_large(dialect: Dialect) -> Refusal:
    return Refusal(
        status=_MODEL_ERROR, message=f"The answer is larger than {dialect.largest} bytes."
    )


def timed_out(dialect: Dialect, milliseconds: int) -> Refusal:
    return Refusal(
        status=dialect.timeout,
        message=f"The model took longer than `request_timeout_ms`: {milliseconds}.",
    )


def busy(dialect: Dialect, at_once: int) -> Refusal:
    return Refusal(
        status=dialect.busy,
        message=f"Too many pending requests: the deployment takes {at_once} at once.",
    )


def waited(dialect: Dialect, milliseconds: int) -> Refusal:
    return Refusal(
        status=dialect.busy,
        message=f"Waited longer than `max_queue_wait_ms`: {milliseconds}.",
    )


def unreachable(dialect: Dialect, deployment: str) -> Refusal:
    return Refusal(
        status=dialect.unreachable,
        message=f"No replica of the deployment {deployment} answers.",
    )


def model_answer(dialect: Dialect, status: int) -> tuple[int, Mapping[str, str]]:
    """The status that the caller sees for the container's, and what is added to the headers."""
    if dialect.model_error is None or status == _OK:
        return status, {}
    return dialect.model_error, {MODEL_STATUS: str(status), MODEL_REASON: "model_error"}

"""Which method and path is which call of a v1 script: the whole of authoring on one page."""

from __future__ import annotations

from typing import Final

from toolkit.live.authoring import (
    computes,
    datasets,
    environments,
    models,
    packages,
    pipelines,
    runs,
    webservices,
    yaml,
)
from toolkit.live.authoring.service import Routes, operation

ROUTES: Final[Routes] = {
    ("GET", "operations/{operation}"): operation,
    **computes.ROUTES,
    **datasets.ROUTES,
    **environments.ROUTES,
    **models.ROUTES,
    **packages.ROUTES,
    **pipelines.ROUTES,
    **runs.ROUTES,
    **webservices.ROUTES,
    **yaml.ROUTES,
}

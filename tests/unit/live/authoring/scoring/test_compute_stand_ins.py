from __future__ import annotations

from typing import Any

import pytest

from toolkit.dropin.azureml.core.compute import AmlCompute, ComputeInstance, ComputeTarget
from toolkit.dropin.azureml.core.compute_target import ComputeTargetException
from toolkit.dropin.azureml.exceptions import UserErrorException
from toolkit.dropin.azureml.pipeline.core import PublishedPipeline


def test_a_compute_is_a_name_that_was_created(here: Any) -> None:
    with pytest.raises(ComputeTargetException, match=r"mine not found.*--compute mine"):
        ComputeTarget(here, "mine")
    sizes = ComputeInstance.provisioning_configuration("STANDARD_D2")
    made = ComputeTarget.create(here, "mine", sizes)
    assert isinstance(made, ComputeInstance)
    assert isinstance(ComputeTarget(here, "mine"), ComputeInstance)
    ComputeTarget.create(here, "cluster", AmlCompute.provisioning_configuration("D2", max_nodes=4))
    assert ComputeTarget(here, "cluster").max_nodes == 4
    made.delete()
    assert [each.name for each in ComputeTarget.list(here)] == ["cluster"]


def test_a_pipeline_that_nobody_published(here: Any) -> None:
    assert PublishedPipeline.list(here) == []
    with pytest.raises(UserErrorException, match="none"):
        PublishedPipeline.get(here, "none")

from pathlib import Path

import pytest

from tests.unit.specs.deployment.deployment_files import BLUE, write_deployment
from toolkit.specs.deployment import load_deployment
from toolkit.specs.deployment.fates import Circumstances, fates

DOCKER = Circumstances(kind="managed", engine="docker")
PROCESS = Circumstances(kind="managed", engine="process")


def fate_of(path: Path, where: Circumstances) -> dict[str, str]:
    return {fate.key: fate.fate for fate in fates(load_deployment(path).file, where)}


def test_every_key_has_a_fate_with_its_line(tmp_path: Path) -> None:
    path = write_deployment(tmp_path)
    found = fates(load_deployment(path).file, DOCKER)
    assert [fate.key for fate in found] == [
        "name",
        "endpoint_name",
        "model.name",
        "model.version",
        "model.path",
        "code_configuration.code",
        "code_configuration.scoring_script",
        "environment",
        "instance_type",
        "instance_count",
    ]
    assert {fate.fate for fate in found} == {"honoured"}
    assert found[-1].place == f"{path}:14"


@pytest.mark.parametrize(
    ("line", "key", "where", "fate"),
    [
        ("app_insights_enabled: true", "app_insights_enabled", DOCKER, "ignored"),
        ("app_insights_enabled: false", "app_insights_enabled", DOCKER, "honoured"),
        (
            "egress_public_network_access: disabled",
            "egress_public_network_access",
            DOCKER,
            "ignored",
        ),
        (
            "egress_public_network_access: Disabled",
            "egress_public_network_access",
            DOCKER,
            "ignored",
        ),
        ("scale_settings: {type: default}", "scale_settings.type", DOCKER, "honoured"),
        ("scale_settings: {type: Default}", "scale_settings.type", DOCKER, "honoured"),
        (
            "scale_settings: {type: target_utilization, max_instances: 3}",
            "scale_settings.type",
            DOCKER,
            "approximated",
        ),
        (
            "data_collector: {collections: {model_inputs: {enabled: true}}}",
            "data_collector.collections.model_inputs.enabled",
            DOCKER,
            "approximated",
        ),
        ("resources: {limits: {cpu: 500m}}", "resources.limits.cpu", DOCKER, "honoured"),
        ("resources: {limits: {cpu: 500m}}", "resources.limits.cpu", PROCESS, "ignored"),
        ("resources: {requests: {cpu: 500m}}", "resources.requests.cpu", DOCKER, "ignored"),
        ("tags: {a: b}", "tags", DOCKER, "honoured"),
        ("description: x", "instance_type", PROCESS, "ignored"),
    ],
)
def test_what_is_not_honoured_says_so(
    tmp_path: Path, line: str, key: str, where: Circumstances, fate: str
) -> None:
    assert fate_of(write_deployment(tmp_path, f"{BLUE}{line}\n"), where)[key] == fate


def test_a_size_that_nobody_knows_is_ignored(tmp_path: Path) -> None:
    path = write_deployment(tmp_path, BLUE.replace("Standard_DS3_v2", "Standard_Unheard_v9"))
    assert fate_of(path, DOCKER)["instance_type"] == "ignored"

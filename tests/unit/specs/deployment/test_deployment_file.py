from pathlib import Path, PurePosixPath

import pytest

from tests.project import Tree
from tests.unit.specs.deployment.deployment_files import BLUE, changed, write_deployment
from toolkit.errors import SpecError
from toolkit.specs.deployment import (
    InlineModel,
    ModelReference,
    ProbeSettings,
    RequestSettings,
    Route,
    load_deployment,
)
from toolkit.specs.environment import CondaEnvironment

SCHEMA = "$schema: https://azuremlschemas.azureedge.net/latest/"


def test_what_is_written_and_azures_defaults_for_the_rest(tmp_path: Path) -> None:
    blue = load_deployment(write_deployment(tmp_path))
    assert (blue.kind, blue.name, blue.endpoint, blue.instances) == ("managed", "blue", "iris", 2)
    assert blue.model == InlineModel(path=tmp_path / "model", name="iris", version="3")
    assert blue.code is not None
    assert blue.code.folder == tmp_path / "code"
    assert blue.code.script == PurePosixPath("score.py")
    assert blue.requests == RequestSettings(timeout_ms=5000, concurrent=1, queue_wait_ms=500)
    assert blue.readiness == ProbeSettings(
        initial_delay=10, period=10, timeout=2, success_threshold=1, failure_threshold=30
    )
    environment = blue.environment()
    assert isinstance(environment, CondaEnvironment)
    assert environment.base == "mcr.microsoft.com/azureml/minimal-py311-inference:latest"


def test_the_environment_is_read_anew_each_time(tmp_path: Path) -> None:
    blue = load_deployment(write_deployment(tmp_path))
    (tmp_path / "env.yml").write_text("name: other\ndependencies:\n  - python=3.12\n")
    assert blue.environment().name == "other"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("type: kubernetes", "kubernetes"),
        (f"{SCHEMA}kubernetesOnlineDeployment.schema.json", "kubernetes"),
        (f"{SCHEMA}managedOnlineDeployment.schema.json", "managed"),
    ],
)
def test_which_kind_it_is(tmp_path: Path, line: str, kind: str) -> None:
    assert load_deployment(write_deployment(tmp_path, f"{line}\n{BLUE}")).kind == kind


def test_settings_that_are_written(tmp_path: Path) -> None:
    text = BLUE + (
        "environment_variables: {N: 3, ON: true, TEXT: x}\n"
        "request_settings: {request_timeout_ms: 90000, max_concurrent_requests_per_instance: 4}\n"
        "liveness_probe: {period: 3, failure_threshold: 2}\n"
        "data_collector:\n  sampling_rate: 0.5\n  collections:\n"
        "    request: {enabled: 'true'}\n    response: {enabled: false}\n"
    )
    blue = load_deployment(write_deployment(tmp_path, text))
    assert blue.variables == {"N": "3", "ON": "true", "TEXT": "x"}
    assert blue.requests == RequestSettings(timeout_ms=90000, concurrent=4)
    assert blue.liveness == ProbeSettings(period=3, failure_threshold=2)
    assert blue.collector is not None
    assert [(each.name, each.rate) for each in blue.collector.collections] == [("request", 0.5)]


def test_words_may_be_in_any_case(tmp_path: Path) -> None:
    more = """\
type: Managed
egress_public_network_access: Disabled
scale_settings: {type: Default}
data_collector: {rolling_rate: Day, collections: {}}
"""
    blue = load_deployment(write_deployment(tmp_path, BLUE + more))
    assert blue.kind == "managed"
    assert blue.instances == 2
    assert blue.collector is not None
    assert blue.collector.rolling == "day"


def test_a_registered_model_is_looked_up_later(tmp_path: Path) -> None:
    text = changed('\n  name: iris\n  version: "3"\n  path: model', " azureml:iris:3")
    assert load_deployment(write_deployment(tmp_path, text)).model == ModelReference(
        text="azureml:iris:3"
    )


def test_kubernetes_amounts(tmp_path: Path) -> None:
    text = (
        "type: kubernetes\n"
        + changed("instance_type: Standard_DS3_v2\n", "")
        + ("resources:\n  requests: {cpu: 100m, memory: 0.5Gi}\n  limits: {cpu: 2, memory: 1G}\n")
    )
    resources = load_deployment(write_deployment(tmp_path, text)).resources
    assert resources.memory_request == 512 << 20
    assert resources.memory_limit == 1000**3
    assert resources.cpu_limit == 2.0


def test_a_container_of_ones_own_needs_no_code(tmp_path: Path) -> None:
    text = (
        "name: blue\nendpoint_name: iris\ninstance_type: Standard_DS3_v2\nmodel_mount_path: /models"
        "\nenvironment:\n  image: tensorflow/serving:latest\n  inference_config:\n"
        "    liveness_route: {port: 8501, path: /v1/models/m}\n"
        "    readiness_route: {port: 8501, path: /v1/models/m}\n"
        "    scoring_route: {port: 8501, path: v1/models/m:predict}\n"
    )
    blue = load_deployment(write_deployment(tmp_path, text))
    assert blue.code is None
    assert blue.routes is not None
    assert blue.routes.scoring == Route(path="/v1/models/m:predict", port=8501)


OWN = (
    "name: blue\nendpoint_name: iris\ninstance_type: Standard_DS3_v2\nenvironment: azureml:own:1\n"
)
SERVING = (
    "name: own\nimage: tensorflow/serving:latest\ninference_config:\n"
    "  liveness_route: {port: 8501, path: /v1/models/m}\n"
    "  readiness_route: {port: 8501, path: /v1/models/m}\n"
    "  scoring_route: {port: 8501, path: v1/models/m:predict}\n"
)


def test_the_routes_of_a_registered_environment(tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    own.write_text(SERVING)
    asked: list[str] = []

    def registered(reference: str) -> Path:
        asked.append(reference)
        return own

    blue = load_deployment(write_deployment(tmp_path, OWN), registered=registered)
    assert asked == ["azureml:own:1"]
    assert blue.routes is not None
    assert blue.routes.scoring == Route(path="/v1/models/m:predict", port=8501)


def test_a_reference_that_is_none_says_its_line(tmp_path: Path) -> None:
    def registered(_reference: str) -> Path:
        raise SpecError(
            "not a reference to a registered environment: `azureml:own:1:2`", hint="write it so"
        )

    with pytest.raises(SpecError) as caught:
        load_deployment(write_deployment(tmp_path, OWN), registered=registered)
    assert caught.value.message.startswith(f"{tmp_path}/blue.yml:4: not a reference")
    assert caught.value.hint == "write it so"


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        ("endpoint_name", "endpont_name", ":2: unknown key `endpont_name`", "`endpoint_name`"),
        ("  code: code", "  cod: code", ":8: unknown key `cod`", "`code`"),
        ("path: model", "path: modl", ":6: model not found: ", ""),
        ("code: code", "code: kode", ":8: code folder not found", ""),
        ("score.py", "../score.py", ":9: the scoring script is outside `code`", "travels"),
        ("score.py", "scorer.py", ":9: scoring script not found", "score.py"),
        ("name: blue", "name: 1blue", ":1: not a name that Azure accepts: `1blue`", "letter"),
        ("name: blue", "name: ab", ":1: not a name", ""),
        ("instance_type: Standard_DS3_v2\n", "", "needs `instance_type`", ""),
        ("instance_count: 2", "instance_count: 0", ":14: `instance_count`", ""),
        ("instance_count: 2", "instance_count: many", ":14: `instance_count`", ""),
        (
            "instance_count: 2",
            "request_settings:\n  request_timeout_ms: 190000",
            ":15: a managed endpoint waits 180000 ms at most",
            "",
        ),
        ("instance_count: 2", "liveness_probe: {perod: 3}", ":14: unknown key `perod`", "`period`"),
        ("path: model", "path: model\n  type: mlflow_model", "it has no `MLmodel`", "folder"),
        ("path: model", "path: model\n  type: triton_model", "custom containers only", ""),
        ("instance_count: 2", "model_mount_path: /x", ":14: `model_mount_path` is for", ""),
        ("instance_count: 2", "resources: {limits: {memory: lots}}", "not an amount of memory", ""),
        ("instance_count: 2", "resources: {limits: {gpu: 1}}", ":14: unknown key `gpu`", "`cpu`"),
    ],
)
def test_what_the_cloud_would_refuse(
    tmp_path: Path, old: str, new: str, message: str, hint: str
) -> None:
    path = write_deployment(tmp_path, changed(old, new))
    with pytest.raises(SpecError) as caught:
        load_deployment(path)
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"code": {"score.py": "def init():\n    pass\n"}}, "no `run()` function"),
        ({"code": {"score.py": "def init(:\n"}}, "score.py:1: syntax error"),
    ],
)
def test_the_script_is_read_before_anything_is_built(
    tmp_path: Path, files: Tree, message: str
) -> None:
    path = write_deployment(tmp_path, files=files)
    with pytest.raises(SpecError, match=r"score\.py") as caught:
        load_deployment(path)
    assert message in caught.value.message


@pytest.mark.parametrize(
    "text", ["", "- a\n", "just text\n", "name: [\n", f"{SCHEMA}commandJob.schema.json\n{BLUE}"]
)
def test_what_is_no_deployment(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecError, match=r"blue\.yml"):
        load_deployment(write_deployment(tmp_path, text))


def test_a_registry_is_refused_by_name(tmp_path: Path) -> None:
    reference = "azureml://registries/azureml/models/x/versions/1"
    text = changed('\n  name: iris\n  version: "3"\n  path: model', f" {reference}")
    with pytest.raises(SpecError, match="models of a registry are not on this machine"):
        load_deployment(write_deployment(tmp_path, text))

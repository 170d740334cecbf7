from pathlib import Path, PurePosixPath

import pytest

from tests.unit.specs.deployment.deployment_files import BLUE, changed, write_deployment
from toolkit.errors import SpecError
from toolkit.plans.deployment import PlacedModel, ReplicaRequest, fingerprint, plan_replica
from toolkit.plans.model import LaunchPlan, Mount, Port
from toolkit.plans.service import mountpoints
from toolkit.specs.deployment import load_deployment


def request(folder: Path, text: str = BLUE) -> ReplicaRequest:
    deployment = load_deployment(write_deployment(folder, text))
    return ReplicaRequest(
        deployment=deployment,
        endpoint="iris",
        image="aml-emu/tiny:1",
        code=deployment.code,
        model=PlacedModel(source=folder / "model", name="iris", version="3"),
        project=folder,
    )


def plan(folder: Path, text: str = BLUE) -> LaunchPlan:
    return plan_replica(request(folder, text), name="iris.blue.1")


def test_code_and_model_lie_where_azure_puts_them(tmp_path: Path) -> None:
    made = plan(tmp_path)
    root = PurePosixPath("/var/azureml-app")
    assert made.env["AML_APP_ROOT"] == "/var/azureml-app/code"
    assert made.env["AZUREML_ENTRY_SCRIPT"] == "score.py"
    assert made.env["AZUREML_MODEL_DIR"] == "/var/azureml-app/azureml-models/iris/3"
    assert made.mounts == (
        Mount(source=tmp_path / "code", target=root / "code"),
        Mount(
            source=tmp_path / "model",
            target=root / "azureml-models/iris/3/model",
            read_only=True,
        ),
    )
    assert mountpoints(made) == []  # nothing is mounted into the user's own folder


def test_a_script_in_a_subfolder_moves_the_app_root(tmp_path: Path) -> None:
    (tmp_path / "code" / "online").mkdir(parents=True)
    script = "def init():\n    pass\n\ndef run(data):\n    return data\n"
    (tmp_path / "code" / "online" / "score.py").write_text(script)
    made = plan(tmp_path, changed("scoring_script: score.py", "scoring_script: online/score.py"))
    assert made.env["AML_APP_ROOT"] == "/var/azureml-app/code/online"
    assert made.env["AZUREML_ENTRY_SCRIPT"] == "score.py"
    assert made.labels["io.aml-emu.script"] == "online/score.py"


def test_the_users_variables_come_last(tmp_path: Path) -> None:
    text = BLUE + "environment_variables: {AZUREML_MODEL_DIR: /mine, WORKER_COUNT: 3}\n"
    made = plan(tmp_path, text)
    assert made.env["AZUREML_MODEL_DIR"] == "/mine"
    assert made.env["WORKER_COUNT"] == "3"


def test_a_replica_has_the_memory_of_its_machine_size(tmp_path: Path) -> None:
    assert plan(tmp_path).memory == "14336m"
    assert plan(tmp_path, changed("Standard_DS3_v2", "Standard_Unheard_v9")).memory is None
    limited = "type: kubernetes\n" + BLUE + "resources: {limits: {memory: 1Gi}}\n"
    assert plan(tmp_path, limited).memory == "1024m"


def test_a_replica_has_the_cpus_of_its_limit(tmp_path: Path) -> None:
    assert plan(tmp_path).cpus is None
    limited = "type: kubernetes\n" + BLUE + "resources: {limits: {cpu: 500m}}\n"
    assert plan(tmp_path, limited).cpus == 0.5


def test_it_is_waited_for_as_long_as_its_readiness_probe_says(tmp_path: Path) -> None:
    probe = plan(tmp_path, BLUE + "readiness_probe: {initial_delay: 5, period: 2}\n").probe
    assert probe is not None
    assert probe.timeout == 5 + 30 * 2


OWN = """
name: own
endpoint_name: iris
instance_type: Standard_DS3_v2
model_mount_path: /models
environment:
  image: tensorflow/serving:latest
  inference_config:
    liveness_route: {port: 8501, path: /live}
    readiness_route: {port: 8502, path: /ready}
    scoring_route: {port: 8501, path: /predict}
"""


def test_a_container_of_ones_own_is_left_as_it_is(tmp_path: Path) -> None:
    made = plan(tmp_path, OWN)
    assert made.command == ()
    assert made.ports == (Port(container=8501), Port(container=8502))
    assert made.env["AZUREML_MODEL_DIR"] == "/models/azureml-models/iris/3"
    assert [mount.target for mount in made.mounts] == [
        PurePosixPath("/models/azureml-models/iris/3/model")
    ]
    assert not made.as_host_user
    assert made.probe is not None
    assert (made.probe.port, made.probe.path) == (8502, "/ready")
    assert mountpoints(made) == []


def test_only_what_matters_changes_the_fingerprint(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    first = fingerprint(plan_replica(wanted, name="a"), 1)
    assert fingerprint(plan_replica(wanted, name="b"), 1) == first
    assert fingerprint(plan_replica(wanted, name="a"), 2) != first
    other = request(tmp_path, BLUE + "environment_variables: {A: b}\n")
    assert fingerprint(plan_replica(other, name="a"), 1) != first


def test_without_code_there_must_be_routes(tmp_path: Path) -> None:
    wanted = request(tmp_path)
    bare = ReplicaRequest(
        deployment=wanted.deployment,
        endpoint="iris",
        image="x",
        code=None,
        model=None,
        project=tmp_path,
    )
    with pytest.raises(SpecError, match="needs `code_configuration`"):
        plan_replica(bare, name="a")

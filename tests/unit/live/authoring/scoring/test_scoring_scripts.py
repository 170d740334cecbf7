"""Models, packages and services as a v1 script asks for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEngine, Script
from tests.project import write_tree
from tests.unit.live.authoring.scoring.conftest import BASE
from toolkit.dropin.azureml.core.container_registry import ContainerRegistry
from toolkit.dropin.azureml.core.environment import Environment
from toolkit.dropin.azureml.core.model import InferenceConfig, Model, ModelPackage
from toolkit.dropin.azureml.core.resource_configuration import ResourceConfiguration
from toolkit.dropin.azureml.core.webservice.aci import AciWebservice
from toolkit.dropin.azureml.core.webservice.local import LocalWebservice
from toolkit.dropin.azureml.core.webservice.webservice import Webservice
from toolkit.dropin.azureml.exceptions import UserErrorException, WebserviceException
from toolkit.live.authoring.service import Authoring

SCORE = "def init(): ...\ndef run(data): ...\n"


@pytest.fixture
def environment() -> Environment:
    """An image with a Python of its own: nothing has to be resolved."""
    made = Environment("own")
    made.docker.base_image = BASE
    made.python.user_managed_dependencies = True
    return made


@pytest.fixture
def inference(home: Path, environment: Environment) -> InferenceConfig:
    write_tree(home, {"score.py": SCORE, "beside.txt": "", "m.txt": "1"})
    return InferenceConfig(entry_script="score.py", environment=environment)


@pytest.fixture
def model(here: Any, home: Path) -> Model:
    write_tree(home, {"m.txt": "1"})
    return Model.register(
        here,
        "m.txt",
        "iris",
        model_framework=Model.Framework.SCIKITLEARN,
        resource_configuration=ResourceConfiguration(cpu=1, memory_in_gb=0.5),
    )


def test_a_package_is_an_image(
    here: Any, model: Model, inference: InferenceConfig, engine: FakeEngine,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    package = Model.package(here, [model], inference, image_name="mine/iris", image_label="v1")
    assert isinstance(package, ModelPackage)
    package.wait_for_creation(show_output=True)
    package.pull()
    assert (package.state, package.location) == ("Succeeded", "mine/iris:v1")
    printed = capsys.readouterr().out.splitlines()
    assert printed[-2:] == [
        "Package creation Succeeded",
        "Status: Image is up to date for mine/iris:v1",
    ]
    plan, _ = engine.built[-1]
    assert "azureml-app/azureml-models/iris/1/m.txt" in {str(f.path) for f in plan.context}
    assert "image mine/iris:v1" in package.get_logs()
    registry = package.get_container_registry()
    assert isinstance(registry, ContainerRegistry)
    assert (registry.address, registry.username) == (None, None)
    with pytest.raises(WebserviceException, match="generate_dockerfile=True"):
        package.save("there")


def test_a_package_is_a_dockerfile(
    here: Any, model: Model, inference: InferenceConfig, home: Path
) -> None:
    package = Model.package(here, [model], inference, generate_dockerfile=True)
    package.wait_for_creation()
    package.save("there")
    assert {path.name for path in (home / "there").iterdir()} == {
        "Dockerfile", "azureml-app", "model_config_map.json",
    }  # fmt: skip
    assert [path.name for path in (home / "there/azureml-app").glob("*.*")] == ["score.py"]
    with pytest.raises(UserErrorException, match="not empty: there"):
        package.save("there")
    with pytest.raises(WebserviceException, match="no image to pull"):
        package.pull()


def test_a_package_that_cannot_be_made_says_why(
    here: Any, home: Path, environment: Environment
) -> None:
    write_tree(home, {"score.py": SCORE})
    environment.docker.base_image = "nowhere/none:1"
    package = Model.package(here, [], InferenceConfig("score.py", environment=environment))
    with pytest.raises(WebserviceException, match="`nowhere/none:1` is not here"):
        package.wait_for_creation()
    assert package.state == "Failed"
    with pytest.raises(WebserviceException, match="is not here"):
        package.pull()


def test_a_service_from_its_deployment_to_its_end(
    here: Any, model: Model, inference: InferenceConfig, home: Path, authoring: Authoring,
    engine: FakeEngine,
) -> None:  # fmt: skip
    service = Model.deploy(here, "svc", [model], inference, LocalWebservice.deploy_configuration())
    assert isinstance(service, LocalWebservice)
    service.wait_for_deployment()
    assert (service.state, service.compute_type) == ("running", "Local")
    assert service.scoring_uri == f"http://127.0.0.1:{service.port}/score"
    assert [each.id for each in service.models] == ["iris:1"]
    assert service.get_logs() == "one\ntwo"
    plan = engine.launched[-1]
    assert plan.env["AZUREML_MODEL_DIR"] == "/var/azureml-app/azureml-models/iris/1"
    code = Path(plan.labels["io.aml-emu.code"])
    assert sorted(path.name for path in code.glob("*.*")) == ["score.py"], "not its neighbours"
    with pytest.raises(UserErrorException, match="`svc` has the model azureml:iris:1"):
        model.delete()

    port = service.port
    (home / "score.py").write_text(SCORE + "# new\n")
    service.reload(wait=True)
    assert (code / "score.py").read_text() == SCORE + "# new\n"
    assert (service.port, len(engine.built)) == (port, 1)
    assert [each.name for each in Webservice.list(here)] == ["svc"]

    Webservice(here, "svc").delete()
    assert service.state == "deleted"
    assert engine.find({"io.aml-emu.kind": "service"}) == []
    assert not code.exists()
    model.delete()


def test_a_name_that_is_taken_and_overwritten(here: Any, inference: InferenceConfig) -> None:
    first = Model.deploy(here, "svc", [], inference)
    first.wait_for_deployment()
    with pytest.raises(WebserviceException, match="`svc` is running already"):
        Model.deploy(here, "svc", [], inference)
    again = Model.deploy(here, "svc", [], inference, overwrite=True)
    again.wait_for_deployment()
    again.update(models=[], inference_config=inference, wait=True)
    assert again.state == "running"
    again.delete()


def test_a_service_that_does_not_start_has_logs(
    here: Any, inference: InferenceConfig, engine: FakeEngine
) -> None:
    engine.script = Script(exit_code=3, log=b"Boom\n")
    service = Model.deploy(here, "svc", [], inference)
    with pytest.raises(WebserviceException, match="ended"):
        service.wait_for_deployment()
    assert (service.state, service.get_logs()) == ("failed", "Boom")
    service.delete()


def test_container_instances_have_a_stand_in(
    here: Any, inference: InferenceConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    configuration = AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=1, tags={})
    service = Model.deploy(here, "aci-svc", [], inference, configuration)
    service.wait_for_deployment()
    assert "`aci-svc` is deployed on this machine" in capsys.readouterr().out
    assert (service.compute_type, service.state) == ("ACI", "running")
    with pytest.raises(WebserviceException, match="no keys"):
        service.get_keys()
    service.delete()


def test_what_is_scored(here: Any, inference: InferenceConfig, engine: FakeEngine) -> None:
    service = Model.deploy(here, "svc", [], inference)
    service.wait_for_deployment()
    # the fake answers GET only, as a server that knows no such method
    with pytest.raises(WebserviceException, match="Response Code: 501"):
        service.run(json.dumps({"data": [1]}))
    service.delete()
    with pytest.raises(WebserviceException, match="is deleted"):
        service.run("{}")


@pytest.mark.parametrize(
    ("name", "problem"),
    [("Up", "not a name for a service"), ("a", "not a name"), ("a-", "not a name")],
)
def test_names_of_services(here: Any, inference: InferenceConfig, name: str, problem: str) -> None:
    with pytest.raises(WebserviceException, match=problem):
        Model.deploy(here, name, [], inference)


def test_what_is_not_there(here: Any, inference: InferenceConfig) -> None:
    with pytest.raises(WebserviceException, match=r"WebserviceNotFound: none; there is: none"):
        LocalWebservice(here, "none")
    with pytest.raises(UserErrorException, match="none"):
        Model.package(here, ["none:1"], inference)
    with pytest.raises(UserErrorException, match="not a registered model"):
        Model.package(here, [object()], inference)
    with pytest.raises(UserErrorException, match="InferenceConfig"):
        Model.package(here, [], None)
    with pytest.raises(WebserviceException, match="not a port: 70000"):
        Model.deploy(here, "svc", [], inference, LocalWebservice.deploy_configuration(70000))


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda env: InferenceConfig("none.py", environment=env), "is not there"),
        (lambda env: InferenceConfig("score.txt", environment=env), "must be a Python file"),
        (lambda env: InferenceConfig("bad.py", environment=env), "is not Python"),
        (lambda env: InferenceConfig("score.py"), "needs an `environment`"),
        (
            lambda env: InferenceConfig("score.py", conda_file="x.yml", environment=env),
            "not both",
        ),
        (
            lambda env: InferenceConfig("score.py", source_directory="none", environment=env),
            "source directory is not there",
        ),
        (
            lambda env: InferenceConfig(
                "score.py", conda_file="x.yml", extra_docker_file_steps="steps"
            ),
            "base_dockerfile",
        ),
    ],
)
def test_an_inference_configuration_is_checked_at_once(
    make: Callable[[Environment], InferenceConfig], problem: str,
    home: Path, environment: Environment, authoring: Authoring,
) -> None:  # fmt: skip
    write_tree(home, {"score.py": SCORE, "bad.py": "def (", "score.txt": ""})
    with pytest.raises(UserErrorException, match=problem):
        make(environment)


def test_an_environment_without_a_server_is_warned_of(home: Path, authoring: Authoring) -> None:
    write_tree(home, {"score.py": SCORE})
    environment = Environment("bare")
    environment.python.conda_dependencies.set_pip_requirements(["numpy"])
    with pytest.warns(UserWarning, match="azureml-defaults"):
        InferenceConfig("score.py", environment=environment)


def test_what_is_said_of_a_model(here: Any, model: Model) -> None:
    model.add_tags({"a": 1})
    model.add_properties({"p": 1, "model_framework": "other"})
    model.update(description="told")
    found = Model(here, "iris")
    assert (found.tags, found.description) == ({"a": "1"}, "told")
    assert found.properties == {"p": "1", "model_framework": "ScikitLearn"}
    found.remove_tags(["a"])
    assert Model(here, "iris").tags == {}


def test_an_update_that_cannot_be_served_leaves_what_runs(
    here: Any, home: Path, environment: Environment, inference: InferenceConfig
) -> None:
    service = Model.deploy(here, "svc", [], inference)
    service.wait_for_deployment()
    write_tree(home, {"src": {"a.txt": ""}})
    outside = InferenceConfig("../score.py", source_directory="src", environment=environment)
    service.update(inference_config=outside)
    with pytest.raises(WebserviceException, match="not in the source directory"):
        service.wait_for_deployment()
    assert Webservice(here, "svc").state == "running"


def test_what_is_to_be_overwritten_goes_on_until_there_is_something_better(
    here: Any, home: Path, inference: InferenceConfig
) -> None:
    Model.deploy(here, "svc", [], inference).wait_for_deployment()
    write_tree(home, {"score.py": "def init(): ...\n"})
    with pytest.raises(WebserviceException, match=r"no `run\(\)` function"):
        Model.deploy(here, "svc", [], inference, overwrite=True).wait_for_deployment()
    assert Webservice(here, "svc").state == "running"

from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from toolkit.errors import SpecError
from toolkit.plans import emulation
from toolkit.plans.model import LaunchPlan, Mount, Port, Probe, ReloadMode
from toolkit.plans.service import Scoring, mountpoints, plan_service, under_reload, with_agent

CODE = Path("/home/me/my project")
SCORING = Scoring(name="iris", script=CODE / "score.py")
APP = PurePosixPath("/var/azureml-app")


def plan(scoring: Scoring = SCORING, *, ca_bundle: Path | None = None) -> LaunchPlan:
    return plan_service(
        scoring, image="aml-emu/iris:0123456789ab", project=CODE.parent, ca_bundle=ca_bundle
    )


def with_models(*paths: str) -> LaunchPlan:
    return plan(replace(SCORING, models=tuple(Path(path) for path in paths)))


def test_the_code_folder_is_mounted_writable_as_the_app_root() -> None:
    assert plan().mounts == (Mount(source=CODE, target=APP),)
    assert plan().env["AML_APP_ROOT"] == "/var/azureml-app"
    assert plan().env["AZUREML_ENTRY_SCRIPT"] == "score.py"


def test_only_the_scoring_port_is_published_on_the_port_asked_for() -> None:
    assert plan().ports == (Port(container=5001, host=8000),)
    assert plan(replace(SCORING, port=None)).ports == (Port(container=5001, host=None),)


def test_ready_means_the_scoring_port_answers() -> None:
    assert plan(replace(SCORING, ready_timeout=7)).probe == Probe(port=5001, path="/", timeout=7)


def test_the_labels_say_what_is_served() -> None:
    assert plan().labels == {
        "io.aml-emu.kind": "service",
        "io.aml-emu.name": "iris",
        "io.aml-emu.project": str(CODE.parent),
        "io.aml-emu.code": str(CODE),
        "io.aml-emu.script": "score.py",
    }


def test_the_users_variables_win() -> None:
    made = plan(replace(SCORING, env={"WORKER_COUNT": "2", "AML_APP_ROOT": "/elsewhere"}))
    assert made.env["WORKER_COUNT"] == "2"
    assert made.env["AML_APP_ROOT"] == "/elsewhere"


def test_without_a_model_there_is_no_model_folder() -> None:
    assert "AZUREML_MODEL_DIR" not in plan().env


def test_one_model_lies_in_its_versions_folder() -> None:
    made = with_models("/data/iris.joblib")
    target = APP / "azureml-models/iris/1/iris.joblib"
    assert made.mounts[1:] == (
        Mount(source=Path("/data/iris.joblib"), target=target, read_only=True),
    )
    assert made.env["AZUREML_MODEL_DIR"] == str(target.parent)


def test_a_model_folder_lies_in_its_versions_folder_under_its_own_name() -> None:
    made = with_models("/data/model")
    assert made.mounts[1].target == APP / "azureml-models/model/1/model"
    assert made.env["AZUREML_MODEL_DIR"] == str(APP / "azureml-models/model/1")


def test_several_models_share_a_root() -> None:
    made = with_models("/data/a.pkl", "/data/b")
    assert [mount.target for mount in made.mounts[1:]] == [
        APP / "azureml-models/a/1/a.pkl",
        APP / "azureml-models/b/1/b",
    ]
    assert made.env["AZUREML_MODEL_DIR"] == str(APP / "azureml-models")


def test_a_long_model_name_is_cut_in_the_folder_only() -> None:
    made = with_models("/data/" + "m" * 40 + ".pkl")
    assert made.mounts[1].target == APP / "azureml-models" / ("m" * 30) / "1" / ("m" * 40 + ".pkl")


def test_two_models_in_one_place_are_refused() -> None:
    with pytest.raises(SpecError) as caught:
        with_models("/a/model.pkl", "/b/model.pkl")
    assert "/a/model.pkl and /b/model.pkl" in caught.value.message
    assert caught.value.hint == "rename one of them"


def test_the_hosts_certificates_come_along() -> None:
    made = plan(ca_bundle=Path("/etc/ssl/company.crt"))
    assert made.mounts[-1] == Mount(
        source=Path("/etc/ssl/company.crt"), target=emulation.CA_BUNDLE, read_only=True
    )
    assert made.env["SSL_CERT_FILE"] == made.env["REQUESTS_CA_BUNDLE"] == str(emulation.CA_BUNDLE)
    assert "SSL_CERT_FILE" not in plan().env


def test_each_image_has_a_bytecode_cache_of_its_own() -> None:
    (cache,) = plan().caches
    assert (cache.name, cache.target) == ("pyc-iris-0123456789ab", emulation.BYTECODE_CACHE)


def test_mount_points_are_those_inside_the_users_folder() -> None:
    made = replace(
        with_models("/data/a.pkl"),
        mounts=(
            *with_models("/data/a.pkl").mounts,
            Mount(source=Path("/x"), target=PurePosixPath("/opt/x")),
        ),
    )
    assert mountpoints(made) == [PurePosixPath("azureml-models/a/1/a.pkl")]


@pytest.mark.parametrize("mode", ["restart", "fork", "swap"])
def test_reload_brings_the_agent_and_says_its_mode(mode: ReloadMode) -> None:
    made = under_reload(plan(), mode=mode, token="t0ken")
    assert made.reload is not None
    assert (made.reload.mode, made.reload.token) == (mode, "t0ken")
    assert made.reload.control_port == emulation.CONTROL_PORT
    assert made.env["AML_EMU_RELOAD"] == mode
    assert made.env["AML_EMU_CONTROL_TOKEN"] == "t0ken"
    assert made.labels[emulation.LABEL_RELOAD] == mode
    assert made.ports == (*plan().ports, Port(container=emulation.CONTROL_PORT))


def test_a_plan_is_never_changed_in_place() -> None:
    before = plan()
    under_reload(before, mode="fork", token="t")
    assert before == plan()


def test_the_agent_is_a_runit_service_that_can_be_executed() -> None:
    files = {str(file.path): file.mode for file in with_agent(plan(), token="t").files}
    assert files["/var/runit/aml-emu/run"] == 0o755


def test_the_agent_comes_once_and_keeps_its_token() -> None:
    once = with_agent(plan(), token="first")
    assert with_agent(once, token="second") == once
    made = under_reload(once, mode="fork", token="second")
    assert made.reload is not None
    assert made.reload.token == made.env["AML_EMU_CONTROL_TOKEN"] == "first"


def test_gunicorn_options_of_the_user_are_kept() -> None:
    made = with_agent(plan(replace(SCORING, env={"GUNICORN_CMD_ARGS": "--threads 4"})), token="t")
    assert made.env["GUNICORN_CMD_ARGS"].endswith(" --threads 4")
    assert made.env["GUNICORN_CMD_ARGS"].startswith("--config /opt/aml-emu/")

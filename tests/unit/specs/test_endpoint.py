from pathlib import Path

import pytest

from toolkit.errors import SpecError
from toolkit.specs.endpoint import check_known, load_endpoint, read_traffic


def written(folder: Path, text: str) -> Path:
    path = folder / "endpoint.yml"
    path.write_text(text)
    return path


def test_an_endpoint(tmp_path: Path) -> None:
    text = (
        "name: iris\nauth_mode: Key\ntraffic: {blue: 90, green: 10}\nmirror_traffic: {green: 20}\n"
    )
    endpoint = load_endpoint(written(tmp_path, text))
    assert (endpoint.name, endpoint.auth_mode) == ("iris", "key")
    assert endpoint.traffic == {"blue": 90, "green": 10}
    assert endpoint.mirror_traffic == {"green": 20}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: iris\ntraffic: {blue: 90, green: 20}\n",
            ":2: traffic must sum to 100, or to 0: 110",
        ),
        ("name: iris\ntraffic: {blue: -5, green: 105}\n", ":2: traffic is a percentage"),
        ("name: iris\nmirror_traffic: {a: 60}\n", ":2: at most 50 percent can be mirrored"),
        ("name: iris\nmirror_traffic: {a: 10, b: 10}\n", ":2: traffic can be mirrored to one"),
        ("name: iris\nauth_mode: password\n", ":2: `auth_mode`"),
        ("name: iris_endpoint\n", ":1: not a name that Azure accepts"),
        ("name: iris\nauth: key\n", ":2: unknown key `auth`"),
        (
            "$schema: https://x/managedOnlineDeployment.schema.json\nname: iris\n",
            ":1: not an online",
        ),
    ],
)
def test_what_the_cloud_would_refuse(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        load_endpoint(path)
    assert f"{path}{message}" in caught.value.message


def test_shares_as_az_takes_them() -> None:
    assert read_traffic(["blue=90 green=10"]) == {"blue": 90, "green": 10}
    assert read_traffic(["blue=90%", "green=10"]) == {"blue": 90, "green": 10}


@pytest.mark.parametrize("pair", ["blue", "blue=", "blue=x", "blue=1.5"])
def test_shares_that_are_none(pair: str) -> None:
    with pytest.raises(SpecError, match="not a share of traffic"):
        read_traffic([pair])


def test_an_unknown_deployment_has_a_nearest_name() -> None:
    with pytest.raises(SpecError) as caught:
        check_known({"gren": 100}, ["blue", "green"], where="endpoint `iris`")
    assert caught.value.message == "endpoint `iris`: no deployment named `gren`"
    assert "`green`" in caught.value.hint

import base64
import json
from pathlib import Path

import docker
import pytest

from toolkit.engines.buildkit.grpc_status import GrpcError, Status
from toolkit.engines.buildkit.protobuf import bytes_field, fields, varint_field
from toolkit.engines.buildkit.sdk import configured_proxies, registry_login
from toolkit.engines.buildkit.services import CREDENTIALS, GET_SECRET, Login, session_services


@pytest.fixture
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def client() -> docker.APIClient:
    return docker.APIClient(base_url="unix:///nowhere/docker.sock", version="1.41")


def basic(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def test_credentials_are_asked_by_host() -> None:
    logins = {"feeds.example:5000": Login("me", "secret")}
    services = session_services({}, lambda host: logins.get(host, Login()))
    answer = services[CREDENTIALS](bytes_field(1, b"feeds.example:5000"))
    assert dict(fields(answer)) == {1: b"me", 2: b"secret"}
    assert services[CREDENTIALS](bytes_field(1, b"other.example")) == b""


def test_a_secret_may_be_empty() -> None:
    services = session_services({"none": b""}, lambda host: Login())
    assert services[GET_SECRET](bytes_field(1, b"none")) == b""


@pytest.mark.parametrize("request_bytes", [b"", varint_field(1, 4)])
def test_a_request_without_a_name_finds_nothing(request_bytes: bytes) -> None:
    services = session_services({"feed": b"token"}, lambda host: Login())
    with pytest.raises(GrpcError) as refused:
        services[GET_SECRET](request_bytes)
    assert refused.value.status == Status.NOT_FOUND


def test_logins_come_from_the_docker_configuration(docker_config: Path) -> None:
    auths = {
        "https://index.docker.io/v1/": basic("hub", "hub-password"),
        "feeds.example:5000": basic("me", "pass:word"),
        "token.example": {"identitytoken": "long-token"},
        "empty.example": {},
    }
    docker_config.write_text(json.dumps({"auths": auths}))
    api = client()
    assert registry_login(api, "registry-1.docker.io") == Login("hub", "hub-password")
    assert registry_login(api, "feeds.example:5000") == Login("me", "pass:word")
    assert registry_login(api, "token.example") == Login("", "long-token")
    assert registry_login(api, "empty.example") == Login()
    assert registry_login(api, "unknown.example") == Login()
    api.close()


def test_proxies_come_from_the_docker_configuration(docker_config: Path) -> None:
    proxies = {"default": {"httpProxy": "http://proxy.example:3128", "noProxy": "a,b"}}
    docker_config.write_text(json.dumps({"proxies": proxies}))
    api = client()
    found = configured_proxies(api)
    api.close()
    assert found["HTTP_PROXY"] == found["http_proxy"] == "http://proxy.example:3128"
    assert found["no_proxy"] == "a,b"
    assert "https_proxy" not in found

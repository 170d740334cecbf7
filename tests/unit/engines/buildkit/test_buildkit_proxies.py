import logging

import pytest

from toolkit.engines.buildkit.proxies import proxy_build_args

PROXY = "http://proxy.example:3128"


def test_both_spellings_are_given_whichever_was_set() -> None:
    assert proxy_build_args({}, {"HTTPS_PROXY": PROXY}, network=None) == {
        "https_proxy": PROXY,
        "HTTPS_PROXY": PROXY,
    }


def test_the_docker_configuration_goes_before_the_environment() -> None:
    found = proxy_build_args(
        {"http_proxy": "http://for.containers"}, {"http_proxy": PROXY}, network=None
    )
    assert found["HTTP_PROXY"] == "http://for.containers"


def test_other_variables_are_not_passed_on() -> None:
    assert proxy_build_args({}, {"AWS_SECRET": "x", "http_proxy": ""}, network=None) == {}


@pytest.mark.parametrize(
    "loopback",
    ["http://127.0.0.1:3128", "http://localhost:8080", "http://me:pw@[::1]:1", "127.9.9.9:80"],
)
def test_a_proxy_on_loopback_is_left_out_and_said_so(
    loopback: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert proxy_build_args({}, {"http_proxy": loopback}, network=None) == {}
    assert "http_proxy" in caplog.text
    assert loopback not in caplog.text  # it may hold a password


def test_a_proxy_on_loopback_is_fine_on_the_host_network() -> None:
    found = proxy_build_args({}, {"http_proxy": "http://localhost:1"}, network="host")
    assert found["http_proxy"] == "http://localhost:1"


def test_no_proxy_may_name_loopback() -> None:
    found = proxy_build_args({}, {"no_proxy": "localhost"}, network=None)
    assert found["NO_PROXY"] == "localhost"

from __future__ import annotations

import base64
import json
from datetime import datetime, timezone

import pytest

from toolkit.live.tracking.access import Caller, Tokens, check_host
from toolkit.live.tracking.failures import Refused

LATER = datetime(2040, 1, 1, tzinfo=timezone.utc)
STEP = Caller(run="step", root="pipeline")


def test_a_token_says_whose_it_is() -> None:
    tokens = Tokens()
    assert tokens.caller(f"Bearer {tokens.issue(STEP, expires=LATER)}") == STEP


def test_a_token_is_a_jwt_that_the_sdk_can_read() -> None:
    head, claims, signature = Tokens().issue(STEP, expires=LATER).split(".")
    decoded = [base64.urlsafe_b64decode(part + "==") for part in (head, claims, signature)]
    assert json.loads(decoded[0]) == {"alg": "HS256", "typ": "JWT"}
    assert json.loads(decoded[1])["exp"] == int(LATER.timestamp())
    assert len(decoded[2]) == 32


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic abc", "Bearer abc", "Bearer a.b.c", "Bearer é.é.é"],
)
def test_what_is_no_token_is_refused(header: str | None) -> None:
    with pytest.raises(Refused) as refused:
        Tokens().caller(header)
    assert refused.value.status == 401


def test_neither_another_key_nor_changed_claims_pass() -> None:
    tokens = Tokens()
    head, _, signature = tokens.issue(STEP, expires=LATER).split(".")
    _, claims, _ = tokens.issue(Caller(run=None), expires=LATER).split(".")
    for forged in (f"{head}.{claims}.{signature}", Tokens().issue(STEP, expires=LATER)):
        with pytest.raises(Refused):
            tokens.caller(f"Bearer {forged}")


def test_a_run_changes_its_own_tree_and_the_user_everything() -> None:
    assert STEP.may_change("pipeline")
    assert not STEP.may_change("another")
    assert Caller(run=None).may_change("another")


@pytest.mark.parametrize(
    "header", ["127.0.0.1:80", "LOCALHOST", "host.docker.internal:5", "[::1]:9"]
)
def test_own_host_names_pass(header: str) -> None:
    check_host(header, frozenset({"127.0.0.1", "localhost", "host.docker.internal", "::1"}))


@pytest.mark.parametrize("header", [None, "", "evil.example", "127.0.0.1.evil.example:80", "[::2]"])
def test_other_host_names_do_not(header: str | None) -> None:
    with pytest.raises(Refused) as refused:
        check_host(header, frozenset({"127.0.0.1"}))
    assert refused.value.status == 403

"""Secrets show as ``***`` wherever a config is shown (F52, C11)."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.config.secret import (
    Secret,
    conceal,
    is_secret,
    masked,
    revealed,
    secret_texts,
)

CONFIG: dict[str, Any] = {
    "host": "db.example",
    "password": "hunter2",
    "servers": [{"api_key": "key-1234", "port": 1}],
    "nested": {"credentials": {"user": "ada", "pin": 98765}},
    "wrapped": Secret("inside"),
    "custom": "marked",
    "unset_token": None,
}


def test_c11_a_secret_shows_itself_as_three_stars() -> None:
    secret = Secret("hunter2")
    shown = (repr(secret), str(secret), f"{secret}", f"{secret!r}", f"{secret:>5}")
    assert {each.strip() for each in shown} == {"***"}
    assert secret.reveal() == "hunter2"
    assert secret == Secret("hunter2") != Secret("x")
    assert copy.deepcopy(secret) == secret
    assert len({secret, Secret("hunter2")}) == 1
    with pytest.raises(TypeError):
        json.dumps({"a": secret})


def test_c11_masked_hides_what_is_marked_named_or_wrapped() -> None:
    assert masked(CONFIG, {("custom",)}) == {
        "host": "db.example",
        "password": "***",
        "servers": [{"api_key": "***", "port": 1}],
        "nested": {"credentials": "***"},
        "wrapped": "***",
        "custom": "***",
        "unset_token": None,
    }
    assert CONFIG["password"] == "hunter2"


@pytest.mark.parametrize(
    "key", ["password", "DB_PASSWORD", "auth-token", "apiKey", "client_secret"]
)
def test_c11_keys_that_hold_secrets_by_their_name(key: str) -> None:
    assert is_secret(("db", key))


@pytest.mark.parametrize("key", ["tokens_per_minute", "passwords_file", "port", "secretary"])
def test_c11_keys_that_only_look_like_it(key: str) -> None:
    assert not is_secret(("db", key))


def test_c11_a_message_of_others_is_concealed() -> None:
    secrets = secret_texts(CONFIG, {("custom",)})
    assert secrets == {"hunter2", "key-1234", "ada", "98765", "inside", "marked"}
    text = conceal("cannot log in with 'hunter2' and key-1234 as ada", secrets)
    assert text == "cannot log in with '***' and *** as ada"  # three letters are in many words
    assert conceal(r"bad: 'a\nb\x1b'", {"a\nb\x1b"}) == "bad: '***'"


def test_c11_revealed_gives_plain_data() -> None:
    assert revealed({"a": Secret("x"), "b": [Secret(1)]}) == {"a": "x", "b": [1]}


@given(st.text(min_size=4), st.text(), st.text())
def test_c11_no_secret_survives_concealment(secret: str, before: str, after: str) -> None:
    concealed = conceal(before + secret + after, {secret})
    assert secret not in concealed or secret in "***" or "*" in secret or secret in before + after
    assert secret not in repr(masked({"password": secret}))

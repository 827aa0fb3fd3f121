"""Scripts of the state machine: what is printed can be read back."""

from __future__ import annotations

import pytest

from hot_reload_conformance.exploration.operation import Op, parse_script, renumbered, script, token

SCRIPT = (
    'load a v1; edit a v2; reload a; reload a v3 fault=start:raises-an-exception; put {"n": [1, 2]}'
    "; add_sink s v4; emit p1; disable a; enable a; unload a; remove_sink s"
)


def test_a_script_survives_printing() -> None:
    operations = parse_script(SCRIPT)
    assert len(operations) == 11
    assert script(operations) == SCRIPT
    assert parse_script(script(operations)) == operations


def test_the_parts_of_an_operation() -> None:
    op = Op.parse("reload a v3 fault=start:raises-an-exception")
    assert op == Op("reload", "a", "v3", "start:raises-an-exception")
    assert Op.parse(' put {"n": 1}').value == '{"n": 1}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("jump a", "no operation 'jump'; known: load"),
        ("load a", "write load name version"),
        ("reload", "write reload name"),
        ("reload a v2", "write reload name"),
        ("reload a fault=start:x", "write reload name version"),
        ("unload a v1 fault=start:x", "write unload name"),
        ("put", "a value as JSON"),
    ],
)
def test_what_is_no_operation_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Op.parse(text)


def test_an_empty_script_has_no_operations() -> None:
    assert parse_script(" ; ") == []


def test_versions_can_be_counted_anew() -> None:
    operations = parse_script(
        'load a v7; load b v3; put {"n": 1}; edit a v9; reload a v7 fault=x:y'
    )
    assert script(renumbered(operations)) == (
        'load a v1; load b v2; put {"n": 1}; edit a v3; reload a v1 fault=x:y'
    )


def test_a_token_has_no_blanks() -> None:
    assert token("a NUL byte, in 'it'") == "a-NUL-byte-in-it"

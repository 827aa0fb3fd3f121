"""Every wrong config is wrong in one key, and known from the schema alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from hot_reload_conformance.plugins.wrong_config import wrong_configs
from hot_reload_conformance.verdict import CannotJudge

MAPPING = {
    "type": "object",
    "properties": {"host": {"type": "string"}, "port": {"type": ["integer", "null"]}, "any": {}},
    "required": ["host"],
    "additionalProperties": False,
}
GOOD: dict[str, Any] = {"host": "example.org", "port": 80}


@dataclass
class Schema:
    host: str
    port: int = 80


def test_a_mapping_gives_missing_mistyped_and_unknown_keys() -> None:
    found = list(wrong_configs(MAPPING, GOOD))
    assert {"without 'host'", "with port='wrong'", "with the unknown key 'of_no_version'"} <= {
        each.how for each in found
    }
    assert all(each.config != GOOD for each in found)
    assert not [each for each in found if each.key == "any"]  # nothing is wrong for it


def test_each_differs_from_the_good_one_in_its_key_only() -> None:
    for each in wrong_configs(MAPPING, GOOD):
        others = {k: v for k, v in each.config.items() if k != each.key}
        assert others == {k: v for k, v in GOOD.items() if k != each.key}


def test_a_value_of_a_right_type_is_never_offered() -> None:
    for each in wrong_configs(MAPPING, GOOD):
        if each.key == "host" and "host" in each.config:
            assert not isinstance(each.config["host"], str)


def test_a_dataclass_knows_its_required_fields() -> None:
    how = [each.how for each in wrong_configs(Schema, GOOD)]
    assert "without 'host'" in how
    assert "without 'port'" not in how
    assert "with port='wrong'" in how


def test_an_open_mapping_takes_unknown_keys() -> None:
    schema = {k: v for k, v in MAPPING.items() if k != "additionalProperties"}
    assert not [each for each in wrong_configs(schema, GOOD) if "unknown" in each.how]


@pytest.mark.parametrize("schema", [object(), {"type": "object"}, dict])
def test_a_schema_that_is_not_understood_is_said_to_be_so(schema: Any) -> None:
    with pytest.raises(CannotJudge, match="says of no key what it must be"):
        list(wrong_configs(schema, GOOD))

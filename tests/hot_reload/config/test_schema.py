"""A plugin's config against its own schema, whichever library made it (F50, C7, C8)."""

from __future__ import annotations

import dataclasses
import enum
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest

from hot_reload.config.problem import ConfigError
from hot_reload.config.schema import schema_of, secret_paths, validate_config
from hot_reload.config.secret import Secret

attrs = pytest.importorskip(
    "attrs", reason="pip install attrs: it is one of the schemas' libraries"
)
msgspec = pytest.importorskip("msgspec", reason="pip install msgspec: the same")
pydantic = pytest.importorskip("pydantic", reason="pip install pydantic: the same")


@dataclasses.dataclass
class Database:
    port: int
    password: Secret[str] = Secret("none")  # noqa: RUF009  # immutable


@dataclasses.dataclass
class Plain:
    database: Database
    rate: float = 1.0


class StructDatabase(msgspec.Struct):  # type: ignore[misc, name-defined]  # its module is a variable here
    port: Annotated[int, msgspec.Meta(gt=0)]
    password: Secret[str] = Secret("none")


class Struct(msgspec.Struct):  # type: ignore[misc, name-defined]  # the same
    database: StructDatabase
    rate: float = 1.0


@attrs.define
class AttrsDatabase:
    port: int
    password: Secret[str] = Secret("none")


@attrs.define
class Attrs:
    database: AttrsDatabase
    rate: float = 1.0


class ModelDatabase(pydantic.BaseModel):  # type: ignore[misc, name-defined]  # the same
    port: int
    password: Secret[str] = Secret("none")


class Model(pydantic.BaseModel):  # type: ignore[misc, name-defined]  # the same
    database: ModelDatabase
    rate: float = 1.0


class Typed(TypedDict):
    database: Database
    rate: NotRequired[float]


MAPPING = {
    "type": "object",
    "properties": {
        "database": {
            "type": "object",
            "properties": {
                "port": {"type": "integer"},
                "password": {"type": "string", "writeOnly": True, "default": "none"},
            },
            "required": ["port"],
        },
        "rate": {"type": "number", "default": 1.0},
    },
    "required": ["database"],
}

SCHEMAS: dict[str, Any] = {each.__name__: each for each in (Plain, Struct, Attrs, Model, Typed)} | {
    "mapping": MAPPING
}

every_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)


def problems(schema: Any, config: Mapping[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        validate_config(schema, config)
    return [str(each) for each in caught.value.problems]


def at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value[key] if isinstance(value, Mapping) else getattr(value, key)
    return value.reveal() if isinstance(value, Secret) else value


@every_schema
def test_f50_a_config_that_fits_is_what_the_plugin_gets(schema: Any) -> None:
    config = {"database": {"port": 5432, "password": "hunter2"}}
    made = validate_config(schema, config)
    config["database"]["port"] = 1  # the caller's later change
    assert at(made, "database", "port") == 5432
    assert at(made, "database", "password") == "hunter2"


@every_schema
def test_c7_an_unknown_key_is_told_with_what_was_meant(schema: Any) -> None:
    (top,) = problems(schema, {"database": {"port": 1}, "rat": 2.0})
    assert top == "$.rat: unknown key 'rat'; did you mean 'rate'?"
    nested = problems(schema, {"database": {"port": 1, "pasword": "hunter2"}})
    assert nested == ["$.database.pasword: unknown key 'pasword'; did you mean 'password'?"]


@every_schema
def test_c8_a_wrong_type_names_its_key(schema: Any) -> None:
    (found,) = problems(schema, {"database": {"port": "many"}})
    assert found.startswith("$.database.port: ")


@every_schema
def test_c8_what_is_missing_names_its_key(schema: Any) -> None:
    (found,) = problems(schema, {"database": {}})
    assert found.startswith("$.database.port: is missing")


@every_schema
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_c8_what_is_no_finite_number_is_refused_by_every_schema(schema: Any, value: float) -> None:
    (found,) = problems(schema, {"database": {"port": 1}, "rate": value})
    assert found.startswith(f"$.rate: {value} is no finite number")


@pytest.mark.parametrize("schema", [Plain, Struct, Attrs, MAPPING, Typed])
def test_c8_true_is_no_number(schema: Any) -> None:
    (found,) = problems(schema, {"database": {"port": True}})
    assert found.startswith("$.database.port: ")


@every_schema
def test_f50_all_errors_are_told_at_once(schema: Any) -> None:
    found = problems(schema, {"database": {"port": "many"}, "rate": "fast", "rat": 1})
    assert {each.split(": ")[0] for each in found} == {"$.database.port", "$.rate", "$.rat"}


@every_schema
def test_c11_a_secret_is_in_no_error_and_no_repr(schema: Any) -> None:
    assert ("database", "password") in secret_paths(schema)
    wrong: Any = {"database": {"port": 1, "password": ["hunter2"]}}
    assert "hunter2" not in "".join(problems(schema, wrong))
    flat: Any = {"database": "postgres://ada:hunter2@db"}  # where a table with a secret belongs
    assert "hunter2" not in "".join(problems(schema, flat))
    short: Any = {"database": {"port": 1, "password": [77]}}
    assert "77" not in "".join(problems(schema, short))
    if schema is not MAPPING:
        made = validate_config(schema, {"database": {"port": 1, "password": "hunter2"}})
        assert "hunter2" not in repr(made)
        assert "***" in repr(made)


@dataclasses.dataclass
class Checked:
    token: Secret[str]
    limit: float = 1.0

    def __post_init__(self) -> None:
        if self.limit <= 0:
            raise ValueError(f"limit must be above 0 for {self.token.reveal()}")


def test_c11_a_class_that_tells_its_secret_is_concealed() -> None:
    assert problems(Checked, {"token": "hunter2", "limit": -1}) == [
        "$: limit must be above 0 for ***"
    ]


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Kinds:
    mode: Literal["fast", "slow"] = "fast"
    colour: Colour = Colour.RED
    path: Path = Path()
    names: list[str] = dataclasses.field(default_factory=list)
    pair: tuple[int, str] = (1, "a")
    table: dict[str, int] = dataclasses.field(default_factory=dict)
    maybe: int | None = None
    either: int | str = 0
    many: Sequence[Database] = ()
    ratio: float = 0.5
    on: bool = True
    anything: Any = None
    marked: Annotated[int, "words"] = 1


@pytest.mark.parametrize(
    ("config", "attribute", "wanted"),
    [
        ({"mode": "slow"}, "mode", "slow"),
        ({"colour": "red"}, "colour", Colour.RED),
        ({"path": "a/b"}, "path", Path("a/b")),
        ({"pair": [2, "b"]}, "pair", (2, "b")),
        ({"table": {"a": 1}}, "table", {"a": 1}),
        ({"maybe": None}, "maybe", None),
        ({"either": "x"}, "either", "x"),
        ({"ratio": 1}, "ratio", 1.0),
        ({"many": [{"port": 1}]}, "many", (Database(1),)),
        ({"anything": {"a": [1]}}, "anything", {"a": [1]}),
        ({"marked": 2}, "marked", 2),
    ],
)
def test_f50_values_are_read_as_the_annotation_says(
    config: Any, attribute: str, wanted: Any
) -> None:
    found = getattr(validate_config(Kinds, config), attribute)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"mode": "fst"}, "$.mode: is a string ('fst'); give one of 'fast', 'slow'"),
        ({"colour": "blue"}, "$.colour: is a string ('blue'); give one of 'red'"),
        ({"path": 1}, "$.path: is a whole number (1); give a path"),
        ({"names": "a"}, "$.names: is a string ('a'); give a list"),
        ({"names": ["a", 1]}, "$.names[1]: is a whole number (1); give a string"),
        ({"pair": [1]}, "$.pair: is a list ([1]); give a list of 2"),
        ({"table": {"a": "b"}}, "$.table.a: is a string ('b'); give a whole number"),
        ({"maybe": "x"}, "$.maybe: is a string ('x'); give a whole number or nothing"),
        ({"ratio": True}, "$.ratio: is true or false (True); give a finite number"),
        ({"on": 1}, "$.on: is a whole number (1); give true or false"),
        ({"many": [{"port": 1}, {}]}, "$.many[1].port: is missing; give a whole number"),
        ({"ratio": 10**400}, "$.ratio: is a whole number"),
        ({"anything": {"a b": float("nan")}}, "$.anything['a b']: nan is no finite number"),
    ],
)
def test_c8_wrong_values_say_what_to_write(config: Any, says: str) -> None:
    (found,) = problems(Kinds, config)
    assert found.startswith(says)


@pytest.mark.parametrize(
    ("schema", "value", "says"),
    [
        ({"enum": ["a", 1]}, True, "give one of 'a', 1"),
        ({"const": 3}, 4, "give one of 3"),
        ({"type": "integer", "minimum": 3}, 2, "give 3 or more"),
        ({"type": "integer", "maximum": 3}, 4, "give 3 or less"),
        ({"exclusiveMinimum": 3}, 3, "give more than 3"),
        ({"exclusiveMaximum": 3}, 3, "give less than 3"),
        ({"minLength": 2}, "a", "give 2 characters or more"),
        ({"maxLength": 2}, "abc", "give 2 characters or less"),
        ({"minItems": 1}, [], "give 1 items or more"),
        ({"maxItems": 1}, [1, 2], "give 1 items or less"),
        ({"pattern": "^a"}, "b", "give what matches ^a"),
        ({"type": ["string", "null"]}, 1, "give a string or nothing"),
        ({"items": {"type": "string"}}, ["a", 1], "give a string"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"a": 1}, "give a string"),
    ],
)
def test_c8_a_mapping_schema_holds_its_keywords(schema: Any, value: Any, says: str) -> None:
    outer = {"properties": {"x": schema}}
    (found,) = problems(outer, {"x": value})
    assert found.startswith("$.x")
    assert found.endswith(says)


def test_f50_a_mapping_gives_its_defaults() -> None:
    schema = {"properties": {"x": {"type": "array", "default": [1]}}}
    made = validate_config(schema, {})
    assert made == {"x": [1]}
    made["x"].append(2)
    assert validate_config(schema, {}) == {"x": [1]}


@pytest.mark.parametrize("schema", [{"oneOf": []}, {"prot": {"type": "integer"}}, 5, "text", print])
def test_f50_a_schema_that_is_none_is_the_plugin_s_problem(schema: Any) -> None:
    (found,) = problems(schema, {})
    assert "the plugin's config_schema" in found


@pytest.mark.parametrize("schema", [None, dict, Mapping])
def test_f50_without_a_schema_the_config_is_copied(schema: Any) -> None:
    config = {"a": [1]}
    made = validate_config(schema, config)
    config["a"].append(2)
    assert made == {"a": [1]}


def test_f52_a_config_too_deep_or_with_odd_keys_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"a": deep}
    assert "nested deeper" in problems(None, deep)[0]
    odd: Any = {1: 2}
    assert "make it a string" in problems(None, odd)[0]


def _module(**names: Any) -> types.ModuleType:
    module = types.ModuleType("m")
    vars(module).update(names)
    return module


class _Declares:
    config_schema = Plain


class _Describes:
    metadata: Any = {"config_schema": Struct}  # noqa: RUF012
    config_schema = Plain


class _Asks:
    @property
    def metadata(self) -> Any:
        raise AssertionError("a class's property was run")

    @property
    def config_schema(self) -> Any:
        raise AssertionError("a class's property was run")


@pytest.mark.parametrize(
    ("module", "plugin", "wanted"),
    [
        (_module(), _Declares, Plain),
        (_module(), _Describes, Struct),
        (_module(PLUGIN_META={"config_schema": Attrs}), _Describes, Attrs),
        (_module(PLUGIN_META={"name": "x"}), _Declares, Plain),
        (_module(), _Asks, None),
        (None, object(), None),
    ],
)
def test_f50_the_schema_is_found_before_the_plugin_is_made(
    module: Any, plugin: Any, wanted: Any
) -> None:
    assert schema_of(module, plugin) is wanted


def test_f50_a_class_that_has_itself_in_a_field_is_no_endless_walk() -> None:
    assert secret_paths(Tree) == {("key",)}
    made = validate_config(Tree, {"key": "abcd", "inner": {"key": "efgh"}})
    assert made.inner.key == Secret("efgh")


@dataclasses.dataclass
class Tree:
    key: Secret[str]
    inner: Tree | None = None


def test_f50_secret_keys_of_a_schema_are_paths() -> None:
    class WithKeys(Plain):
        secret_keys = ("database.port",)

    assert ("database", "port") in secret_paths(WithKeys)
    assert "hidden" not in "".join(problems(WithKeys, {"database": {"port": "hidden"}}))

"""State as JSON and back: equal in value and type, and no code in it."""

from __future__ import annotations

import datetime
import decimal
import fractions
import io
import json
import pathlib
import struct
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.errors import StateError
from hot_reload.operate.state_text import dumped, loaded
from hot_reload.runtime.state import copied

UTC, BERLIN = datetime.UTC, zoneinfo.ZoneInfo("Europe/Berlin")
NAMED = datetime.timezone(datetime.timedelta(minutes=-90), "ship")

VALUES: list[Any] = [
    None,
    True,
    2**63,
    -(10**6000),
    0.1,
    float("inf"),
    1 - 2j,
    "\ud800 \0 é",
    b"\0\xff",
    bytearray(b"x"),
    (1, [2, (3,)]),
    {1, 2},
    frozenset({("a", 1)}),
    deque([1, 2], maxlen=3),
    {"$": "int", "v": "0x1"},
    {1: "a", (2, 3): {"b": None}},
    OrderedDict([("b", 1), ("a", 2)]),
    Counter("hello"),
    defaultdict(list, {"a": [1]}),
    defaultdict(None, {"a": 1}),
    datetime.datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1),
    datetime.datetime(2026, 1, 1, tzinfo=NAMED),
    datetime.datetime(2026, 1, 1, 1, 2, 3, 4, tzinfo=UTC),
    datetime.time(12, 30),
    datetime.date(2026, 1, 1),
    datetime.timedelta(days=-1, microseconds=1),
    NAMED,
    decimal.Decimal("1.10"),
    fractions.Fraction(1, 3),
    uuid.UUID(int=7),
    pathlib.PurePosixPath("a/b"),
    pathlib.PosixPath("/tmp"),
]


def same(one: Any, other: Any) -> bool:
    """Equal in type too, all the way down; in order, where there is one."""
    return type(one) is type(other) and (one == other or repr(one) == repr(other))


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_f14_what_state_may_hold_comes_back_as_it_was(value: Any) -> None:
    text = dumped({"of": [value]})
    assert text.isascii()
    assert "\n" not in text
    json.loads(text)
    back = loaded(text)["of"][0]
    assert same(back, value)
    assert getattr(back, "maxlen", None) == getattr(value, "maxlen", None)
    assert getattr(back, "fold", None) == getattr(value, "fold", None)


def test_f14_nan_comes_back() -> None:
    assert str(loaded(dumped(float("nan")))) == "nan"


def test_f14_every_kind_that_is_carried_can_be_saved() -> None:
    """A kind that a reload carries and a save does not would stop every reload with a store."""
    from hot_reload.runtime import state

    tried = {type(each) for each in VALUES} | {list, dict}
    assert tried >= state._ATOMS | set(state._CONTAINERS)


ATOMS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
HASHABLE = ATOMS | st.binary() | st.datetimes() | st.uuids() | st.fractions()
STATES = st.recursive(
    HASHABLE,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(HASHABLE, inner)
        | st.tuples(inner, inner)
        | st.sets(HASHABLE).map(frozenset)
        | st.lists(inner).map(deque)
    ),
    max_leaves=20,
)


@given(STATES)
def test_f14_any_state_survives(state: Any) -> None:
    back = loaded(dumped(state))
    assert back == state
    assert copied(back) == state  # what comes back is what a reload carries


class Own:
    pass


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Own(), "Own cannot be saved"),
        (defaultdict(lambda: 1), "factory is code"),
        (datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo.no_cache("UTC")), None),
        ([print], "builtin_function_or_method cannot be saved"),
    ],
)
def test_f14_what_cannot_be_saved_is_named(value: Any, named: str | None) -> None:
    if named is None:
        assert loaded(dumped(value)) == value
        return
    with pytest.raises(StateError, match=named):
        dumped(value)


def test_f14_a_zone_without_a_name_cannot_be_saved() -> None:
    # The smallest file of a zone that there is: version 1, one type, no transition.
    data = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, 0, 1, 4) + bytes(6) + b"UTC\0"
    nameless = zoneinfo.ZoneInfo.from_file(io.BytesIO(data))
    with pytest.raises(StateError, match="the zone has no name"):
        dumped(datetime.datetime(2026, 1, 1, tzinfo=nameless))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 100_000,
        "NaN",
        '{"a": 1, "a": 2}',
        '{"$": "os.system", "v": "true"}',
        '{"$": ["int"], "v": 1}',
        '{"$": "int", "v": "0x1", "w": 1}',
        '{"$": "int"}',
        '{"$": "int", "v": 1}',
        '{"$": "decimal", "v": "x"}',
        '{"$": "defaultdict", "v": ["eval", []]}',
        '{"$": "datetime", "v": ["2026-01-01", {"$": "zone", "v": "../../etc/passwd"}, 0]}',
        '{"$": "fraction", "v": "1/0"}',
        '{"$": "set", "v": [[1]]}',
        '{"$": "timedelta", "v": [1e300]}',
        '{"$": "tuple", "v": null}',
    ],
)
def test_s10_a_text_that_was_not_written_here_is_refused(text: str) -> None:
    with pytest.raises(StateError):
        loaded(text)


@given(st.recursive(ATOMS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_s10_no_json_makes_it_raise_anything_else(value: Any) -> None:
    try:
        loaded(json.dumps({"$": "datetime", "v": value}))
    except StateError:
        pass
    else:  # pragma: no cover - nothing of these kinds is a time
        raise AssertionError(value)

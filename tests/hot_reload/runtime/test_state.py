"""State as plain data: copied whole, or refused with the path to what cannot be carried."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import math
import pathlib
import threading
import uuid
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload import Engine
from hot_reload.errors import StateError
from hot_reload.outcome import RolledBack, Stage
from hot_reload.runtime import state as module
from hot_reload.runtime.state import copied

ATOMS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.dates()
    | st.datetimes()
    | st.decimals(allow_nan=False)
    | st.uuids()
)
STATES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(ATOMS, inner)
        | st.lists(inner).map(tuple)
        | st.sets(ATOMS)
        | st.lists(inner).map(collections.deque)
        | st.dictionaries(st.text(), inner).map(collections.OrderedDict)
    ),
    max_leaves=12,
)

CHANGING = """
class A:
    version = "{version}"
    state = None
    def handle(self, request): return {version}
    def get_reload_state(self): return {{"all": self.state}}
    def set_reload_state(self, state): self.state = state["all"]
"""


def typed(value: Any) -> object:
    """A form in which 1, 1.0 and True differ."""
    if isinstance(value, dict):
        return type(value), [(typed(key), typed(each)) for key, each in value.items()]
    if isinstance(value, (list, tuple, collections.deque)):
        return type(value), [typed(each) for each in value]
    if isinstance(value, set):
        return type(value), sorted(map(repr, value))
    return type(value), repr(value)


def mutable_parts(value: Any) -> dict[int, object]:
    found: dict[int, object] = {}
    if isinstance(value, (dict, list, set, collections.deque, bytearray)):
        found[id(value)] = value
    if isinstance(value, dict):
        for key, each in value.items():
            found |= mutable_parts(key) | mutable_parts(each)
    elif isinstance(value, (list, tuple, set, collections.deque)):
        for each in value:
            found |= mutable_parts(each)
    return found


def refused(state: object) -> str:
    with pytest.raises(StateError) as caught:
        copied(state)
    assert caught.value.hint
    return str(caught.value)


@given(STATES)
def test_S5_a_copy_is_equal_in_value_and_type_and_shares_nothing(state: Any) -> None:
    copy = copied(state)
    assert copy == state
    assert type(copy) is type(state)
    assert typed(copy) == typed(state)
    assert not mutable_parts(copy).keys() & mutable_parts(state).keys()


@pytest.mark.parametrize(
    "state",
    [
        bytearray(b"x"),
        frozenset({1, 2}),
        collections.Counter(a=2, b=-1),
        collections.defaultdict(list, a=[1]),
        collections.defaultdict(None, a=1),
        collections.deque([1, 2], maxlen=2),
        fractions.Fraction(1, 3),
        decimal.Decimal("1.10"),
        pathlib.PurePosixPath("a/b"),
        uuid.UUID(int=7),
        datetime.timedelta(seconds=1),
        datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime(2020, 1, 1, tzinfo=zoneinfo.ZoneInfo("UTC")),
        datetime.time(1, tzinfo=datetime.UTC),
        1j,
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_kinds_that_travel(state: Any) -> None:
    copy = copied(state)
    assert copy == state
    assert type(copy) is type(state)
    assert getattr(copy, "maxlen", None) == getattr(state, "maxlen", None)
    assert getattr(copy, "default_factory", 0) == getattr(state, "default_factory", 0)


def test_S2_nan_travels() -> None:
    assert math.isnan(copied([float("nan")])[0])


class Strange:
    def __repr__(self) -> str:
        raise OSError("no text")


class Colour(enum.Enum):
    RED = 1


class Zone(datetime.tzinfo):
    def utcoffset(self, _: datetime.datetime | None) -> datetime.timedelta:
        return datetime.timedelta(0)

    def dst(self, _: datetime.datetime | None) -> None:
        return None

    def tzname(self, _: datetime.datetime | None) -> str:
        return "here"


@pytest.mark.parametrize(
    ("state", "path"),
    [
        ({"jobs": [1, 2, {"lock": threading.Lock()}]}, "$['jobs'][2]['lock']"),
        ({Strange(): 1}, "$.key(a Strange)"),
        ({"a": {(1, Strange()): 1}}, "$['a'].key(a tuple)[1]"),
        ([Colour.RED], "$[0]"),
        ([lambda: 1], "$[0]"),
        ({1: object}, "$[1]"),
        ([[datetime.datetime(2020, 1, 1, tzinfo=Zone())]], "$[0][0]"),
        (collections.defaultdict(lambda: 1), "$"),
        (collections.OrderedDict(a=Strange()), "$['a']"),
        ({"x": type("Str", (str,), {})("y")}, "$['x']"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_S2_a_value_that_cannot_be_carried_is_named(state: object, path: str) -> None:
    assert f"{path} cannot be carried" in refused(state)


def test_S3_a_cycle_is_named_and_a_shared_value_is_none() -> None:
    loop: dict[str, Any] = {"a": [1]}
    loop["a"].append(loop)
    assert refused(loop) == "$['a'][1] cannot be carried: it holds itself"
    shared = [1]
    assert copied([shared, shared]) == [[1], [1]]


def test_S4_too_much_and_too_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE_LIMIT_VALUES", 100)
    assert refused(list(range(101))).startswith("$[99] cannot be carried: with it, state has more ")
    assert "more than 100 values" in refused(list(range(101)))
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert "nested deeper than 64" in refused(deep)
    while deep:  # taken apart by hand: the interpreter recurses as it lets go of it
        deep = deep.pop()


@pytest.mark.parametrize(
    ("state", "path"),
    [
        ("x" * 101, "$"),
        ({"page": b"x" * 101}, "$['page']"),
        ({"pages": ["x" * 60, "x" * 41]}, "$['pages'][1]"),
        ([bytearray(60), "x" * 60], "$[1]"),
        ([bytearray(101)], "$[0]"),
        ({"x" * 101: 1}, "$.key('" + "x" * 39 + ")"),
    ],
)
def test_S4_too_many_bytes(state: Any, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE_LIMIT_BYTES", 100)
    assert refused(state).startswith(f"{path} cannot be carried: with it, state has more than 100 ")


def test_S4_as_many_bytes_as_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE_LIMIT_BYTES", 100)
    state = ["x" * 50, {"y" * 10: b"z" * 20}, bytearray(20)]
    assert copied(state) == state


def test_S12_an_instance_of_the_plugins_own_class_is_explained() -> None:
    kind = type("Job", (), {"__module__": "counter@g7"})
    assert "own class Job, which is replaced too" in refused([kind()])
    odd = type("Odd", (), {})
    odd.__module__ = None  # type: ignore[assignment]
    assert "$ cannot be carried" in refused(odd())


@pytest.mark.parametrize("kind", [dict, collections.OrderedDict, set, collections.deque])
async def test_s5_state_that_changes_while_it_is_copied_is_refused_and_raises_nowhere(
    kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.py"
    file.write_text(CHANGING.format(version=1))
    async with Engine() as engine:
        await engine.load(file)
        plugin = engine.plugin("a")
        first: Any = (1,)  # what is copied first is, as by a thread of the plugin's, what adds more
        plugin.state = kind({first: 0, 2: 0}) if issubclass(kind, dict) else kind([first, 2])

        def another_one(copier: Any, value: Any, path: str, depth: int) -> tuple[Any, ...]:
            if isinstance(plugin.state, dict):
                plugin.state["new"] = 1
            else:
                getattr(plugin.state, "add" if kind is set else "append")("new")
            return tuple(value)

        monkeypatch.setitem(module._CONTAINERS, tuple, another_one)
        file.write_text(CHANGING.format(version=2))
        outcome = await engine.reload("a")
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.CAPTURE
        assert "$['all'] cannot be carried: it changed while it was copied" in outcome.failure.cause
        assert await engine.use("a") == 1
        monkeypatch.undo()
        assert (await engine.reload("a")).success
        assert await engine.use("a") == 2


def test_a_stack_that_is_too_deep_is_not_told_as_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_deep(copier: Any, value: Any, path: str, depth: int) -> tuple[Any, ...]:
        raise RecursionError

    monkeypatch.setitem(module._CONTAINERS, tuple, too_deep)
    with pytest.raises(RecursionError):
        copied((1,))

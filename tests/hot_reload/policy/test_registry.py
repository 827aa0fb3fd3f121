"""The registry is a value: changes give new ones, and questions have one answer."""

from __future__ import annotations

import pytest

from hot_reload.errors import MissingDependency
from hot_reload.manifest import Dependency
from hot_reload.outcome import Role
from hot_reload.policy.registry import Entry, Registry


def registry_of(*entries: Entry) -> Registry:
    registry = Registry()
    for entry in entries:
        registry = registry.with_entry(entry)
    return registry


def sink(name: str, *, enabled: bool = True, failed: bool = False) -> Entry:
    return Entry(name=name, roles=(Role.SINK,), enabled=enabled, failed=failed)


def test_a_change_leaves_the_old_registry_as_it_was() -> None:
    empty = Registry()
    one = empty.with_entry(Entry(name="a"))
    two = one.with_entry(Entry(name="b"))
    less = two.without("a")
    assert (empty.names, one.names, two.names, less.names) == ((), ("a",), ("a", "b"), ("b",))


def test_a_replaced_entry_keeps_its_place() -> None:
    registry = registry_of(Entry(name="a"), Entry(name="b"))
    changed = registry.with_entry(Entry(name="a", enabled=False))
    assert changed.names == ("a", "b")
    assert changed.get("a") == Entry(name="a", enabled=False)
    assert registry.get("a") == Entry(name="a", enabled=True)


def test_the_mapping_cannot_be_changed_from_outside() -> None:
    mapping = {"a": Entry(name="a")}
    registry = Registry(mapping)
    mapping.clear()
    assert registry.names == ("a",)
    with pytest.raises(TypeError):
        registry.entries["b"] = Entry(name="b")  # type: ignore[index]


def test_a_key_that_is_not_its_entrys_name_is_refused() -> None:
    with pytest.raises(ValueError, match="must be the name"):
        Registry({"a": Entry(name="b")})


def test_questions_about_names() -> None:
    registry = registry_of(Entry(name="a"))
    assert "a" in registry
    assert "b" not in registry
    assert registry.get("b") is None
    assert len(registry) == 1
    assert [entry.name for entry in registry] == ["a"]
    assert registry.without("b") == registry


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("conter", "counter"), ("COUNTER", "counter"), ("counters", "counter"), ("zzz", None)],
)
def test_suggestions(typed: str, meant: str | None) -> None:
    registry = registry_of(Entry(name="counter"), Entry(name="file-sink"))
    assert registry.suggest(typed) == meant


def test_sinks_are_those_that_events_reach() -> None:
    registry = registry_of(
        sink("live"), sink("off", enabled=False), sink("broken", failed=True), Entry(name="other")
    )
    assert [entry.name for entry in registry.sinks()] == ["live"]


def test_dependents_and_graph_agree() -> None:
    registry = registry_of(
        Entry(name="base"),
        Entry(name="z", dependencies=(Dependency("base"),)),
        Entry(name="b", dependencies=(Dependency("base"), Dependency("z"))),
    )
    assert registry.dependents("base") == ("b", "z")
    assert registry.graph().dependents("base") == ("b", "z")
    assert registry.graph().start_order() == ("base", "z", "b")


def test_a_registry_with_a_hole_has_no_graph() -> None:
    registry = registry_of(Entry(name="a", dependencies=(Dependency("gone"),)))
    with pytest.raises(MissingDependency):
        registry.graph()

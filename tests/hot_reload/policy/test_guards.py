"""Each guard: when it lets go ahead, when it refuses, and whether it says what to do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.manifest import Dependency
from hot_reload.outcome import RefusalReason, Role
from hot_reload.policy.guards import (
    NAMES_SHOWN,
    Refusal,
    may_disable,
    may_enable,
    may_load,
    may_reload,
    may_unload,
)
from hot_reload.policy.registry import Entry, Registry


def registry_of(*entries: Entry) -> Registry:
    return Registry({entry.name: entry for entry in entries})


def sink(name: str, *needs: str, enabled: bool = True, failed: bool = False) -> Entry:
    return Entry(
        name=name,
        roles=(Role.SINK,),
        enabled=enabled,
        failed=failed,
        dependencies=tuple(Dependency(each) for each in needs),
    )


def service(name: str, *needs: str) -> Entry:
    return Entry(
        name=name,
        roles=(Role.SERVICE,),
        dependencies=tuple(Dependency(each) for each in needs),
    )


def refused(refusal: Refusal | None, reason: RefusalReason) -> str:
    assert refusal is not None, f"went ahead instead of: {reason.value}"
    assert refusal.reason is reason, refusal.explanation
    return refusal.explanation


@pytest.mark.parametrize("guard", [may_reload, may_unload, may_enable, may_disable])
def test_an_unknown_name_is_refused_with_a_suggestion_and_the_known_names(guard: object) -> None:
    assert callable(guard)
    registry = registry_of(service("counter"), service("mailer"))
    explanation = refused(guard(registry, "conter"), RefusalReason.UNKNOWN_PLUGIN)
    assert explanation == (
        "no plugin 'conter' is loaded; did you mean 'counter'? loaded are 'counter', 'mailer'; "
        "use one of these names, or load it first"
    )
    assert guard(registry, "counter") is None


def test_an_unknown_name_while_nothing_is_loaded() -> None:
    explanation = refused(may_reload(Registry(), "a"), RefusalReason.UNKNOWN_PLUGIN)
    assert explanation == "no plugin 'a' is loaded; nothing is; load it first"


def test_a_long_list_of_names_is_cut_and_counted() -> None:
    registry = registry_of(*(service(f"p{index}") for index in range(NAMES_SHOWN + 3)))
    explanation = refused(may_reload(registry, "x"), RefusalReason.UNKNOWN_PLUGIN)
    assert f"'p{NAMES_SHOWN - 1}' and 3 more;" in explanation
    assert f"'p{NAMES_SHOWN}'" not in explanation


def test_a_free_name_may_be_loaded_and_a_taken_one_not() -> None:
    registry = registry_of(service("a"))
    assert may_load(registry, "b") is None
    explanation = refused(may_load(registry, "a"), RefusalReason.ALREADY_LOADED)
    assert explanation.startswith("'a' is already loaded; reload it")


def test_a_failed_plugin_holds_its_name() -> None:
    explanation = refused(
        may_load(registry_of(sink("a", failed=True)), "a"), RefusalReason.ALREADY_LOADED
    )
    assert "known, but failed" in explanation


@pytest.mark.parametrize("guard", [may_unload, may_disable])
def test_the_only_sink_stays(guard: object) -> None:
    assert callable(guard)
    registry = registry_of(sink("out"), service("other"))
    explanation = refused(guard(registry, "out"), RefusalReason.LAST_SINK)
    assert "'out'" in explanation
    assert explanation.endswith("load another sink first")
    assert guard(registry, "other") is None
    assert guard(registry_of(sink("out"), sink("second")), "out") is None


@pytest.mark.parametrize("guard", [may_unload, may_disable])
@pytest.mark.parametrize(
    ("second", "state"),
    [(sink("second", failed=True), "failed"), (sink("second", enabled=False), "disabled")],
)
def test_a_sink_that_gets_no_events_does_not_replace_the_last_one(
    guard: object, second: Entry, state: str
) -> None:
    assert callable(guard)
    registry = registry_of(sink("out"), second)
    explanation = refused(guard(registry, "out"), RefusalReason.LAST_SINK)
    assert f"'second' is {state}; enable or reload a sink first" in explanation
    assert may_unload(registry, "second") is None


def test_disabling_what_is_disabled_is_no_change() -> None:
    assert may_disable(registry_of(sink("out", enabled=False)), "out") is None


def test_a_plugin_with_dependents_stays() -> None:
    registry = registry_of(service("base"), service("mid", "base"), service("top", "mid"))
    explanation = refused(may_unload(registry, "base"), RefusalReason.HAS_DEPENDENTS)
    assert explanation == (
        "'mid' needs 'base'; unload 'mid', 'top' first, or unload 'base' with its dependents"
    )
    assert may_unload(registry, "top") is None
    assert may_disable(registry, "base") is None
    assert may_reload(registry, "base") is None


def test_a_cascade_may_not_take_the_last_sink_along() -> None:
    registry = registry_of(service("base"), sink("out", "base"))
    explanation = refused(may_unload(registry, "base", cascade=True), RefusalReason.LAST_SINK)
    assert explanation.startswith("unloading 'base', 'out' would take away the last sink")
    with_another = registry.with_entry(sink("second"))
    assert may_unload(with_another, "base", cascade=True) is None


def test_a_new_version_of_the_last_sink_must_be_a_sink() -> None:
    registry = registry_of(sink("out"))
    assert may_reload(registry, "out", new_roles=(Role.SINK, Role.FILTER)) is None
    refused(may_reload(registry, "out", new_roles=(Role.FILTER,)), RefusalReason.LAST_SINK)
    assert may_reload(registry.with_entry(sink("b")), "out", new_roles=()) is None
    assert may_reload(registry_of(service("a")), "a", new_roles=()) is None


def test_f30_a_redactor_is_not_reloaded_into_one_that_redacts_no_more() -> None:
    registry = registry_of(Entry(name="mask", roles=(Role.REDACTOR, Role.ENRICHER)))
    assert may_reload(registry, "mask", new_roles=(Role.REDACTOR,)) is None
    assert may_reload(registry, "mask") is None
    explanation = refused(
        may_reload(registry, "mask", new_roles=(Role.ENRICHER,)), RefusalReason.REDACTOR
    )
    assert "unload it first if that is meant" in explanation
    assert may_unload(registry, "mask") is None


entries = st.builds(
    Entry,
    name=st.sampled_from("abcde"),
    roles=st.sampled_from([(Role.SINK,), (Role.SERVICE,), (Role.FILTER, Role.SINK)]),
    enabled=st.booleans(),
    failed=st.booleans(),
    dependencies=st.sets(st.sampled_from("abcde")).map(
        lambda names: tuple(Dependency(name) for name in sorted(names))
    ),
)


@given(
    start=st.lists(entries, max_size=5),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["unload", "cascade", "disable", "enable"]), st.sampled_from("abcde")
        )
    ),
)
def test_no_sequence_of_allowed_steps_loses_the_last_sink_or_a_dependency(
    start: list[Entry], steps: list[tuple[str, str]]
) -> None:
    registry = registry_of(*start)
    for operation, name in steps:
        had_sink = bool(registry.sinks())
        whole = all(d.name in registry for e in registry for d in e.dependencies)
        entry = registry.get(name)
        match operation:
            case "unload" if may_unload(registry, name) is None:
                registry = registry.without(name)
            case "cascade" if may_unload(registry, name, cascade=True) is None:
                registry = _without_whoever_needs(registry, name)
            case "disable" if may_disable(registry, name) is None:
                assert entry is not None
                registry = registry.with_entry(_switched(entry, enabled=False))
            case "enable" if may_enable(registry, name) is None:
                assert entry is not None
                registry = registry.with_entry(_switched(entry, enabled=True))
        assert bool(registry.sinks()) >= had_sink
        if whole:
            assert all(d.name in registry for e in registry for d in e.dependencies)


def _switched(entry: Entry, *, enabled: bool) -> Entry:
    return Entry(
        name=entry.name,
        roles=entry.roles,
        enabled=enabled,
        failed=entry.failed,
        dependencies=entry.dependencies,
    )


def _without_whoever_needs(registry: Registry, name: str) -> Registry:
    gone = {name}
    while True:
        more = {e.name for e in registry if any(d.name in gone for d in e.dependencies)} | gone
        if more == gone:
            return Registry({e.name: e for e in registry if e.name not in gone})
        gone = more

"""Plans are pure: from what runs to what shall, with what would be refused (F51, C10)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload import Settings, WatchSettings
from hot_reload.manifest import Dependency
from hot_reload.outcome import Role
from hot_reload.policy.registry import Entry, Registry
from hot_reload.watch.config.model import HostConfig, PluginEntry
from hot_reload.watch.config.plan import (
    Load,
    Plan,
    Reconfigure,
    Replace,
    Switch,
    Unload,
    check_plan,
    plan,
)

NAMES = ("a", "b", "c", "d")


def entry(name: str, **more: Any) -> PluginEntry:
    return PluginEntry(name=name, path=Path(f"/{name}.py"), **more)


def host(*entries: PluginEntry) -> HostConfig:
    return HostConfig(plugins={each.name: each for each in entries})


def registry(*entries: Entry) -> Registry:
    return Registry({each.name: each for each in entries})


ENTRIES = st.builds(
    lambda name, place, enabled, step: PluginEntry(
        name=name, path=Path(f"/{place}/{name}.py"), enabled=enabled, config={"step": step}
    ),
    st.sampled_from(NAMES),
    st.integers(0, 1),
    st.booleans(),
    st.integers(0, 2),
)
HOSTS = st.lists(ENTRIES, max_size=4, unique_by=lambda each: each.name).map(
    lambda entries: host(*entries)
)


def carried_out(planned: Plan, state: dict[str, Any]) -> dict[str, Any]:
    """``state`` after the steps, each under the conditions that an engine has for it."""
    state = dict(state)
    for step in planned.steps:
        match step:
            case Load(new):
                assert new.name not in state
                state[new.name] = (new.path, True, new.config)
            case Replace(old, new):
                assert state[old.name][0] == old.path
                state[new.name] = (new.path, True, new.config)
            case Reconfigure(_, entries):
                for name, each in entries.items():
                    state[name] = (*state[name][:2], each.config)
            case Switch(name, enabled):
                assert state[name][1] is not enabled
                state[name] = (state[name][0], enabled, state[name][2])
            case Unload(old):
                del state[old.name]
    return state


def stateful(config: HostConfig) -> dict[str, Any]:
    return {each.name: (each.path, each.enabled, each.config) for each in config.plugins.values()}


def loaded_as(config: HostConfig) -> Registry:
    return registry(*(Entry(name=e.name, enabled=e.enabled) for e in config.plugins.values()))


@given(HOSTS, HOSTS)
def test_f51_the_steps_lead_from_the_old_to_the_new(old: HostConfig, new: HostConfig) -> None:
    planned = plan(old, new, loaded_as(old), {})
    assert carried_out(planned, stateful(old)) == stateful(new)


@given(HOSTS, HOSTS)
def test_f51_only_what_differs_is_touched(old: HostConfig, new: HostConfig) -> None:
    same = {n for n in old.plugins if old.plugins[n] == new.plugins.get(n)}
    planned = plan(old, new, loaded_as(old), {})
    assert planned.affected == (old.plugins.keys() | new.plugins.keys()) - same


@given(HOSTS)
def test_f51_the_same_again_is_no_step(config: HostConfig) -> None:
    assert plan(config, config, loaded_as(config), {}) == Plan()


@given(HOSTS, HOSTS)
def test_f51_there_and_back_is_where_it_was(old: HostConfig, new: HostConfig) -> None:
    there = carried_out(plan(old, new, loaded_as(old), {}), stateful(old))
    back = plan(new, old, loaded_as(new), {})
    assert carried_out(back, there) == stateful(old)


SINKS = st.sets(st.sampled_from(NAMES))


@given(HOSTS, HOSTS, SINKS)
def test_c10_a_checked_plan_never_passes_through_no_sink(
    old: HostConfig, new: HostConfig, sinks: set[str]
) -> None:
    """Where no new plugin may be one, what was checked leaves a sink at every step."""
    loaded = registry(
        *(
            Entry(name=e.name, enabled=e.enabled, roles=(Role.SINK,) if e.name in sinks else ())
            for e in old.plugins.values()
        )
    )
    planned = plan(old, new, loaded, {})
    fresh = any(isinstance(each, (Load, Replace)) for each in planned.steps)
    if fresh or check_plan(planned, new, loaded, {}):
        return
    serving = {each.name for each in loaded.sinks()}
    for step in planned.steps:
        before = set(serving)
        if isinstance(step, Switch) and step.name in sinks:
            serving = serving | {step.name} if step.enabled else serving - {step.name}
        if isinstance(step, Unload):
            serving.discard(step.entry.name)
        assert serving or not before


def test_f51_new_comes_first_and_old_goes_last() -> None:
    old = host(entry("a", enabled=False), entry("b", config={"x": 1}), entry("c"))
    new = host(entry("a"), entry("b", config={"x": 2}), entry("d"))
    planned = plan(old, new, loaded_as(old), {})
    kinds = [type(each).__name__ for each in planned.steps]
    assert kinds == ["Load", "Switch", "Reconfigure", "Unload"]


def test_f51_new_plugins_are_loaded_after_what_they_need_and_by_their_order() -> None:
    new = host(
        entry("a", needs=("c",)), entry("b", order=1), entry("c", order=5), entry("d", order=-1)
    )
    needs = {"d": (Dependency("b"),)}
    planned = plan(None, new, Registry(), needs)
    assert [each.entry.name for each in planned.steps if isinstance(each, Load)] == list("bdca")


def test_f51_dependents_are_unloaded_before_what_they_need() -> None:
    old = host(entry("a"), entry("b"), entry("c"))
    loaded = registry(
        Entry(name="a"),
        Entry(name="b", dependencies=(Dependency("a"),)),
        Entry(name="c", dependencies=(Dependency("b"),)),
    )
    planned = plan(old, host(), loaded, {})
    assert [each.entry.name for each in planned.steps if isinstance(each, Unload)] == list("cba")
    assert check_plan(planned, host(), loaded, {}) == []


SINK = (Role.SINK,)


@pytest.mark.parametrize(
    ("new", "path", "says"),
    [
        (host(entry("a")), ("plugins", "b"), "last sink"),
        (host(entry("a"), entry("b", enabled=False)), ("plugins", "b", "enabled"), "last sink"),
        (host(entry("b")), ("plugins", "a"), "plugin 'c' needs it"),
        (
            host(entry("a", needs=("d",)), entry("b"), entry("d", needs=("a",))),
            ("plugins", "a"),
            "cycle: a -> d -> a",
        ),
        (
            host(entry("a"), entry("b"), entry("d", needs=("cc",))),
            ("plugins", "d"),
            "needs 'cc', which is not loaded",
        ),
    ],
)
def test_c10_what_would_be_refused_is_told_before_anything_is_done(
    new: HostConfig, path: Any, says: str
) -> None:
    loaded = registry(
        Entry(name="a"),
        Entry(name="b", roles=SINK),
        Entry(name="c", dependencies=(Dependency("a"),)),
    )
    old = host(entry("a"), entry("b"))
    planned = plan(old, new, loaded, {})
    (problem,) = check_plan(planned, new, loaded, {})
    assert problem.path == path
    assert says in f"{problem}"
    assert problem.hint


def test_c10_another_sink_that_serves_makes_room() -> None:
    old, new = host(entry("a"), entry("b", enabled=False)), host(entry("b"))
    loaded = registry(Entry(name="a", roles=SINK), Entry(name="b", roles=SINK, enabled=False))
    planned = plan(old, new, loaded, {})
    assert [type(each) for each in planned.steps] == [Switch, Unload]
    assert check_plan(planned, new, loaded, {}) == []


def test_f51_what_takes_effect_at_the_next_start_is_named() -> None:
    old = HostConfig(plugins={"a": entry("a")})
    new = HostConfig(
        engine=Settings(gate_limit_events=1),
        watch=WatchSettings(limit=1),
        plugins={"a": entry("a", order=1)},
    )
    later = plan(old, new, loaded_as(old), {}).later
    assert later == ("engine.gate_limit_events", "watch.limit", "plugins.a.order")

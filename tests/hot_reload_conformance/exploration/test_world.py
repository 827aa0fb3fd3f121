"""The world of the state machine: a model, a host, and one armed invariant."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, Reply
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.operation import SINKS, Op, parse_script, script
from hot_reload_conformance.exploration.plan import plan_of
from hot_reload_conformance.exploration.standing import standing
from hot_reload_conformance.exploration.world import World
from hot_reload_conformance.specimens.audited_host import AuditedAdapter
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
)
from hot_reload_conformance.specimens.operated_host import OperatedAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, Violation

LONG = (
    'load a v1; load b v2; add_sink s v3; add_sink t v4; emit p1; put {"count": 2}; edit a v5; '
    "reload a; reload a v6 fault=start:raises-an-exception; edit a v7; reload a; "
    "reload s v8 fault=syntax:the-text-is-broken; edit s v9; reload s; emit p1; disable b; "
    "reload b; enable b; remove_sink t; emit p2; add_sink t v10; unload s; unload a; load a v11"
)
"""Every verb, and every way in which a reload can end."""


CORRECT: dict[str, type[HostAdapter]] = {
    "HR-OBS-02": AuditedAdapter,
    "HR-OBS-03": OperatedAdapter,
    "HR-OBS-05": AuditedAdapter,
}
"""Where a plain host lacks what the clause is about."""
OF_PLUGINS = [code for code in INVARIANTS if plan_of(code).world is World]


def run(text: str, code: str, adapter: type[HostAdapter] = BlueGreenAdapter) -> World:
    with standing(HostSubject(adapter), Budget()) as stands:
        world = World(stands.case, INVARIANTS[code]())
        for op in parse_script(text):
            stands.run(world.apply(op), 15)
        return world


@pytest.mark.parametrize("code", OF_PLUGINS)
def test_a_correct_host_keeps_every_invariant(code: str) -> None:
    adapter = CORRECT.get(code, BlueGreenAdapter)
    world = run(LONG, code, adapter)
    able = [
        op
        for op in parse_script(LONG)
        if Claim.SINKS in adapter.claims or not (op.verb == "emit" or {*op.names} & {*SINKS})
    ]
    assert world.applied == able
    assert len(able) > 12
    assert len(world.story) == len(world.applied)
    assert not any(step.broken for step in world.story)


def test_the_model_follows_the_script() -> None:
    model = run(LONG, "HR-SWAP-01").model
    assert str(model) == "a v11, b v2, t v10"
    assert model.plugins["a"].state == {}
    assert model.plugins["b"].state == {}
    assert model.epochs["t"] == 2


def test_state_stays_with_a_plugin_that_carries_it() -> None:
    world = run('load a v1; load b v2; put {"n": 1}; edit a v3; reload a; reload b', "HR-STATE-01")
    assert world.model.plugins["a"].state == {"n": 1}
    assert world.model.plugins["b"].state == {}
    assert world.facts["state was carried"] == 1


@pytest.mark.parametrize(
    "text",
    [
        "reload a",
        "unload a",
        "enable a",
        "put {}",
        "load s v1",
        "add_sink a v1",
        "reload a v2 fault=nowhere:at-all",
    ],
)
def test_what_makes_no_sense_is_left_out(text: str) -> None:
    assert run(text, "HR-SWAP-01").applied == []


def test_after_a_failed_reload_only_an_edit_makes_the_next_one_sensible() -> None:
    fails = "load a v1; reload a v2 fault=syntax:the-text-is-broken"
    assert script(run(f"{fails}; reload a", "HR-SWAP-01").applied) == fails
    assert script(run(f"{fails}; edit a v3; reload a", "HR-SWAP-01").applied).endswith("reload a")


def test_only_the_guard_is_asked_about_the_last_sink() -> None:
    assert script(run("add_sink s v1; remove_sink s", "HR-FLOW-01").applied) == "add_sink s v1"
    world = run("add_sink s v1; remove_sink s; disable s; unload s", "HR-GUARD-01")
    assert world.facts["the last sink was to go"] == 3
    assert world.model.sinks() == ["s"]


def test_what_is_not_claimed_is_not_asked_for() -> None:
    class Few(BlueGreenAdapter):
        claims = frozenset({Claim.RELOAD})

    world = run(LONG, "HR-ROLL-01", Few)
    assert {op.verb for op in world.applied} == {"load", "put", "edit", "reload"}


def test_a_fault_that_this_host_never_comes_to_is_a_good_reload() -> None:
    class NoHealth(BlueGreenHost):
        async def check_health(self, new: Generation) -> None:
            return None

    class Adapter(BlueGreenAdapter):
        host_class = NoHealth

    text = "load a v1; reload a v2 fault=health_check:raises-an-exception"
    world = run(text, "HR-SWAP-01", Adapter)
    assert str(world.model) == "a v2"
    assert not world.facts["a reload failed as planned"]


# Each invariant can fail


def broken(text: str, code: str, method: str, replacement: Any) -> Violation:
    host = type("Wrong", (BlueGreenHost,), {method: replacement})
    adapter = type("Adapter", (BlueGreenAdapter,), {"name": "wrong", "host_class": host})
    with pytest.raises(Violation) as caught:
        run(text, code, adapter)
    return caught.value


def test_what_came_by_a_reload_that_was_cancelled_too_late_is_seen() -> None:
    async def reload(self: BlueGreenHost, name: str) -> list[str]:
        if getattr(self, "stuck", False):
            return []
        try:
            return await BlueGreenHost.reload(self, name)
        except asyncio.CancelledError:
            self.stuck = True  # type: ignore[attr-defined]
            return await BlueGreenHost.reload(self, name)

    text = "load a v1; cancel a v2; edit a v3; reload a"
    violation = broken(text, "HR-SWAP-01", "reload", reload)
    assert "after a good reload from v2, a v3 does not serve alone" in violation.message
    assert violation.seen == "['v2']"


def test_convergence_sees_the_old_version() -> None:
    async def reload(self: BlueGreenHost, name: str) -> list[str]:
        return []

    found = broken("load a v1; edit a v2; reload a", "HR-SWAP-01", "reload", reload)
    assert found.message == "after a good reload from v1, a v2 does not serve alone"
    assert (found.expected, found.seen) == ("['v2']", "['v1']")


def test_rollback_sees_another_instance() -> None:
    async def roll_back(self: BlueGreenHost, name: str, old: Generation) -> None:
        self.live[name] = await BlueGreenHost.prepare(self, name, None)

    text = "load a v1; reload a v2 fault=start:raises-an-exception"
    found = broken(text, "HR-ROLL-01", "roll_back", roll_back)
    assert "failed at start, v1 does not serve as before" in found.message


def test_the_accounts_name_the_events_lost_in_an_operation() -> None:
    def emit(self: BlueGreenHost, event: Event) -> bool:
        if not self.busy:
            return BlueGreenHost.emit(self, event)
        return True

    found = broken("add_sink s v1; edit s v2; reload s", "HR-FLOW-01", "emit", emit)
    assert found.message.startswith("in reload s, the sink 's' lost ")
    assert "hook#" in found.message


def test_a_removed_sink_is_judged_once_more_as_it_goes() -> None:
    def emit(self: BlueGreenHost, event: Event) -> bool:
        if event.producer == "p2":
            return True
        return BlueGreenHost.emit(self, event)

    text = "add_sink s v1; add_sink t v2; emit p2; remove_sink t"
    assert "lost 1 of" in broken(text, "HR-FLOW-01", "emit", emit).message


def test_a_state_of_another_type_is_seen() -> None:
    def carried(self: BlueGreenHost, state: Any) -> Any:
        return {key: str(value) for key, value in state.items()}

    text = 'load a v1; put {"count": 1}; edit a v2; reload a'
    found = broken(text, "HR-STATE-01", "carried", carried)
    assert (found.expected, found.seen) == ("{'count': 1}", """["{'count': '1'}"]""")


def test_hooks_in_another_order_are_seen() -> None:
    async def retire(self: BlueGreenHost, old: Generation) -> list[str]:
        for what in ("stop", "flush", "teardown"):
            await self.hook(old, what)
        self.forget(old)
        return []

    found = broken("load a v1; edit a v2; reload a", "HR-SWAP-07", "retire", retire)
    assert "another order than the host declares" in found.message


def test_the_last_sink_is_missed() -> None:
    def guard(self: BlueGreenHost, name: str, operation: str) -> None:
        return None

    found = broken("add_sink s v1; remove_sink s", "HR-GUARD-01", "guard_last_sink", guard)
    assert found.message == "after remove_sink s, events reach no sink: the last one is gone"


def test_a_broken_step_stands_last_in_the_story() -> None:
    class Lost(BlueGreenHost):
        def carried(self, state: Any) -> Any:
            return {}

    class Adapter(BlueGreenAdapter):
        host_class = Lost

    with standing(HostSubject(Adapter), Budget()) as stands:
        world = World(stands.case, INVARIANTS["HR-STATE-01"]())
        for op in parse_script('load a v1; put {"n": 1}'):
            stands.run(world.apply(op), 15)
        stands.run(world.apply(Op("edit", "a", "v2")), 15)
        with pytest.raises(Violation):
            stands.run(world.apply(Op("reload", "a")), 15)
    assert [step.broken for step in world.story] == [False, False, False, True]
    assert world.story[-1].text == "reload a"
    assert world.story[-1].expected == "a v2 serve"


def test_a_good_plugin_that_does_not_load_leaves_all_unjudged() -> None:
    class Adapter(BlueGreenAdapter):
        async def load(self, ref: str) -> Reply | bool | None:
            return False

    with pytest.raises(CannotJudge, match="a good plugin is not loaded"):
        run("load a v1", "HR-ROLL-01", Adapter)


def test_a_load_that_says_ok_and_does_nothing_is_seen() -> None:
    class Adapter(BlueGreenAdapter):
        async def load(self, ref: str) -> Reply | bool | None:
            return True

    with pytest.raises(Violation, match="after a load, a v1 does not serve alone"):
        run("load a v1", "HR-SWAP-01", Adapter)


def test_a_good_edit_that_is_refused_is_no_good_reload() -> None:
    class Adapter(BlueGreenAdapter):
        async def reload(self, ref: str) -> Reply | bool | None:
            return False

    world = run("load a v1; edit a v2; reload a; edit a v3; reload a", "HR-SWAP-01", Adapter)
    assert not world.facts["a reload worked"]
    assert str(world.model) == "a v1"

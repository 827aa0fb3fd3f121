"""PLUG 07, 11, 12, 18: what a plugin holds for others arrives, and only where it should."""

from __future__ import annotations

import contextlib
import copy
import inspect
import itertools
import logging
from collections.abc import Sequence
from typing import Any

from hot_reload import hooks
from hot_reload.errors import StateError
from hot_reload.events import LifecycleEvent, StageEntered
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.plugins.bare import HOOK_DEADLINE_SECONDS, BarePlugin, copied
from hot_reload_conformance.plugins.case import PluginCase
from hot_reload_conformance.plugins.examples import examples_of
from hot_reload_conformance.plugins.hook_run import HookRun, run_hook
from hot_reload_conformance.plugins.multiset import beyond
from hot_reload_conformance.plugins.state import difference, shared_mutables
from hot_reload_conformance.plugins.words import hook_place, outcome_of, told
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

STATES_TRIED = 10


@check("HR-PLUG-07", also=(Kind.PROPERTY,))
async def state_round_trip(case: PluginCase, _: Any) -> None:
    tried = 0
    for given in [None, *examples_of(case.subject.subject.states, STATES_TRIED)]:
        async with case.bare() as old:
            await case.started(old)
            if given is not None:
                await _restored(case, old, copy.deepcopy(given))
            await case.exercised(old.plugin)
            state = await _captured(case, old)
            if state is None:
                continue
            tried += 1
            _is_data(case, old, state)
            again = await _captured(case, old)
            _is_not_shared(case, old, state, again)
        # The old one is shut down by now: this is not about what both hold at the same time.
        async with case.bare() as new:
            await case.started(new)
            await _restored(case, new, copied(state))
            _came_back(case, new, state, await _captured(case, new))
    if not tried:
        raise NotClaimed(
            "get_reload_state() had nothing to give yet. Say in conftest.py how the plugin is "
            "used, or which states it takes:\n"
            "    from hot_reload_conformance import PluginSubject\n"
            "    async def use_it(plugin): ...  # call it so that it has a state\n"
            "    hot_reload_subject = PluginSubject(exercise=use_it)"
        )


async def _captured(case: PluginCase, bare: BarePlugin) -> Any:
    run = await bare.run(hooks.GET_RELOAD_STATE)
    case.tell(run.name, seen=repr(run.value)[:200] if run.error is None else "")
    case.expect(
        run.ended and run.error is None,
        f"{run.name} {outcome_of(run, bare)}: the plugin cannot be reloaded at all",
        expected="the state",
        seen=outcome_of(run, bare),
    )
    return run.value


async def _restored(case: PluginCase, bare: BarePlugin, state: Any) -> None:
    shown = repr(state)[:200]
    run = await bare.run(hooks.SET_RELOAD_STATE, state)
    case.tell(f"{run.name} with {shown}", seen=outcome_of(run, bare))
    case.expect(
        run.ended and run.error is None,
        f"{run.name} {outcome_of(run, bare)}, given what get_reload_state() of the same version "
        "returned: no reload can succeed",
        expected="the state taken over",
        seen=outcome_of(run, bare),
    )


def _is_data(case: PluginCase, bare: BarePlugin, state: Any) -> None:
    try:
        copied(state)
    except StateError as error:
        hint = f". {error.hint[0].upper()}{error.hint[1:]}" if error.hint else ""
        case.fail(
            f"what get_reload_state() returns is no plain data: {error} "
            f"({hook_place(bare, hooks.GET_RELOAD_STATE)}). It cannot be handed to a generation "
            f"of other code{hint}",
            expected="plain data",
            seen=str(error),
        )


def _is_not_shared(case: PluginCase, bare: BarePlugin, first: Any, second: Any) -> None:
    shared = shared_mutables(first, second)
    place = hook_place(bare, hooks.GET_RELOAD_STATE)
    case.expect(
        not shared,
        f"get_reload_state() ({place}) hands out the plugin's own object at "
        f"{', '.join(shared[:3])}, not a copy: the old and the new generation then share it, and "
        "what the old one clears as it stops is gone for the new one. Return a copy: "
        "`list(self.items)`, `dict(self.items)`, or copy.deepcopy(...)",
        expected="a copy of its own for each answer",
        seen=f"the same object twice at {', '.join(shared[:3])}",
    )
    changed = difference(first, second)
    case.expect(
        changed is None,
        f"get_reload_state() ({place}) gives another state when it is asked twice in a row: "
        f"{changed}. Asking must change nothing: a reload that fails leaves the old generation "
        "running with what is left. And the time of asking does not belong into it",
        expected="the same state",
        seen=changed or "",
    )


def _came_back(case: PluginCase, bare: BarePlugin, state: Any, back: Any) -> None:
    changed = difference(state, back)
    case.expect(
        changed is None,
        f"the state does not survive get, set, get: {changed} "
        f"(set_reload_state is at {hook_place(bare, hooks.SET_RELOAD_STATE)}). What the next "
        "generation does not take over is lost at every reload",
        expected=repr(state)[:200],
        seen=repr(back)[:200],
    )


NO_OBSERVE = """nobody says where this sink's events can be read back. Describe it, for example \
in conftest.py, to have this checked:
    import pytest
    from hot_reload_conformance import PluginSubject

    async def delivered(plugin):
        return [...]  # the events that arrived: in order, as written

    @pytest.fixture
    def hot_reload_subject():
        return PluginSubject(observe=delivered, events=[{"n": 1}, {"n": 2}])"""

_COUNTS = tuple(Variant(f"{count}-events", count) for count in (1, 3, 20))


@check("HR-PLUG-11", variants=_COUNTS, also=(Kind.PROPERTY,))
async def flush_delivers(case: PluginCase, value: Any) -> None:
    _observed(case)
    events = case.events(value)
    async with case.bare() as bare:
        await case.started(bare)
        for event in events:
            await _write(case, bare.plugin, event)
        case.tell(f"write {len(events)} event(s)", seen="accepted")
        flush, looked = await _flushed_and_looked(case, bare)
        case.tell(flush.name, seen=outcome_of(flush, bare))
        case.expect(
            flush.ended and flush.error is None,
            f"{flush.name} {outcome_of(flush, bare)}, with {len(events)} events written before",
            expected="everything delivered",
            seen=outcome_of(flush, bare),
        )
        seen = await _delivered(case, bare.plugin) if looked is None else looked
        if bare.hooks.has(hooks.FLUSH):
            after, advice = (
                f"after {flush.name} returned ({hook_place(bare, hooks.FLUSH)})",
                "Let flush() write out all that write() took, the unfinished batch too, and "
                "return only when it is written",
            )
        else:
            after, advice = (
                "after write() returned, and with no flush() to call",
                "A sink that buffers needs a flush(self) that writes out what it holds",
            )
        _all_there(case, events, seen, after, advice)


async def _flushed_and_looked(case: PluginCase, bare: BarePlugin) -> tuple[HookRun, Any]:
    """Flush, and look in the same step of the loop what has arrived; None: it was not looked.

    A turn later would come too late: what flush() only began may have ended by then.
    """
    method, observe = bare.hooks.get(hooks.FLUSH), case.subject.subject.observe
    if method is None:
        return await bare.run(hooks.FLUSH), None
    looked: list[list[Any]] = []

    async def both() -> None:
        answer = method()
        if inspect.isawaitable(answer):
            await answer
        assert observe is not None
        with contextlib.suppress(Exception):  # asked again outside, and told there
            looked.append(list(await observe(bare.plugin)))

    flush = await run_hook(
        bare.spoken(hooks.FLUSH), both, deadline_seconds=HOOK_DEADLINE_SECONDS, sources=bare.sources
    )
    if looked:
        case.tell("observe(plugin)", seen=f"{len(looked[0])} event(s)")
    return flush, looked[0] if looked else None


@check("HR-PLUG-12", deadline_seconds=15, also=(Kind.PROPERTY, Kind.REAL))
async def no_loss_under_reload(case: PluginCase, _: Any) -> None:
    """Events between reloads, and one at every stage of every reload."""
    _observed(case)
    coming = iter(case.events(200))
    written: list[Any] = []
    async with case.engine() as engine:
        name = await case.loaded(engine)

        def emit(count: int = 1) -> None:
            for event in itertools.islice(coming, count):
                written.append(event)
                if not engine.emit(event):
                    raise CannotJudge(f"the engine did not accept event {len(written)}")

        def traffic(event: LifecycleEvent) -> None:
            if isinstance(event, StageEntered) and event.plugin == name:
                emit()

        engine.listen(traffic)
        for _ in range(3):
            emit(5)
            outcome = await case.upgraded(engine, name)
            case.expect(
                outcome.success,
                f"with events written, the plugin does not reload: {told(outcome)}",
                expected="swapped",
                seen=outcome.describe(),
            )
        emit(5)
        await engine.settle()
        plugin = engine.plugin(name)
        method = hooks.bind(plugin).get(hooks.FLUSH)
        if method is not None:
            await run_hook("flush()", method, deadline_seconds=2)
        advice = (
            "While a generation is replaced, it is asked for its state, then the new one gets the "
            "events that come, then the old one is flushed and stopped. What it held has to be "
            "written out once, before the new one writes: in get_reload_state(), or by the state"
        )
        try:
            seen = await _delivered(case, plugin)
        except CannotJudge as error:
            await _is_no_loss(case, len(written), str(error))
            raise
        _all_there(case, written, seen, "after 3 reloads under traffic", advice)


async def _is_no_loss(case: PluginCase, count: int, why: str) -> None:
    """Nothing can be read after the reloads: a loss, where it can be read without them."""
    folder = case.workdir / "without-reloads"
    folder.mkdir()
    calm = PluginCase(case.subject, folder, case.budget)
    async with calm.engine() as engine:
        name = await calm.loaded(engine)
        for event in calm.events(count):
            engine.emit(event)
        await engine.settle()
        plugin = engine.plugin(name)
        method = hooks.bind(plugin).get(hooks.FLUSH)
        if method is not None:
            await run_hook("flush()", method, deadline_seconds=2)
        try:
            seen = await _delivered(calm, plugin)
        except CannotJudge:
            return  # it cannot be read anyway: a matter of the description
    case.tell(f"{count} events again, and no reload: observe(plugin)", seen=f"{len(seen)} event(s)")
    case.fail(
        f"after 3 reloads under traffic nothing that was delivered can be read back: {why}. The "
        f"same {count} events without a reload leave {len(seen)} that can. A new generation that "
        "opens its file with mode 'w', or makes its tables anew, does away with what the one "
        "before wrote: open it to append",
        expected=f"{count} events",
        seen=why,
    )


def _observed(case: PluginCase) -> None:
    if case.subject.subject.observe is None:
        raise NotClaimed(NO_OBSERVE)


async def _write(case: PluginCase, plugin: Any, event: Any) -> None:
    try:
        answer = plugin.write(event)
        if inspect.isawaitable(answer):
            await answer
    except Exception as error:
        case.fail(
            f"write({event!r:.80}) raised {type(error).__name__}: {error}. If the sink does not "
            "take such events, give its own as `events` of the subject description",
            expected="the event taken",
            seen=type(error).__name__,
        )


async def _delivered(case: PluginCase, plugin: Any) -> list[Any]:
    observe = case.subject.subject.observe
    assert observe is not None
    try:
        seen = list(await observe(plugin))
    except Exception as error:
        raise CannotJudge(
            f"observe() of the subject description raised {type(error).__name__}: {error}"
        ) from None
    case.tell("observe(plugin)", seen=f"{len(seen)} event(s)")
    return seen


def _all_there(
    case: PluginCase, events: list[Any], seen: list[Any], after: str, advice: str
) -> None:
    missing = beyond(events, seen)
    doubled = beyond(seen, events)
    counts = f"{len(events)} written, {len(seen)} delivered"
    case.expect(
        not missing,
        f"{len(missing)} of {len(events)} events are missing {after}: the first is "
        f"{missing[0] if missing else None!r:.80}. {advice}",
        expected=f"{len(events)} events",
        seen=counts,
    )
    case.expect(
        not doubled,
        f"{len(doubled)} of {len(events)} events were delivered more than once {after}: the "
        f"first is {doubled[0] if doubled else None!r:.80}. {advice}",
        expected=f"{len(events)} events",
        seen=counts,
    )
    case.expect(
        seen == events,
        f"the events are all there {after}, but not in the order in which they were written. "
        f"{advice}",
        expected=repr(events)[:200],
        seen=repr(seen)[:200],
    )


NO_SECRETS = """nobody says which values of the config are secret. Describe them in \
conftest.py to have this checked:
    from hot_reload_conformance import PluginSubject
    hot_reload_subject = PluginSubject(
        config={"token": "s3cr3t-token"}, secrets=["s3cr3t-token"]
    )"""


@check("HR-PLUG-18")
async def no_secrets(case: PluginCase, _: Any) -> None:
    secrets = case.subject.subject.secrets
    if not secrets:
        raise NotClaimed(NO_SECRETS)
    shown: dict[str, str] = {}
    # As somebody sets it who looks for an error; the level is put back behind the case.
    logging.root.setLevel(logging.DEBUG)
    async with case.engine() as engine:
        name = await case.loaded(engine)
        plugin = engine.plugin(name)
        await case.exercised(plugin)
        shown["its repr()"] = repr(plugin)
        shown["its str()"] = str(plugin)
        method = hooks.bind(plugin).get(hooks.GET_RELOAD_STATE)
        if method is not None:
            run = await run_hook("get_reload_state()", method, deadline_seconds=2)
            shown["its state"] = repr(run.value)
        method = hooks.bind(plugin).get(hooks.HEALTH_CHECK)
        if method is not None:
            run = await run_hook("health_check()", method, deadline_seconds=2)
            shown["its health"] = repr(run.value)
        del plugin
        outcome = await case.upgraded(engine, name)
        shown["what a reload reports"] = told(outcome)
        await engine.unload(name)
        for how, config in _mistaken(case, secrets):
            outcome = await engine.load(case.path, config=config)
            if outcome.success:
                await engine.unload(outcome.plugin)
            shown[f"what a load reports {how}"] = told(outcome)
    shown["what it logs and prints"] = "\n".join(case.heard())
    found = [place for place, text in shown.items() if any(each in text for each in secrets)]
    case.tell("look for the secrets", seen=", ".join(found) or "nowhere")
    case.expect(
        not found,
        f"a secret value of the config stands in {' and in '.join(found)}: it ends up in log "
        "files, bug reports and backups of the state. Leave it out, or show '***'",
        expected="the secret nowhere",
        seen=", ".join(found),
    )


def _mistaken(case: PluginCase, secrets: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
    """Configs with a mistake of the kind that people make, and the secrets still in them."""
    found = [("with an unknown key", {**case.config, "unknown_4711": None})]
    for key, value in case.config.items():
        if isinstance(value, list | tuple):
            found.append((f"with a wrong item in {key!r}", {**case.config, key: [*value, None]}))
        left = {name: each for name, each in case.config.items() if name != key}
        if not any(each in repr(left) for each in secrets):
            continue
        found.append((f"without {key!r}", left))
        if isinstance(value, str):
            found.append((f"with an empty {key!r}", {**left, key: ""}))
    return found

"""PLUG 08, 09: a state that is not of this version is refused or taken, and never half."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hot_reload import hooks
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.plugins.bare import BarePlugin
from hot_reload_conformance.plugins.case import PluginCase
from hot_reload_conformance.plugins.examples import examples_of
from hot_reload_conformance.plugins.state import difference
from hot_reload_conformance.plugins.words import hook_place, outcome_of
from hot_reload_conformance.verdict import CannotJudge, KitError, NotClaimed

STRANGE: tuple[tuple[str, Any], ...] = (
    ("an empty state", {}),
    ("no state, None", None),
    ("a list instead of a state", []),
    ("a number instead of a state", 42),
    ("a text instead of a state", "garbage"),
)
OTHERS: tuple[Any, ...] = (None, "garbage", -1, ["garbage"], {"garbage": 1})
KEYS_TRIED = 8


def wrong_states(state: Any) -> Iterator[tuple[str, Any]]:
    """States that are none of this version's, made out of ``state``, each with its name."""
    yield from STRANGE
    if not isinstance(state, Mapping):
        return
    yield "a state with an extra key", {**copy.deepcopy(dict(state)), "of_a_later_version": 1}
    # Other values than the plugin's own, so that what was applied of them shows.
    whole = {key: _another(value) for key, value in state.items()}
    for key in list(whole)[:KEYS_TRIED]:
        yield f"a state without {key!r}", {k: v for k, v in whole.items() if k != key}
        for other in OTHERS:
            if type(other) is not type(whole[key]):
                changed = {**copy.deepcopy(whole), key: other}
                yield f"a state whose {key!r} is {other!r}", changed


def _another(value: Any) -> Any:
    """Another value of the same type, where there is an obvious one."""
    if isinstance(value, str):
        return f"{value} of another version"
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value + 1_000
    return not value if isinstance(value, bool) else value


@check("HR-PLUG-08", deadline_seconds=20)
async def state_tolerant(case: PluginCase, _: Any) -> None:
    given = examples_of(case.subject.subject.states, 1)
    async with case.bare() as bare:
        await case.started(bare)
        if given:
            await bare.run(hooks.SET_RELOAD_STATE, copy.deepcopy(given[0]))
        await case.exercised(bare.plugin)
        state = (await bare.run(hooks.GET_RELOAD_STATE)).value
    try:
        copy.deepcopy(state)
    except Exception as error:
        raise CannotJudge(
            f"the state cannot be copied ({type(error).__name__}: {error}), so no wrong one can be "
            "made of it (see HR-PLUG-07)"
        ) from None
    for what, wrong in wrong_states(state):
        async with case.bare() as bare:
            await case.started(bare)
            if given:
                await bare.run(hooks.SET_RELOAD_STATE, copy.deepcopy(given[0]))
            await _offered(case, bare, what, wrong)


async def _offered(case: PluginCase, bare: BarePlugin, what: str, wrong: Any) -> None:
    before = await bare.run(hooks.GET_RELOAD_STATE)
    again = await bare.run(hooks.GET_RELOAD_STATE)
    run = await bare.run(hooks.SET_RELOAD_STATE, copy.deepcopy(wrong))
    name, place = run.name, hook_place(bare, hooks.SET_RELOAD_STATE)
    case.tell(f"{name} with {what}", seen=outcome_of(run, bare)[:200])
    case.expect(
        run.ended,
        f"{name}, given {what}, {outcome_of(run, bare)}",
        expected="a refusal, or the state taken",
        seen="no end",
    )
    case.expect(
        run.error is None or isinstance(run.error, Exception),
        f"{name}, given {what}, {outcome_of(run, bare)}: no refusal that a host can take for one. "
        "Raise ValueError",
        expected="an Exception",
        seen=type(run.error).__name__,
    )
    after = await bare.run(hooks.GET_RELOAD_STATE)
    if run.error is None:
        case.expect(
            after.ended and after.error is None,
            f"{name} ({place}) took {what} without a word, and get_reload_state() then "
            f"{outcome_of(after, bare)}: the next reload fails. Check the whole state first, and "
            "raise ValueError where it does not fit",
            expected="a refusal, or a state that can be asked for again",
            seen=outcome_of(after, bare),
        )
        return
    case.expect(
        after.ended and after.error is None,
        f"{name} ({place}) refused {what}, and get_reload_state() then "
        f"{outcome_of(after, bare)}: half of it was applied",
        expected="the plugin as it was",
        seen=outcome_of(after, bare),
    )
    if difference(before.value, again.value) is not None:
        return  # it changes by itself, a clock say: there is nothing to compare
    changed = difference(before.value, after.value)
    case.expect(
        changed is None,
        f"{name} ({place}) refused {what}, but half of it was applied: {changed}. Look at the "
        "whole state before the first assignment to self",
        expected=repr(before.value)[:200],
        seen=repr(after.value)[:200],
    )


NO_RECORDS = """nobody has kept a state of an earlier version. Record one of each release in the \
plugin's repository, and say in conftest.py where:
    # once for each release: json.dump(plugin.get_reload_state(), file)
    from hot_reload_conformance import PluginSubject
    hot_reload_subject = PluginSubject(recorded=["tests/states"])"""


@check("HR-PLUG-09", variants=[Variant("recorded states")])
async def state_compatible(case: PluginCase, _: Any) -> None:
    files = _recorded(case)
    if not files:
        raise NotClaimed(NO_RECORDS)
    for path in files:
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise KitError(f"the recorded state {path} cannot be read: {error}") from error
        async with case.bare() as bare:
            await case.started(bare)
            run = await bare.run(hooks.SET_RELOAD_STATE, state)
            case.tell(f"{run.name} with {path.name}", seen=outcome_of(run, bare)[:200])
            case.expect(
                run.ended and run.error is None,
                f"{run.name} ({hook_place(bare, hooks.SET_RELOAD_STATE)}), given the state "
                f"recorded in {path.name}, {outcome_of(run, bare)}: who updates loses what the "
                "plugin held. Convert older forms",
                expected="the state of an earlier version taken over",
                seen=outcome_of(run, bare),
            )
            await case.exercised(bare.plugin)
            after = await bare.run(hooks.GET_RELOAD_STATE)
            case.expect(
                after.ended and after.error is None,
                f"after the state recorded in {path.name}, get_reload_state() "
                f"{outcome_of(after, bare)}: it was not converted whole",
                expected="a state of this version",
                seen=outcome_of(after, bare),
            )


def _recorded(case: PluginCase) -> list[Path]:
    found: list[Path] = []
    for each in case.subject.subject.recorded:
        path = case.main_file.parent / each
        inside = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not inside:
            raise CannotJudge(f"the folder {path} of recorded states holds no *.json")
        found += inside
    return found

"""The aftermath: what must be so of a host's plugins when all operations have ended."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hot_reload_conformance.adapter import Event, HostAdapter
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.simulation.cast import DEPENDENT, STAGES, STOP_FIRST, stops_first
from hot_reload_conformance.simulation.happenings import Happenings
from hot_reload_conformance.simulation.lives import HOOK_ORDER, Expect

SAME_OBJECT = "same-object"
INDEPENDENT = "independent"
IN_PROGRESS = "in-progress"
CASCADE = "cascade"
DRAIN_ENDS = "drain-ends"

_REACHED = re.compile(r"\((?P<version>[^()]*)\)")


async def judge_aftermath(
    adapter: HostAdapter, happenings: Happenings, recording: Recording, expect: Expect
) -> None:
    """Ask what concerns the outcome, beside what a serial order has to explain."""
    _independent(happenings, expect)
    _declared_order(adapter.hook_order, happenings, recording, expect)
    await _same_objects(adapter, happenings, recording, expect)
    await _cascaded(adapter, happenings, expect)
    await _at_rest(adapter, happenings, expect)
    expect(
        not happenings.endless,
        DRAIN_ENDS,
        "an operation does not end as long as events come",
        expected="a drain that waits for the old one's own events",
        seen=f"{happenings.endless} events later it still waits",
    )


def _independent(happenings: Happenings, expect: Expect) -> None:
    for slow, quick in happenings.beside_a_hang():
        expect(
            quick.ended < slow.ended,
            INDEPENDENT,
            f"{quick.op} ends only when {slow.op}, which hangs, has come to its deadline",
            expected=f"{quick.op} ends first",
            seen=f"{slow.op} ends first",
        )


def _declared_order(
    declared: Sequence[str], happenings: Happenings, recording: Recording, expect: Expect
) -> None:
    """One good reload of a plugin, and nothing else done to it: its hooks, old and new."""
    for name in sorted(happenings.reloaded_once() - STOP_FIRST - STAGES):
        moments = [m for m in recording.moments[happenings.given_moments :] if m.plugin == name]
        serials = {each.serial for each in moments if each.what == "start"}
        if len(serials) != 1:
            continue
        seen = [
            f"{'new' if each.serial in serials or each.what == 'construct' else 'old'} {each.what}"
            for each in moments
            if each.phase == "begin"
        ]
        seen = [each for each in dict.fromkeys(seen) if each in declared]
        wanted = [each for each in declared if each in seen]
        expect(
            seen == wanted,
            HOOK_ORDER,
            f"in a reload of {name} the hooks run in another order than the host declares",
            expected=", ".join(wanted),
            seen=", ".join(seen),
        )


async def _same_objects(
    adapter: HostAdapter, happenings: Happenings, recording: Recording, expect: Expect
) -> None:
    failed = happenings.only_failed_reloads()
    # Who has stopped the old one has started its code anew.
    names = {name for name in failed if not stops_first(name, adapter.claims)}
    if not names:
        return
    serving = set(await adapter.call(Event("who")))
    for name in sorted(names):
        made = [
            f"{each.version}#{each.serial}"
            for each in recording.moments[: happenings.given_moments]
            if each.plugin == name and each.what == "construct" and each.phase == "begin"
        ]
        answer = {each for each in serving if each.startswith(f"{name}.")}
        if not made or not answer:
            continue  # it has no handler, or is disabled; and if it is gone, another one says so
        expect(
            answer == {made[-1]},
            SAME_OBJECT,
            f"every reload of {name} failed, and another object than the old one serves",
            expected=made[-1],
            seen=", ".join(sorted(answer)),
        )


async def _cascaded(adapter: HostAdapter, happenings: Happenings, expect: Expect) -> None:
    names = happenings.touched("load") & set(DEPENDENT)
    if not names:
        return
    told = await adapter.call(Event("needs"))
    own = {each.split()[0]: each.split()[1] for each in told}
    for each in told:
        name, found = each.split()[0], _REACHED.search(each)
        if name not in names or found is None:
            continue
        base = DEPENDENT[name]
        reached = found["version"].removeprefix(f"{base} ")
        expect(
            reached == own.get(base),
            CASCADE,
            f"{name} uses {reached} of {base}, and {own.get(base, 'none')} serves",
            expected=own.get(base, "none"),
            seen=reached,
        )


async def _at_rest(adapter: HostAdapter, happenings: Happenings, expect: Expect) -> None:
    for words in happenings.silent_health:
        expect(
            False,
            IN_PROGRESS,
            f"health says that nothing runs while {words} runs",
            expected="in progress",
            seen="at rest",
        )
    put_off = any(each.asked and not each.ok for each in happenings.operated())
    if happenings.health_told and not put_off:  # what was put off may well run by now
        expect(
            not (await adapter.health()).reloading,
            IN_PROGRESS,
            "all operations have ended, and health says that one runs",
            expected="at rest",
            seen="in progress",
        )

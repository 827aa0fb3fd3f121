"""Accounts: which sinks had to get which events of a run, and in which order."""

from __future__ import annotations

from hot_reload_conformance.recording import Recording
from hot_reload_conformance.simulation.cast import SECRET, SINKS, STAGES
from hot_reload_conformance.simulation.happenings import Emitted, Happenings
from hot_reload_conformance.simulation.lives import Expect

ORDER = "order"
AFTER_REMOVAL = "after-removal"
SIBLING = "sibling"
STAGES_AGREE = "stages-agree"
REDACTED = "redacted"


def judge_accounts(happenings: Happenings, recording: Recording, expect: Expect) -> None:
    """Ask what concerns events, when all is over."""
    _order(happenings, recording, expect)
    _removed(happenings, recording, expect)
    _siblings(happenings, recording, expect)
    _stages(happenings, recording, expect)


def _order(happenings: Happenings, recording: Recording, expect: Expect) -> None:
    place = {
        (each.plugin, each.sequence): number for number, each in enumerate(recording.deliveries)
    }
    for name in sorted({each.plugin for each in recording.deliveries}):
        for producer in {each.event.producer: None for each in happenings.emitted}:
            got = [
                (each, place[name, each.event.sequence])
                for each in happenings.emitted
                if each.event.producer == producer and (name, each.event.sequence) in place
            ]
            # Of all that were accepted before the next one began, who came last to the sink?
            before = sorted(got, key=lambda pair: pair[0].ended)[::-1]
            latest: tuple[Emitted, int] | None = None
            for second, at in sorted(got, key=lambda pair: pair[0].began):
                while before and before[-1][0].ended < second.began:
                    first = before.pop()
                    latest = first if latest is None or first[1] > latest[1] else latest
                if latest is None:
                    continue
                earlier = latest[0].event.sequence
                expect(
                    latest[1] < at,
                    ORDER,
                    f"{name} gets event {second.event.sequence} of {producer} before event "
                    f"{earlier}, which was accepted first",
                    expected="events of one producer in their order",
                    seen=f"{second.event.sequence}, then {earlier}",
                )


def _removed(happenings: Happenings, recording: Recording, expect: Expect) -> None:
    for name, began, ended in happenings.removals():
        got = {each.sequence for each in recording.deliveries if each.plugin == name}
        for each in happenings.emitted:
            sequence = each.event.sequence
            if each.began > ended:
                expect(
                    sequence not in got,
                    AFTER_REMOVAL,
                    f"event {sequence} reaches {name}, whose removal had returned before",
                    expected="none after removal",
                    seen=f"event {sequence}",
                )
            elif each.accepted and each.ended < began and happenings.had(name, each.event):
                expect(
                    sequence in got,
                    AFTER_REMOVAL,
                    f"event {sequence} was accepted before {name} was removed, and never reached "
                    "it",
                    expected="everything accepted before",
                    seen=f"event {sequence} is missing",
                )


def _siblings(happenings: Happenings, recording: Recording, expect: Expect) -> None:
    moved = happenings.moved()
    got = {(each.plugin, each.sequence) for each in recording.deliveries}
    for name in sorted((happenings.touched("load") & SINKS) - moved):
        if not moved & SINKS:
            return
        for each in happenings.emitted:
            if each.accepted and happenings.had(name, each.event):
                expect(
                    (name, each.event.sequence) in got,
                    SIBLING,
                    f"event {each.event.sequence} never reaches {name}, though only "
                    f"{', '.join(sorted(moved & SINKS))} was operated on",
                    expected=f"{name} gets everything",
                    seen=f"event {each.event.sequence} is missing",
                )


def _stages(happenings: Happenings, recording: Recording, expect: Expect) -> None:
    steady = (happenings.touched("load") & STAGES) - happenings.touched(
        "unload", "disable", "enable"
    )
    for name in sorted(steady):
        for each in happenings.emitted:
            sequence = each.event.sequence
            through = [p for p in recording.passes if (p.plugin, p.sequence) == (name, sequence)]
            served = {f"{p.version}#{p.serial}" for p in through}
            expect(
                len(served) <= 1,
                STAGES_AGREE,
                f"event {sequence} passes two generations of {name}",
                expected="all stages of one generation",
                seen=", ".join(f"{p.role} of {p.version}" for p in through),
            )
        for delivery in recording.deliveries:
            if happenings.stage_before(name, delivery.sequence):
                expect(
                    delivery.value != SECRET,
                    REDACTED,
                    f"event {delivery.sequence} reaches {delivery.plugin} unredacted, while {name} "
                    "is reloaded",
                    expected="redacted",
                    seen=delivery.value,
                )

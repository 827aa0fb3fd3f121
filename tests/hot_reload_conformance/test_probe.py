"""The probe: what plugins report, what is planned for them, and what it never holds."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Iterator

import pytest

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import Event
from hot_reload_conformance.planned import PlannedError, raising
from hot_reload_conformance.probe import NotDrivable, Probe
from hot_reload_conformance.recording import Recording


@pytest.fixture
def recording() -> Iterator[Recording]:
    fresh = Recording()
    before = probe.install(fresh)
    yield fresh
    probe.install(before)


class Plugin:
    """What a rendered plugin is."""

    def __init__(self, module: Probe) -> None:
        self.p = module.construct(self)


def test_hooks_are_recorded_in_order_with_their_ends(recording: Recording) -> None:
    plugin = Plugin(probe.attach("alpha", "v1"))
    plugin.p.hook("start")
    assert [(m.what, m.phase) for m in recording.moments] == [
        ("import", "begin"),
        ("import", "end"),
        ("construct", "begin"),
        ("construct", "end"),
        ("start", "begin"),
        ("start", "end"),
    ]
    assert recording.whats("alpha") == ["import", "construct", "start"]
    assert recording.count("start", "alpha", "v1") == 1
    assert recording.count("start", "alpha", "v2") == 0


def test_plan_comes_true_once_for_the_plugin_and_version_it_names(recording: Recording) -> None:
    recording.plan("start", raising(PlannedError, "as planned"), plugin="alpha", version="v2")
    probe.attach("beta", "v2").hook("start")
    probe.attach("alpha", "v1").hook("start")
    assert recording.pending() == ["alpha start"]
    second = probe.attach("alpha", "v2")
    with pytest.raises(PlannedError, match="as planned"):
        second.hook("start")
    second.hook("start")
    assert recording.pending() == []
    assert [m.phase for m in recording.moments if m.what == "start"][-4:] == [
        "begin",
        "raise",
        "begin",
        "end",
    ]


def test_plan_of_a_number_of_times(recording: Recording) -> None:
    recording.plan("start", raising(PlannedError), times=2)
    one = probe.attach("alpha", "v1")
    for _ in range(2):
        with pytest.raises(PlannedError):
            one.hook("start")
    one.hook("start")


def test_plan_at_the_end_of_a_hook(recording: Recording) -> None:
    order: list[str] = []
    recording.plan("start:end", lambda _: order.append("end"))
    recording.plan("start", lambda _: order.append("begin"))
    probe.attach("alpha", "v1").hook("start")
    assert order == ["begin", "end"]


async def test_asynchronous_action_waits_in_an_asynchronous_hook(recording: Recording) -> None:
    gate = asyncio.Event()

    async def wait(_: Probe) -> None:
        await gate.wait()

    recording.plan("start", wait)
    task = asyncio.ensure_future(probe.attach("alpha", "v1").ahook("start"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert recording.whats("alpha", phase="end") == ["import"]
    gate.set()
    await task
    assert recording.whats("alpha", phase="end") == ["import", "start"]


async def test_asynchronous_action_cannot_wait_in_a_synchronous_hook(recording: Recording) -> None:
    async def wait(_: Probe) -> None:
        await asyncio.Event().wait()

    async def pass_by(_: Probe) -> None:
        return

    one = probe.attach("alpha", "v1")
    recording.plan("start", wait)
    with pytest.raises(NotDrivable):
        one.hook("start")
    recording.plan("start", pass_by)
    one.hook("start")


def test_alive_names_what_is_kept_and_forgets_what_is_not(recording: Recording) -> None:
    kept = Plugin(probe.attach("alpha", "v1"))
    Plugin(probe.attach("alpha", "v2"))
    alive = [each for each in recording.alive("alpha") if each.endswith("(instance)")]
    assert alive == [f"alpha v1#{kept.p.serial} (instance)"]
    del kept
    assert not [each for each in recording.alive("alpha") if each.endswith("(instance)")]


def test_recording_holds_no_probe(recording: Recording) -> None:
    probe.attach("alpha", "v1").hook("start")
    gc.collect()
    assert not [each for each in gc.get_referrers(recording) if isinstance(each, Probe)]
    assert recording.alive("alpha") == []


def test_handlers_answer_by_the_kind_of_event(recording: Recording) -> None:
    one = probe.attach("alpha", "v1")
    other = one.construct(object())
    assert one.reply() == "v1"
    assert one.reply(None, "extra") == "v1/extra"
    assert one.reply(Event("who")) == f"v1#{one.serial}"
    one.reply(Event("add", 2))
    one.reply(Event("add", 3))
    assert one.reply(Event("get")) == "{'count': 5}"
    assert other.reply(Event("get")) == "{}"
    assert other.serial != one.serial


def test_state_is_handed_out_as_a_copy(recording: Recording) -> None:
    one = probe.attach("alpha", "v1")
    one.reply(Event("add", 1))
    given = one.get_state()
    given["count"] = 9
    assert one.reply(Event("get")) == "{'count': 1}"


def test_sinks_record_their_deliveries(recording: Recording) -> None:
    one = probe.attach("alpha", "v1")
    one.receive(Event("log", producer="p1", sequence=4))
    (delivery,) = recording.deliveries
    assert (delivery.plugin, delivery.producer, delivery.sequence) == ("alpha", "p1", 4)


def test_attach_outside_of_a_case_is_refused() -> None:
    before = probe.install(None)
    try:
        with pytest.raises(RuntimeError, match="no conformance case is running"):
            probe.attach("alpha", "v1")
    finally:
        probe.install(before)


def test_attach_in_a_process_of_the_hosts_reports_to_nobody(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert os.environ[probe.CASE_VARIABLE] == "1"
    # As in a child that was started afresh: the variable is inherited, the recording is not.
    monkeypatch.setattr(probe, "_current", None)
    assert probe.attach("alpha", "v1").recording is not recording
    assert recording.moments == []


def test_a_stage_notes_the_event_and_only_a_redactor_changes_it() -> None:
    recording = Recording()
    plugin = probe.Probe(recording, "stages", "v1")
    event = Event("log", producer="p", sequence=3)
    assert plugin.stage(event, "filter") is event
    assert plugin.stage(event, "redactor").value == probe.REDACTED
    assert [(each.role, each.sequence) for each in recording.passes] == [
        ("filter", 3),
        ("redactor", 3),
    ]


def test_a_background_task_notes_its_end_only_after_turns() -> None:
    async def main() -> None:
        recording = Recording()
        task = asyncio.ensure_future(probe.Probe(recording, "a", "v1").background())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        assert recording.whats("a", phase="end") == []
        await asyncio.wait({task})
        assert recording.whats("a", phase="end") == ["background"]

    asyncio.run(main())


def test_a_connection_answers_for_whoever_was_handed_it() -> None:
    recording = Recording()
    old, new = (probe.Probe(recording, "a", version) for version in ("v1", "v2"))
    wire = Event("connection")
    assert old.reply(wire) == "none"
    connection = old.connect()
    new.handed(connection)
    assert old.reply(wire) == new.reply(wire) == f"{old.serial} open"
    connection.close()
    assert new.reply(wire) == f"{old.serial} closed"


def test_the_timeline_has_the_events_between_the_moments(recording: Recording) -> None:
    old, new = probe.Probe(recording, "s", "v1"), probe.Probe(recording, "s", "v2")
    event = Event("log", producer="p", sequence=1)
    for plugin in (old, new, old):
        plugin.receive(event)
    new.hook("start")
    new.receive(event)
    assert recording.timeline() == (
        f"s v1#{old.serial} 2 events taken",
        f"s v2#{new.serial} 1 event taken",
        f"s v2#{new.serial} start begin",
        f"s v2#{new.serial} start end",
        f"s v2#{new.serial} 1 event taken",
    )
    assert recording.timeline(1) == (f"s v2#{new.serial} 1 event taken",)

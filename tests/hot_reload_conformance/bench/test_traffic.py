"""Traffic books every event that the host accepted, and finds those that did not arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hot_reload_conformance.adapter import Event, PluginSpec
from hot_reload_conformance.bench.case import Budget, Case
from hot_reload_conformance.bench.traffic import Traffic
from hot_reload_conformance.exploration.standing import standing
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge, Violation

SINK = PluginSpec(name="sink", sink=True)


def in_case(
    check: Callable[[Case], Awaitable[None]], adapter: type[BlueGreenAdapter] = BlueGreenAdapter
) -> None:
    async def run(case: Case) -> None:
        await check(case)

    with standing(HostSubject(adapter), Budget()) as stands:
        stands.run(run(stands.case), 20)


def test_a_reload_under_tasks_threads_and_hooks_has_clean_accounts() -> None:
    async def check(case: Case) -> None:
        await case.loaded(SINK)
        async with Traffic(case, threads=("t1",)) as traffic:
            await case.reloaded(SINK.at("v2"))
        report = traffic.report("sink")
        report.assert_clean(at_least=30)
        assert set(report.by_producer) == {"p1", "p2", "t1", "hook"}
        assert not traffic.notes

    in_case(check)


def test_there_is_an_event_inside_every_hook() -> None:
    async def check(case: Case) -> None:
        await case.loaded(SINK)
        async with Traffic(case, tasks=()) as traffic:
            await case.reloaded(SINK.at("v2"))
        hooks = {moment.order for moment in case.recording.moments if moment.version == "v2"}
        assert len(hooks) == 10  # import, construct, start, health_check, on_reload
        assert traffic.report("sink").by_producer["hook"].accepted > len(hooks)

    in_case(check)


def test_however_long_an_operation_takes_there_are_events_behind_it() -> None:
    async def check(case: Case) -> None:
        await case.loaded(SINK)
        async with Traffic(case) as traffic:
            for _ in range(1000):  # turns, while a host works in another thread
                await asyncio.sleep(0)
            end = traffic.mark()
        report = traffic.report("sink", since=end)
        report.assert_clean(at_least=2)
        assert set(report.by_producer) >= {"p1", "p2"}

    in_case(check)


def test_what_does_not_arrive_is_lost_by_name() -> None:
    class Forgetful(BlueGreenAdapter):
        async def emit(self, event: Event) -> bool | None:
            if (event.producer, event.sequence) == ("p1", 2):
                return True
            return await super().emit(event)

    async def check(case: Case) -> None:
        await case.loaded(SINK)
        async with Traffic(case) as traffic:
            pass
        assert [str(stamp) for stamp in traffic.report("sink").lost] == ["p1#2"]

    in_case(check, Forgetful)


def test_what_was_refused_is_not_lost() -> None:
    class Refusing(BlueGreenAdapter):
        async def emit(self, event: Event) -> bool | None:
            return False if event.sequence % 2 else await super().emit(event)

    async def check(case: Case) -> None:
        await case.loaded(SINK)
        async with Traffic(case) as traffic:
            pass
        report = traffic.report("sink")
        assert report.clean
        assert report.accepted == report.delivered > 0

    in_case(check, Refusing)


def test_without_an_accepted_event_nothing_is_judged() -> None:
    async def check(case: Case) -> None:
        async with Traffic(case) as traffic:
            pass
        with pytest.raises(CannotJudge, match="accepted none"):
            traffic.report("sink")

    in_case(check)


def test_an_emit_that_waits_is_no_thread_and_not_lost() -> None:
    class Waiting(BlueGreenAdapter):
        async def emit(self, event: Event) -> bool | None:
            await asyncio.sleep(0)
            return await super().emit(event)

    async def check(case: Case) -> None:
        await case.loaded(SINK)
        async with Traffic(case, threads=("t1",)) as traffic:
            await case.reloaded(SINK.at("v2"))
        assert traffic.notes == ["emit waits: t1 cannot be a thread without a loop"]
        traffic.report("sink").assert_clean(at_least=10)

    in_case(check, Waiting)


def test_an_adapter_whose_emit_raises_is_told() -> None:
    class Raising(BlueGreenAdapter):
        async def emit(self, event: Event) -> bool | None:
            raise RuntimeError("no pipeline")

    async def check(case: Case) -> None:
        with pytest.raises(Violation, match="emit raised RuntimeError: no pipeline"):
            async with Traffic(case):
                pass

    in_case(check, Raising)

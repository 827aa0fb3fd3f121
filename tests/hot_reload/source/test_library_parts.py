"""I17: what libraries keep for the whole process; the plain cases are in test_process_state."""

from __future__ import annotations

import asyncio
import asyncio.events
import signal
import ssl
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from hot_reload.source.process_state import Change, ProcessState, undo


def parts_of(made: Sequence[Change]) -> list[str]:
    return [each.part for each in made if "PYTEST_CURRENT_TEST" not in each.text]


@pytest.fixture
def before() -> Iterator[ProcessState]:
    photograph = ProcessState.capture()
    yield photograph
    undo(photograph.changes_by_now())


async def test_i17_what_is_set_on_the_running_loop_is_told_and_undone() -> None:
    before = ProcessState.capture()
    loop = asyncio.get_running_loop()
    debug = loop.get_debug()
    loop.set_exception_handler(lambda loop, context: None)
    loop.set_task_factory(lambda loop, coro, **kwargs: asyncio.Task(coro, loop=loop, **kwargs))
    loop.set_debug(not debug)
    made = before.changes_by_now()
    assert [str(each) for each in made] == [
        "changed the exception handler of the running event loop",
        "changed the task factory of the running event loop",
        "changed the debug of the running event loop",
    ]
    assert undo(made) == ()
    assert (loop.get_exception_handler(), loop.get_task_factory()) == (None, None)
    assert loop.get_debug() is debug


async def test_i17_what_was_left_alone_on_the_running_loop_is_not_told() -> None:
    before = ProcessState.capture()
    loop = asyncio.get_running_loop()
    loop.set_debug(not loop.get_debug())
    made = before.changes_by_now()
    assert [str(each) for each in made] == ["changed the debug of the running event loop"]
    assert undo(made) == ()


def test_i17_another_loop_is_no_change(before: ProcessState) -> None:
    async def look() -> list[str]:
        return parts_of(before.changes_by_now())

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)
    assert loop.run_until_complete(look()) == []
    loop.close()


def test_i17_the_time_zone_goes_back_with_the_environment(
    before: ProcessState, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = time.tzname
    monkeypatch.setenv("TZ", "XYZ+5")
    time.tzset()
    made = before.changes_by_now()
    assert str(made[0]) == f"changed the time zone from {names[0]!r} to 'XYZ'"
    assert undo(made) == ()
    assert time.tzname == names


def test_i17_a_policy_that_asyncio_makes_itself_is_no_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asyncio.events, "_event_loop_policy", None)
    before = ProcessState.capture()
    asyncio.new_event_loop().close()
    assert asyncio.events._event_loop_policy is not None  # type: ignore[attr-defined]
    assert before.changes_by_now() == ()


def test_i17_a_module_that_comes_later_counts_from_its_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "ssl")
    before = ProcessState.capture()
    sys.modules["ssl"] = ssl
    assert before.changes_by_now() == ()
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    made = before.changes_by_now()
    assert [each.part for each in made] == ["HTTPS certificates"]
    undo(made)
    assert ssl._create_default_https_context is ssl.create_default_context


def test_i17_a_module_that_went_has_nothing_to_be_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ssl", ssl)
    before = ProcessState.capture()
    monkeypatch.delitem(sys.modules, "ssl")
    assert "HTTPS certificates" not in parts_of(before.changes_by_now())


def test_i17_an_alarm_is_told_and_taken_back_and_one_that_went_off_is_none() -> None:
    earlier = signal.setitimer(signal.ITIMER_REAL, 0)  # pytest-timeout's
    try:
        unset = ProcessState.capture()
        signal.setitimer(signal.ITIMER_REAL, 3600)
        made, set_ = unset.changes_by_now(), ProcessState.capture()
        assert parts_of(made) == ["alarm"]
        assert undo(made) == ()
        assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
        assert set_.changes_by_now() == ()
    finally:
        signal.setitimer(signal.ITIMER_REAL, *earlier)

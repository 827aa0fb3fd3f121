"""Who holds an object."""

from __future__ import annotations

import asyncio
import atexit
import logging
import sys
import threading
from types import ModuleType
from typing import Any

import pytest

from hot_reload_conformance.plugins.holders import holder_of


class Thing:
    """Something to hold."""

    def end(self) -> None:
        """Nothing."""


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("bus_of_events")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


def test_a_variable_of_a_module(bus: ModuleType) -> None:
    vars(bus)["last"] = Thing()
    assert "of module 'bus_of_events'" in holder_of(vars(bus)["last"], ())


def test_a_way_through_containers_and_closures(bus: ModuleType) -> None:
    thing = Thing()
    vars(bus)["listeners"] = {"start": [lambda: thing]}
    assert holder_of(thing, ()) == "the dict 'listeners' of module 'bus_of_events'"


async def test_a_running_task() -> None:
    async def poll(thing: Thing) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(poll(Thing()), name="poll")
    await asyncio.sleep(0)
    coroutine = task.get_coro()
    assert coroutine is not None
    frame = getattr(coroutine, "cr_frame")  # noqa: B009 - not typed
    thing = frame.f_locals["thing"]
    del frame, coroutine
    assert holder_of(thing, ()) == "the running task 'poll'"
    task.cancel()
    await asyncio.wait({task})


def test_the_plugins_own_modules_are_no_holders(bus: ModuleType) -> None:
    thing = Thing()
    vars(bus)["mine"] = thing
    ended = threading.Event()
    assert "bus_of_events" not in holder_of(thing, {"bus_of_events"})
    ended.set()


def test_an_attribute_and_a_handler_of_a_logger() -> None:
    logger = logging.getLogger("hot_reload_test_of_holders")
    thing = Thing()
    vars(logger)["seen"] = thing
    assert holder_of(thing, ()) == f"the attribute 'seen' of the logger {logger.name!r}"
    del vars(logger)["seen"]
    handler = logging.NullHandler()
    handler.__dict__["thing"] = thing
    logger.addHandler(handler)
    try:
        assert holder_of(thing, ()) == f"a handler of the logger {logger.name!r}"
    finally:
        logger.removeHandler(handler)


async def test_the_exception_handler_of_the_loop_and_not_its_timers() -> None:
    class Reporter:
        def report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            """Nothing."""

    loop, reporter = asyncio.get_running_loop(), Reporter()
    timer = loop.call_later(600, print)
    loop.set_exception_handler(reporter.report)
    try:
        assert holder_of(reporter, ()) == "the exception handler of the event loop"
    finally:
        loop.set_exception_handler(None)
        timer.cancel()


async def test_the_task_factory_though_a_handler_is_set_too() -> None:
    class Factory:
        def make(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> Any:
            return asyncio.Task(work, loop=loop, **options)

    loop, factory = asyncio.get_running_loop(), Factory()
    loop.set_exception_handler(lambda _loop, _context: None)
    loop.set_task_factory(factory.make)
    try:
        assert holder_of(factory, ()) == "the task factory of the event loop"
    finally:
        loop.set_task_factory(None)
        loop.set_exception_handler(None)


def test_a_holder_that_nobody_sees() -> None:
    thing = Thing()
    atexit.register(thing.end)
    try:
        assert "such as an atexit callback" in holder_of(thing, ())
    finally:
        atexit.unregister(thing.end)

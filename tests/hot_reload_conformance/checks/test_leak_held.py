"""The chain of holders, in words."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from hot_reload_conformance.bench.leftovers import only_new_objects
from hot_reload_conformance.checks.leak_held import held_by
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter


class Thing:
    """Something to hold."""


class _Host:
    """Something that holds."""


class _Slotted:
    __slots__ = ("kept",)


@pytest.fixture
def module() -> Iterator[ModuleType]:
    # A host that stands in a global, so that the chain has an end.
    made = ModuleType("a_host_of_ours")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def _in_a_list(host: Any, thing: Thing) -> None:
    host.history = [thing]


def _by_name(host: Any, thing: Thing) -> None:
    host.plugins = {"alpha": thing}


def _in_a_closure(host: Any, thing: Thing) -> None:
    host.undo = lambda: thing


def _in_a_slot(host: Any, thing: Thing) -> None:
    host.generation = _Slotted()
    host.generation.kept = thing


def _in_a_stored_exception(host: Any, thing: Thing) -> None:
    def start(plugin: Thing) -> None:
        raise ValueError

    try:
        start(thing)
    except ValueError as error:
        host.last_error = error


@pytest.mark.parametrize(
    ("hold", "words"),
    [
        (_in_a_list, "a list in attribute 'history' of _Host"),
        (_by_name, "a dict, under 'alpha', in attribute 'plugins' of _Host"),
        (_in_a_closure, "the function _in_a_closure.<locals>.<lambda>(), held by attribute 'undo'"),
        (_in_a_slot, "attribute 'kept' of _Slotted, held by attribute 'generation' of _Host"),
        (_in_a_stored_exception, "held by the traceback of the exception ValueError, held by"),
    ],
)
def test_the_way_to_the_host(module: ModuleType, hold: Any, words: str) -> None:
    thing = Thing()
    vars(module)["host"] = _Host()
    hold(vars(module)["host"], thing)
    said = held_by(thing)
    assert words in said
    assert said.endswith("held by the global 'host' of module 'a_host_of_ours'")


def test_an_adapter_ends_the_chain_and_is_not_told() -> None:
    adapter: Any = BlueGreenAdapter()
    adapter.host = _Host()
    thing = Thing()
    adapter.host.history = [thing]
    assert held_by(thing) == "a list in attribute 'history' of _Host"
    adapter.mine, adapter.host = thing, None
    assert held_by(thing) == "attribute 'mine' of BlueGreenAdapter"


def test_a_module_that_is_still_in_sys_modules(module: ModuleType) -> None:
    assert "of module 'a_host_of_ours'" in held_by(vars(module).setdefault("Plugin", Thing()))
    assert held_by(module) == "sys.modules, as 'a_host_of_ours'"


async def test_a_task_that_runs() -> None:
    kept: list[Thing] = [Thing()]

    async def poll(thing: Thing) -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(poll(kept[0]), name="poll")
    await asyncio.sleep(0)
    thing = kept.pop()
    said = held_by(thing)
    assert said.endswith(".poll() that has not ended, held by the running task 'poll'")
    task.cancel()
    await asyncio.wait({task})


def test_a_thread_that_runs() -> None:
    over = threading.Event()
    thing = Thing()
    thread = threading.Thread(target=over.wait, name="worker", daemon=True)
    thread.kept = thing  # type: ignore[attr-defined]
    thread.start()
    try:
        assert held_by(thing) == "the running thread 'worker'"
    finally:
        over.set()
        thread.join()


def test_a_long_chain_is_told_by_its_ends(module: ModuleType) -> None:
    thing = Thing()
    end: Any = thing
    for _ in range(8):
        link = _Host()
        link.next = end  # type: ignore[attr-defined]
        end = link
    vars(module)["first"] = end
    link_words = "attribute 'next' of _Host"
    assert held_by(thing) == (
        f"{link_words}, held by {link_words}, held by …, held by {link_words}, "
        "held by the global 'first' of module 'a_host_of_ours'"
    )


def test_what_was_frozen_is_seen(module: ModuleType) -> None:
    thing = Thing()
    vars(module)["host"] = _Host()
    vars(module)["host"].history = [thing]
    gc.collect()
    with only_new_objects():
        assert "attribute 'history' of _Host" in held_by(thing)


def test_nobody_but_the_asker() -> None:
    thing = Thing()
    assert held_by(thing) == ""

"""The blue-green host: the operations, and the reload step by step.

Every step of the reload is a method of its own, so that a specimen overrides just
the one that its bug is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import copy
import itertools
import json
import threading
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from hot_reload_conformance.adapter import Event, Ports
from hot_reload_conformance.specimens.blue_green_generation import Generation, HostError
from hot_reload_conformance.specimens.blue_green_loading import Loading
from hot_reload_conformance.specimens.blue_green_state import path_to_uncopyable, plain

T = TypeVar("T")


class BlueGreenHost(Loading):
    """Plugins are classes named ``Plugin`` in a module; hooks are coroutine methods."""

    def __init__(self, root: Path, ports: Ports) -> None:
        self.root = root
        self.ports = ports
        self.live: dict[str, Generation] = {}
        self.numbers = itertools.count(1)
        self.locks: dict[str, asyncio.Lock] = {}
        self.gates: dict[str, list[Event]] = {}
        self.opened: dict[str, asyncio.Event] = {}
        # Producers may be threads: no swap while an event is on its way into the sinks.
        self.delivering = threading.RLock()
        self.busy: set[str] = set()
        self.running: set[asyncio.Task[Any]] = set()
        self.closing = False
        self.lazy: set[str] = set()
        self.loading: dict[str, asyncio.Task[None]] = {}

    # Operations

    async def load(self, name: str) -> None:
        if self.inside(name):
            raise HostError(f"load of {name!r} refused: it was asked for from its own hook")
        async with self.lock(name):
            with self.marked(name):
                await self.load_locked(name)

    async def load_locked(self, name: str) -> None:
        if name in self.live:
            raise HostError(f"load of {name!r} refused: it is loaded already")
        new = await self.prepare(name, None)
        self.live[name] = new
        self.lazy.discard(name)

    async def unload(self, name: str) -> None:
        if self.inside(name):
            raise HostError(f"unload of {name!r} refused: it was asked for from its own hook")
        async with self.lock(name):
            old = self.known(name, "unload")
            with self.marked(name):
                # No suspension point from the guard to the removal that it allows.
                self.guard_last_sink(name, "unload")
                with self.delivering:
                    del self.live[name]
                await self.finished(self.retire(old))

    async def reload(self, name: str) -> list[str]:
        if self.inside(name):
            raise HostError(f"reload of {name!r} refused: it was asked for from its own hook")
        async with self.lock(name):
            old = self.known(name, "reload")
            self.busy.add(name)
            try:
                with self.marked(name):
                    try:
                        new = await self.prepare(name, old)
                        self.commit(name, new)
                    except BaseException:
                        await self.roll_back(name, old)
                        raise
                    # The old one's last hooks are the plugin's own hooks too: still inside.
                    return await self.finished(self.retire(old))
            finally:
                self.busy.discard(name)

    async def call(self, event: Event | None) -> list[str]:
        replies: list[str] = []
        for name in list(self.live):
            # Its state is on the way to the new generation; its own hooks would wait for
            # themselves, and are answered at once.
            while name in self.gates and not self.inside(name):
                await self.opened[name].wait()
            generation = self.live.get(name)
            if generation and generation.enabled and not generation.plugin.is_sink:
                replies += await self.answer(generation, event)
        return replies

    async def use(self, name: str, event: Event | None) -> str:
        if name in self.lazy:
            await self.first_load(name)
        return (await self.answer(self.known(name, "use"), event))[0]

    async def first_load(self, name: str) -> None:
        """One load for all who wait for it, and its error too."""
        task = self.loading.get(name)
        if task is None:
            task = self.loading[name] = asyncio.ensure_future(self.load(name))
            task.add_done_callback(lambda _: self.loading.pop(name))
        await asyncio.shield(task)

    def emit(self, event: Event) -> bool:
        with self.delivering:
            sinks = [g for g in list(self.live.values()) if g.enabled and g.plugin.is_sink]
            for generation in sinks:
                self.deliver(generation, event)
        return bool(sinks)

    def deliver(self, generation: Generation, event: Event) -> None:
        gate = self.gates.get(generation.name)
        if gate is not None:
            gate.append(event)
            return
        try:
            generation.plugin.write(event)
        except Exception:
            self.isolated(generation)

    def isolated(self, generation: Generation) -> None:
        """A sink that raises costs its siblings nothing."""

    async def enable(self, name: str) -> None:
        self.known(name, "enable").enabled = True

    async def disable(self, name: str) -> None:
        old = self.known(name, "disable")
        self.guard_last_sink(name, "disable")
        old.enabled = False

    async def close(self) -> None:
        """Take nothing more, cancel what runs and wait for its end, then stop what is left."""
        self.closing = True
        running = set(self.running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)  # each of its hooks has a deadline
        for name, generation in list(self.live.items())[::-1]:
            if self.live.pop(name, None) is not None:  # it may have been unloaded meanwhile
                await self.retire(generation)

    # The steps of a reload, in their order

    async def prepare(self, name: str, old: Generation | None) -> Generation:
        source = self.read(name)
        new = Generation(name, next(self.numbers))
        try:
            await self.build(new, source)
            if old is None:
                await self.hook(new, "setup")
            await self.hook(new, "start")
            if old is not None:
                new.enabled = old.enabled
                await self.hand_over(old, new)
            await self.check_health(new)
            if old is not None:
                await self.hook(new, "on_reload")
                # No suspension point from here to the commit that it allows.
                self.keep_last_sink(old, new)
        except BaseException:
            await self.release_half_made(new)
            raise
        return new

    async def hand_over(self, old: Generation, new: Generation) -> None:
        if not hasattr(old.plugin, "get_reload_state") or not hasattr(
            new.plugin, "set_reload_state"
        ):
            return
        self.close_gate(old.name)
        await self.drain(old)
        state = await self.hook(old, "get_reload_state")
        try:
            carried = self.carried(state)
        except Exception as error:
            raise HostError(
                f"{old.name!r} failed at get_reload_state: the state cannot be carried, "
                f"{path_to_uncopyable(state)}: {error}"
            ) from error
        await self.restore_state(old, new, carried)
        new.carried = True

    async def restore_state(self, old: Generation, new: Generation, state: Any) -> None:
        await self.hook(new, "set_reload_state", state)

    def carried(self, state: Any) -> Any:
        json.dumps(state, default=plain)
        return copy.deepcopy(state)

    def keep_last_sink(self, old: Generation, new: Generation) -> None:
        # An old one that is not there any more has been allowed to go.
        if self.live.get(old.name) is old and old.plugin.is_sink and not new.plugin.is_sink:
            self.guard_last_sink(old.name, "reload to a version that is no sink")

    async def check_health(self, new: Generation) -> None:
        if await self.hook(new, "health_check") is False:
            raise HostError(f"{new.name!r} failed at health_check: it says that it is not healthy")

    def commit(self, name: str, new: Generation) -> None:
        with self.delivering:
            if name in self.live:  # it may have been disabled since the reload began
                new.enabled = self.live[name].enabled
            self.live[name] = new
            self.open_gate(name, new)

    async def roll_back(self, name: str, old: Generation) -> None:
        self.open_gate(name, old)

    def close_gate(self, name: str) -> None:
        """From here to the commit nothing may change the old generation's state."""
        with self.delivering:
            self.gates[name] = []
            self.opened[name] = asyncio.Event()

    def open_gate(self, name: str, generation: Generation) -> None:
        with self.delivering:
            for event in self.gates.pop(name, []):
                self.deliver(generation, event)
        if name in self.opened:
            self.opened.pop(name).set()

    async def drain(self, old: Generation) -> None:
        """Wait for the calls in flight, within the deadline."""
        idle = asyncio.ensure_future(old.idle.wait())
        try:
            await self.in_time(idle, self.ports.drain_deadline_seconds)
        finally:
            idle.cancel()

    async def retire(self, old: Generation) -> list[str]:
        """Drain, flush, stop, teardown: each guarded, each once; failures are warnings."""
        await self.drain(old)
        warnings: list[str] = []
        for what in ("flush", "stop", "teardown"):
            try:
                await self.hook(old, what)
            except HostError as error:
                warnings.append(str(error))
        self.forget(old)
        return warnings

    async def release_half_made(self, new: Generation) -> None:
        if new.plugin is not None:
            with contextlib.suppress(HostError):  # the first failure is the one to tell
                await self.hook(new, "stop")
        self.forget(new)

    # Pieces

    def known(self, name: str, operation: str) -> Generation:
        if name not in self.live:
            raise HostError(f"{operation} of {name!r} refused: no such plugin")
        return self.live[name]

    def lock(self, name: str) -> asyncio.Lock:
        return self.locks.setdefault(name, asyncio.Lock())

    @contextlib.contextmanager
    def marked(self, name: str) -> Iterator[None]:
        """What is asked for meanwhile, by the plugin's hooks, is asked for from inside of it."""
        if self.closing:
            raise HostError(f"an operation on {name!r} was refused: the host is closing")
        task = asyncio.current_task()
        outer = task is None or task in self.running
        token = _inside.set((*_inside.get(), name))
        if task is not None:
            self.running.add(task)
        try:
            yield
        finally:
            _inside.reset(token)
            if task is not None and not outer:
                self.running.discard(task)

    async def finished(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes after the commit is done to its end, though its caller be cancelled."""
        task = asyncio.ensure_future(work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            raise

    def inside(self, name: str) -> bool:
        return name in _inside.get()

    def guard_last_sink(self, name: str, operation: str) -> None:
        sinks = [n for n, g in self.live.items() if g.plugin.is_sink and g.enabled]
        if sinks == [name]:
            raise HostError(f"{operation} of {name!r} refused: it is the last sink")


_inside: contextvars.ContextVar[tuple[str, ...]] = contextvars.ContextVar("inside", default=())

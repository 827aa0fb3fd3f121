"""A correct host of another design: stages before the sinks, and mailboxes for slow ones.

An event goes through the stages that stand as it is emitted, all of one view. A sink
whose write is a coroutine has a mailbox and a task of its own, which belong to its
name and outlive its generations: a sink that hangs holds up nobody else.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from hot_reload_conformance.adapter import Claim, Event, PluginSpec, Ports
from hot_reload_conformance.specimens.blue_green import (
    WRITE,
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    render_class,
)

METHODS = {"filter": "filter", "enricher": "enrich", "processor": "process", "redactor": "redact"}
"""The stages in their order, with the method that a plugin has for each."""


class Mailbox:
    """What waits for one sink's lineage; one event at a time, in order."""

    def __init__(self, host: PipelineHost, name: str) -> None:
        self.host = host
        self.name = name
        self.queue: deque[Event] = deque()
        self.target: Generation | None = None
        self.loop = asyncio.get_running_loop()
        self.wake = asyncio.Event()
        self.under_way = False
        self.task = self.loop.create_task(self.run())

    def post(self, event: Event) -> None:
        self.queue.append(event)
        self.loop.call_soon_threadsafe(self.wake.set)

    def aim(self, target: Generation | None) -> None:
        """Deliver to ``target`` from the next event on; None: wait."""
        self.target = target
        self.wake.set()

    async def run(self) -> None:
        while True:
            self.wake.clear()
            while self.queue and self.target is not None:
                await self.host.deliver_slowly(self, self.target, self.queue.popleft())
            await self.wake.wait()

    async def empty(self) -> None:
        while self.under_way or (self.queue and self.target is not None):  # noqa: ASYNC110 - short
            await asyncio.sleep(0)

    def abandon(self) -> None:
        """Give up the event that is under way: it is dropped, and counted."""
        if self.under_way:
            self.host.drop(self.name)
        self.task.cancel()
        self.under_way = False
        self.task = self.loop.create_task(self.run())


class PipelineHost(BlueGreenHost):
    """Everything but the way of an event is as in the blue-green host."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.mailboxes: dict[str, Mailbox] = {}
        self.drops: Counter[str] = Counter()

    def emit(self, event: Event) -> bool:
        if self.closing:  # a redactor may have left, and the sinks stand
            return False
        with self.delivering:
            sinks = [g for g in list(self.live.values()) if g.enabled and g.plugin.is_sink]
            if not sinks:
                return False
            for role, generation in self.stages():
                event = self.through(role, generation, event)
            for generation in sinks:
                self.deliver(generation, event)
        return True

    def through(self, role: str, generation: Generation, event: Event) -> Event:
        """One stage; what it raises is the emitter's, and the event goes no further."""
        passed: Event = getattr(generation.plugin, METHODS[role])(event)
        return passed

    def stages(self) -> list[tuple[str, Generation]]:
        """The stages as they stand now."""
        return [
            (role, each)
            for role in METHODS
            for each in list(self.live.values())
            if each.enabled and hasattr(each.plugin, METHODS[role])
        ]

    def deliver(self, generation: Generation, event: Event) -> None:
        name = generation.name
        if name in self.gates or name not in self.mailboxes:
            super().deliver(generation, event)
        else:
            self.mailboxes[name].post(event)

    async def deliver_slowly(self, box: Mailbox, target: Generation, event: Event) -> None:
        target.calls += 1
        target.idle.clear()
        box.under_way = True
        try:
            await target.plugin.write(event)
        except Exception:
            self.isolated(target)
        finally:
            target.calls -= 1
            if not target.calls:
                target.idle.set()
            if asyncio.current_task() is box.task:
                box.under_way = False

    def drop(self, name: str) -> None:
        self.drops[name] += 1

    def isolated(self, generation: Generation) -> None:
        self.drop(generation.name)

    # The steps that differ

    async def load_locked(self, name: str) -> None:
        await super().load_locked(name)
        new = self.live[name]
        if inspect.iscoroutinefunction(getattr(new.plugin, "write", None)):
            self.mailboxes[name] = Mailbox(self, name)
            self.mailboxes[name].aim(new)

    def close_gate(self, name: str) -> None:
        super().close_gate(name)
        if name in self.mailboxes:
            self.mailboxes[name].aim(None)

    def open_gate(self, name: str, generation: Generation) -> None:
        super().open_gate(name, generation)
        if name in self.mailboxes:
            self.mailboxes[name].aim(generation)

    async def drain(self, old: Generation) -> None:
        await super().drain(old)
        box = self.mailboxes.get(old.name)
        if box is not None and not old.idle.is_set():
            self.rescue(box, old)

    def rescue(self, box: Mailbox, old: Generation) -> None:
        """The old one's last delivery did not end in time; what is queued goes to the new one."""
        box.abandon()

    async def retire(self, old: Generation) -> list[str]:
        if old.name not in self.live:
            await self.emptied(old.name)
        return await super().retire(old)

    async def emptied(self, name: str) -> None:
        """A removed sink gets what was accepted before, within the deadline."""
        box = self.mailboxes.pop(name, None)
        if box is None:
            return
        emptied = asyncio.ensure_future(box.empty())
        if not await self.in_time(emptied, self.ports.drain_deadline_seconds):
            emptied.cancel()
            box.abandon()
        box.task.cancel()
        for _ in range(len(box.queue)):
            self.drop(name)

    async def settle(self) -> None:
        for box in list(self.mailboxes.values()):
            await box.empty()

    def let_go(self) -> None:
        for box in self.mailboxes.values():
            box.task.cancel()
        self.mailboxes.clear()


class PipelineAdapter(BlueGreenAdapter):
    """The adapter of ``PipelineHost``; a specimen sets ``host_class``."""

    name = "pipeline"
    claims = BlueGreenAdapter.claims | {Claim.STAGES}
    host_class: type[BlueGreenHost] = PipelineHost
    host: PipelineHost

    async def close(self) -> None:
        await super().close()
        self.host.let_go()

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        text = render_class(spec)
        if spec.awaits:
            slow = "async def write(self, event): await self.p.areceive(event)"
            text = text.replace(WRITE, slow)
        return {f"{spec.ref}.py": with_roles(text, spec.roles)}

    async def settle(self) -> None:
        await self.host.settle()

    async def dropped(self) -> int:
        return sum(self.host.drops.values())

    async def dropped_by_sink(self) -> Mapping[str, int] | None:
        return dict(self.host.drops)


def with_roles(text: str, roles: Sequence[str]) -> str:
    """The rendered class with a method for each of its stages."""
    lines = [f"    def {METHODS[r]}(self, event): return self.p.stage(event, {r!r})" for r in roles]
    return text + "".join(f"{line}\n" for line in lines)

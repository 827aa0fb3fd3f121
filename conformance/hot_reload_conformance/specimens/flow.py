"""Wrong hosts: events while a sink is added, removed or reloaded."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path

from hot_reload_conformance.adapter import Event, Ports
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.pipeline_host import PipelineAdapter, PipelineHost
from hot_reload_conformance.specimens.queue_host import QueueAdapter, QueueHost
from hot_reload_conformance.specimens.registry import specimen


class _StopThenStart(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        async with self.lock(name):
            old = self.known(name, "reload")
            del self.live[name]
            warnings = await self.retire(old)
            self.live[name] = await self.prepare(name, None)
            return warnings


@specimen("HR-FLOW-01", says="lost", bug="reload as unload and load: nobody is there meanwhile")
class StopThenStart(BlueGreenAdapter):
    name = "stop-then-start"
    host_class = _StopThenStart


class _DropsWhileClosed(BlueGreenHost):
    async def roll_back(self, name: str, old: Generation) -> None:
        self.gates[name].clear() if name in self.gates else None
        await super().roll_back(name, old)


@specimen("HR-FLOW-01", says="failed at set_reload_state", bug="a rollback forgets what was held")
class DropsHeldOnRollback(BlueGreenAdapter):
    name = "rollback-drops-held-events"
    host_class = _DropsWhileClosed


class _ReplaysUnguarded(BlueGreenHost):
    """An ordinary delivery has its guard; what was held goes another way."""

    def open_gate(self, name: str, generation: Generation) -> None:
        with self.delivering:
            for event in self.gates.pop(name, []):
                generation.plugin.write(event)
        if name in self.opened:
            self.opened.pop(name).set()


@specimen(
    "HR-FLOW-01",
    says="the new one's first write raised, the sink 'subject' lost",
    bug="one event of those that were held raises, and the rest go with it",
)
class ReplaysUnguarded(BlueGreenAdapter):
    name = "replays-unguarded"
    host_class = _ReplaysUnguarded


class _ClosesOverTheQueue(QueueHost):
    async def close(self) -> None:
        self.closing = True
        self.consumer.cancel()
        await asyncio.wait({self.consumer})
        await BlueGreenHost.close(self)


@specimen(
    "HR-FLOW-01",
    says="as the host was closed, the sink 'keeper' lost",
    bug="the consumer is cancelled first, and what is in its queue was accepted",
)
class ClosesOverTheQueue(QueueAdapter):
    name = "closes-over-the-queue"
    host_class = _ClosesOverTheQueue


class _NoLock(BlueGreenHost):
    """Looks up who serves, and delivers, without a lock: fine for tasks, not for threads."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.threaded = False
        self.thread_at_gate = threading.Event()
        self.emptied = threading.Event()

    def emit(self, event: Event) -> bool:
        if threading.current_thread() is not threading.main_thread():
            self.threaded = True
        sinks = [g for g in list(self.live.values()) if g.enabled and g.plugin]
        sinks = [g for g in sinks if g.plugin and g.plugin.is_sink]
        for generation in sinks:
            gate = self.gates.get(generation.name)
            if gate is not None:
                self.be_descheduled(generation.name, gate)
                gate.append(event)
            elif generation.plugin is not None:
                generation.plugin.write(event)
        return bool(sinks)

    def be_descheduled(self, name: str, gate: list[Event]) -> None:
        """What the operating system may do to a thread here: hold it until the gate is gone."""
        if threading.current_thread() is threading.main_thread():
            return
        emptied = self.emptied
        self.thread_at_gate.set()
        emptied.wait(1)

    def open_gate(self, name: str, generation: Generation) -> None:
        # A gate that stays closed until a thread stands at it: the race comes out every time.
        if name in self.gates and self.threaded:
            self.thread_at_gate.wait(1)
        self.thread_at_gate.clear()
        super().open_gate(name, generation)
        emptied, self.emptied = self.emptied, threading.Event()
        emptied.set()


@specimen("HR-FLOW-01", says="under threads", bug="the gate is found, emptied, and then filled")
class NoLock(BlueGreenAdapter):
    name = "emit-unsafe-from-threads"
    host_class = _NoLock


class _DeliversToBoth(BlueGreenHost):
    """Between start and commit the new one gets every event as well."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.coming: dict[str, Generation] = {}

    async def check_health(self, new: Generation) -> None:
        self.coming[new.name] = new
        await super().check_health(new)

    def deliver(self, generation: Generation, event: Event) -> None:
        super().deliver(generation, event)
        new = self.coming.get(generation.name)
        if new is not None and new.plugin is not None and new is not generation:
            new.plugin.write(event)

    def commit(self, name: str, new: Generation) -> None:
        self.coming.pop(name, None)
        super().commit(name, new)

    async def roll_back(self, name: str, old: Generation) -> None:
        self.coming.pop(name, None)
        await super().roll_back(name, old)


@specimen("HR-FLOW-02", says="got a second time", bug="fan-out to both generations in the swap")
class DeliversToBoth(BlueGreenAdapter):
    name = "delivers-to-both"
    host_class = _DeliversToBoth


class _ReplaysAll(BlueGreenHost):
    """Keeps the last events for a new generation, delivered ones too."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.last: list[Event] = []

    def emit(self, event: Event) -> bool:
        self.last = [*self.last[-4:], event]
        return super().emit(event)

    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        if new.plugin.is_sink:
            for event in self.last:
                new.plugin.write(event)


@specimen("HR-FLOW-02", says="got a second time", bug="a replay buffer that nobody trims")
class ReplaysAll(BlueGreenAdapter):
    name = "replays-delivered-events"
    host_class = _ReplaysAll


class _ReopensBeforeHeld(BlueGreenHost):
    """Opens the gate first, and delivers what was held in a task of its own."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.tasks: set[asyncio.Task[None]] = set()

    def open_gate(self, name: str, generation: Generation) -> None:
        held = self.gates.pop(name, [])
        self.opened.pop(name).set() if name in self.opened else None
        task = asyncio.ensure_future(self.release(generation, held))
        self.tasks.add(task)

    async def release(self, generation: Generation, held: list[Event]) -> None:
        await asyncio.sleep(0)
        for event in held:
            self.deliver(generation, event)


@specimen("HR-FLOW-03", says="got after a later one", bug="the gate is opened before it is emptied")
class ReopensBeforeHeld(BlueGreenAdapter):
    name = "gate-reopened-too-early"
    host_class = _ReopensBeforeHeld


class _LastInFirstOut(BlueGreenHost):
    def open_gate(self, name: str, generation: Generation) -> None:
        if name in self.gates:
            self.gates[name].reverse()
        super().open_gate(name, generation)


@specimen("HR-FLOW-03", says="got after a later one", bug="what was held is popped from its end")
class LastInFirstOut(BlueGreenAdapter):
    name = "held-events-reversed"
    host_class = _LastInFirstOut


class _NoFlush(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        old.plugin.flush = _nothing
        return await super().retire(old)


async def _nothing() -> None:
    return None


@specimen("HR-FLOW-04", says="without a flush", bug="a sink's buffer is thrown away at the swap")
class NoFlush(BlueGreenAdapter):
    name = "stop-without-flush"
    host_class = _NoFlush


class _FlushFailureSkipsStop(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        await self.drain(old)
        try:
            for what in ("flush", "stop", "teardown"):
                await self.hook(old, what)
        except HostError as error:
            return [str(error)]
        finally:
            self.forget(old)
        return []


@specimen("HR-FLOW-04", says="never stopped after its flush raised", bug="one try for all hooks")
class FlushFailureSkipsStop(BlueGreenAdapter):
    name = "flush-failure-skips-stop"
    host_class = _FlushFailureSkipsStop


class _FlushTooEarly(BlueGreenHost):
    async def prepare(self, name: str, old: Generation | None) -> Generation:
        if old is not None:
            await self.hook(old, "flush")
            old.plugin.flush = _nothing
        return await super().prepare(name, old)


@specimen("HR-FLOW-04", says="after its flush began", bug="flush first, then swap")
class FlushTooEarly(BlueGreenAdapter):
    name = "flush-too-early"
    host_class = _FlushTooEarly


class _RegistersBeforeStart(BlueGreenHost):
    async def build(self, new: Generation, files: object) -> None:
        await super().build(new, files)  # type: ignore[arg-type]
        if new.name not in self.live:
            self.live[new.name] = new

    async def load_locked(self, name: str) -> None:
        try:
            await super().load_locked(name)
        except BaseException:
            self.live.pop(name, None)
            raise


@specimen("HR-FLOW-05", says="before its start had returned", bug="registered, then started")
class RegistersBeforeStart(BlueGreenAdapter):
    name = "events-before-start"
    host_class = _RegistersBeforeStart


class _RemovesAfterStop(BlueGreenHost):
    async def unload(self, name: str) -> None:
        async with self.lock(name):
            old = self.known(name, "unload")
            self.guard_last_sink(name, "unload")
            for what in ("flush", "stop", "teardown"):
                await self.hook(old, what)
            del self.live[name]
            self.forget(old)


@specimen("HR-FLOW-05", says="after its stop began", bug="stopped, then unregistered")
class RemovesAfterStop(BlueGreenAdapter):
    name = "events-after-stop"
    host_class = _RemovesAfterStop


class _AddedLater(BlueGreenHost):
    async def load(self, name: str) -> None:
        await super().load(name)
        new = self.live[name]
        if new.plugin.is_sink and len(self.live) > 1:
            del self.live[name]
            self.task = asyncio.ensure_future(self.take_up(name, new))

    async def take_up(self, name: str, new: Generation) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        self.live[name] = new


@specimen("HR-FLOW-06", says="missed", bug="the pipeline takes the new sink up at its next turn")
class AddedLater(BlueGreenAdapter):
    name = "add-returns-too-early"
    host_class = _AddedLater


class _RemovedLater(BlueGreenHost):
    async def unload(self, name: str) -> None:
        async with self.lock(name):
            old = self.known(name, "unload")
            self.guard_last_sink(name, "unload")
            self.task = asyncio.ensure_future(self.remove(old))

    async def remove(self, old: Generation) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        del self.live[old.name]
        await self.retire(old)


@specimen("HR-FLOW-07", says="still got", bug="the removal is queued, and reported as done")
class RemovedLater(BlueGreenAdapter):
    name = "remove-returns-too-early"
    host_class = _RemovedLater


class _RemovedUnflushed(BlueGreenHost):
    async def unload(self, name: str) -> None:
        self.known(name, "unload").plugin.flush = _nothing
        await super().unload(name)


@specimen("HR-FLOW-07", says="without a flush", bug="remove_handler without handler.flush")
class RemovedUnflushed(BlueGreenAdapter):
    name = "remove-without-flush"
    host_class = _RemovedUnflushed


class _RemovedWithABacklog(QueueHost):
    async def consume(self) -> None:
        while True:
            event = await self.queue.get()
            for _ in range(3):  # a consumer that has other things to do
                await asyncio.sleep(0)
            BlueGreenHost.emit(self, event)
            self.queue.task_done()

    async def unload(self, name: str) -> None:
        await BlueGreenHost.unload(self, name)


@specimen("HR-FLOW-07", says="removed while it was behind", bug="the queue is not drained first")
class RemovedWithABacklog(QueueAdapter):
    name = "remove-drops-backlog"
    host_class = _RemovedWithABacklog


class _ClosesUnflushed(BlueGreenHost):
    """Everything ends with the process anyway."""

    async def close(self) -> None:
        self.closing = True
        for name in list(self.live):
            generation = self.live.pop(name)
            with contextlib.suppress(HostError):
                await self.hook(generation, "stop")
            self.forget(generation)


@specimen("HR-FLOW-04", says="as the host was closed a sink was stopped", bug="a close of its own")
class ClosesUnflushed(BlueGreenAdapter):
    name = "closes-without-flush"
    host_class = _ClosesUnflushed


class _KeepsHeldEvents(PipelineHost):
    """What is emitted while the state of a stage is read waits, and is forgotten there."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.waiting: list[Event] = []

    def emit(self, event: Event) -> bool:
        staged = {generation.name for _, generation in self.stages()}
        if staged.isdisjoint(self.gates):
            return super().emit(event)
        self.waiting.append(event)
        return True


@specimen(
    "HR-FLOW-01",
    says="while a stage before the sinks was reloaded with its state, the sink",
    bug="the list of held events is opened for sinks alone",
)
class KeepsHeldEvents(PipelineAdapter):
    name = "keeps-what-a-stage-held"
    host_class = _KeepsHeldEvents


class _LeavesTheQueue(PipelineHost):
    """Nobody waits for what the task of a removed sink has not taken up, and nobody counts it."""

    async def emptied(self, name: str) -> None:
        box = self.mailboxes.pop(name, None)
        if box is not None:
            box.task.cancel()


@specimen(
    "HR-FLOW-01",
    says="as a sink that is a coroutine was removed behind a burst, the sink 'slow' lost",
    bug="the task that empties the queue is cancelled first",
)
class LeavesTheQueue(PipelineAdapter):
    name = "leaves-a-removed-sinks-queue"
    host_class = _LeavesTheQueue

"""Wrong hosts: one sink's trouble is everybody's, and stages that disagree."""

from __future__ import annotations

import asyncio

from hot_reload_conformance.adapter import Event
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
)
from hot_reload_conformance.specimens.pipeline_host import (
    METHODS,
    Mailbox,
    PipelineAdapter,
    PipelineHost,
)
from hot_reload_conformance.specimens.registry import specimen


class _NotIsolated(BlueGreenHost):
    def deliver(self, generation: Generation, event: Event) -> None:
        gate = self.gates.get(generation.name)
        if gate is not None:
            gate.append(event)
            return
        generation.plugin.write(event)


@specimen("HR-FLOW-08", says="came back to whoever emits", bug="a loop over sinks without a guard")
class NotIsolated(BlueGreenAdapter):
    name = "sink-not-isolated"
    host_class = _NotIsolated


def _raw(generation: Generation, event: Event) -> None:
    generation.plugin.write(event)


class _StopsAtTheFirst(BlueGreenHost):
    def emit(self, event: Event) -> bool:
        sinks = [g for g in list(self.live.values()) if g.enabled and g.plugin.is_sink]
        try:
            for generation in sinks:
                _raw(generation, event)
        except Exception:
            return True
        return bool(sinks)


@specimen("HR-FLOW-08", says="its sibling 'keeper' did not get", bug="one guard around all sinks")
class StopsAtTheFirst(BlueGreenAdapter):
    name = "one-guard-for-all-sinks"
    host_class = _StopsAtTheFirst


class _AwaitsEachSink(PipelineHost):
    async def emit_slowly(self, event: Event) -> bool:
        taken = self.emit(event)
        await self.settle()
        return taken


@specimen("HR-FLOW-08", says="beside a sink that hangs, emit was held up", bug="emit awaits sinks")
class AwaitsEachSink(PipelineAdapter):
    name = "emit-awaits-each-sink"
    host_class = _AwaitsEachSink

    async def emit(self, event: Event) -> bool | None:
        assert isinstance(self.host, _AwaitsEachSink)
        return await self.host.emit_slowly(event)


class _PausesAll(BlueGreenHost):
    """While one sink is reloaded, events wait for all of them."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.held: list[Event] = []

    def emit(self, event: Event) -> bool:
        if self.busy:
            self.held.append(event)
            return True
        return super().emit(event)

    async def reload(self, name: str) -> list[str]:
        try:
            return await super().reload(name)
        finally:
            held, self.held = self.held, []
            for event in held:
                self.emit(event)


@specimen(
    "HR-FLOW-08",
    says="while a sink stood in its start in a reload, its sibling",
    bug="vectordotdev/vector#24948: one output that is changed stalls the others",
)
class PausesAll(BlueGreenAdapter):
    name = "reload-pauses-all-sinks"
    host_class = _PausesAll


class _FlushForEver(BlueGreenHost):
    async def retire(self, old: Generation) -> list[str]:
        await self.drain(old)
        await old.plugin.flush()
        return await super().retire(old)


@specimen(
    "HR-FLOW-09",
    says="a flush that hangs has no deadline",
    bug="vectordotdev/vector#15952: waits for ever on one server that does not answer",
)
class FlushForEver(BlueGreenAdapter):
    name = "flush-without-deadline"
    host_class = _FlushForEver


class _DropsUncounted(PipelineHost):
    def rescue(self, box: Mailbox, old: Generation) -> None:
        box.queue.clear()
        box.abandon()


@specimen("HR-FLOW-09", says="nor were counted as dropped", bug="the old one's queue goes with it")
class DropsUncounted(PipelineAdapter):
    name = "queue-dropped-uncounted"
    host_class = _DropsUncounted


class _FlushesWhatIsAtWork(PipelineHost):
    async def drain(self, old: Generation) -> None:
        await asyncio.sleep(0)


@specimen("HR-FLOW-04", says="after its flush began", bug="a delivery that takes long is forgotten")
class FlushesWhatIsAtWork(PipelineAdapter):
    name = "flush-beside-a-delivery"
    host_class = _FlushesWhatIsAtWork


class _DrainsTheLineage(PipelineHost):
    async def drain(self, old: Generation) -> None:
        if old.name in self.mailboxes:
            self.mailboxes[old.name].aim(self.live.get(old.name, old))
            await self.mailboxes[old.name].empty()
        await super().drain(old)


@specimen(
    "HR-FLOW-10",
    says="a reload under constant traffic did not end",
    bug="Idun-Group/idun-agent-platform#698: new traffic is counted too",
)
class DrainsTheLineage(PipelineAdapter):
    name = "drain-counts-new-events"
    host_class = _DrainsTheLineage


class _StageByStage(PipelineHost):
    """Each stage is taken over on its own, with turns of the loop in between."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.registry: dict[str, list[Generation]] = {}

    def stages(self) -> list[tuple[str, Generation]]:
        return [(role, each) for role in METHODS for each in self.registry.get(role, [])]

    async def load_locked(self, name: str) -> None:
        await super().load_locked(name)
        for role in METHODS:
            if hasattr(self.live[name].plugin, METHODS[role]):
                self.registry.setdefault(role, []).append(self.live[name])

    async def retire(self, old: Generation) -> list[str]:
        new = self.live.get(old.name)
        for role, members in self.registry.items():
            if old in members and new is not None:
                members[members.index(old)] = new
                await asyncio.sleep(0)
            assert role in METHODS
        return await super().retire(old)


@specimen("HR-FLOW-11", says="stages of two generations", bug="one registry for each kind of stage")
class StageByStage(PipelineAdapter):
    name = "stages-swapped-one-by-one"
    host_class = _StageByStage


class _OldOutFirst(PipelineHost):
    """The old one takes no part while the new one is prepared."""

    def stages(self) -> list[tuple[str, Generation]]:
        return [(role, each) for role, each in super().stages() if each.name not in self.busy]


@specimen("HR-FLOW-11", says="without having passed the redactor", bug="removed, then added again")
class OldOutFirst(PipelineAdapter):
    name = "redactor-absent-in-reload"
    host_class = _OldOutFirst


class _NewestLast(PipelineHost):
    """What was loaded last stands behind the others of its role."""

    def stages(self) -> list[tuple[str, Generation]]:
        roles = list(METHODS)
        return sorted(super().stages(), key=lambda each: (roles.index(each[0]), each[1].number))


@specimen("HR-FLOW-11", says="in another order than before", bug="removed, and appended anew")
class NewestLast(PipelineAdapter):
    name = "reloaded-stage-goes-last"
    host_class = _NewestLast


class _FailsOpen(PipelineHost):
    def through(self, role: str, generation: Generation, event: Event) -> Event:
        try:
            return super().through(role, generation, event)
        except Exception:
            return event


@specimen(
    "HR-FLOW-11",
    says="drop an event at which a redactor raised",
    bug="a stage that fails is left out, so that logging goes on",
)
class FailsOpen(PipelineAdapter):
    name = "redactor-fails-open"
    host_class = _FailsOpen


class _OpenWhileItCloses(PipelineHost):
    """Plugins are taken out one by one, and whoever is left gets what is emitted meanwhile."""

    def emit(self, event: Event) -> bool:
        closing, self.closing = self.closing, False
        try:
            return super().emit(event)
        finally:
            self.closing = closing


@specimen(
    "HR-FLOW-11",
    says="while the host closed",
    bug="the reference engine until 2026-11: a redactor was unloaded before a sink",
)
class OpenWhileItCloses(PipelineAdapter):
    name = "redactor-leaves-before-sink"
    host_class = _OpenWhileItCloses


class _NewOnesInFront(PipelineHost):
    """Stages are kept in a list, and what a reload brings is put in front, each in its turn."""

    reloaded = False

    def stages(self) -> list[tuple[str, Generation]]:
        return super().stages()[:: -1 if self.reloaded else 1]

    async def retire(self, old: Generation) -> list[str]:
        self.reloaded = True
        return await super().retire(old)


@specimen(
    "HR-FLOW-11",
    says="in another order than the events before it",
    bug="stages registered anew at each reload",
)
class NewOnesInFront(PipelineAdapter):
    name = "stages-in-another-order"
    host_class = _NewOnesInFront


@specimen(
    "HR-FLOW-12",
    says="emit was held up for longer than the declared bound",
    bug="one lock for emit and reload",
)
class EmitTakesTheLock(BlueGreenAdapter):
    name = "emit-waits-for-reload"

    async def emit(self, event: Event) -> bool | None:
        for name in list(self.host.live):
            async with self.host.lock(name):
                pass
        return self.host.emit(event)

"""A correct host of another design: a pipeline that its operators can follow.

It emits events, knows which plugins are healthy, and owns the tasks that they start.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, HostEvent, PluginSpec, Ports, Reply
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.pipeline_host import PipelineAdapter, PipelineHost


class OperatedHost(PipelineHost):
    """Everything but what operators see is as in the pipeline host."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.attempts = itertools.count(1)
        self.events: list[HostEvent] = []
        self.sick: set[str] = set()
        self.tasks: dict[Generation, list[asyncio.Task[Any]]] = {}

    # Events

    @contextlib.contextmanager
    def attempt(self, operation: str, name: str) -> Iterator[None]:
        """Every path out of an operation comes by here."""
        number = str(next(self.attempts))
        self.tell(HostEvent(number, "start", name, operation))
        try:
            yield
        except BaseException as error:
            self.ended(number, name, operation, error)
            raise
        self.ended(number, name, operation, None)

    def ended(self, number: str, name: str, operation: str, error: BaseException | None) -> None:
        self.tell(HostEvent(number, "end", name, operation))

    def tell(self, event: HostEvent) -> None:
        self.events.append(event)

    async def load(self, name: str) -> None:
        with self.attempt("load", name):
            await super().load(name)

    async def reload(self, name: str) -> list[str]:
        with self.attempt("reload", name):
            return await super().reload(name)

    async def unload(self, name: str) -> None:
        with self.attempt("unload", name):
            await self.look_at_sinks()
            await super().unload(name)

    # Health

    async def disable(self, name: str) -> None:
        await self.look_at_sinks()
        await super().disable(name)

    async def look_at_sinks(self) -> None:
        for name, generation in list(self.live.items()):
            if generation.plugin.is_sink:
                await self.healthy(name)

    async def healthy(self, name: str) -> bool:
        """Ask the plugin itself."""
        generation = self.known(name, "health")
        try:
            well = await self.hook(generation, "health_check") is not False
        except HostError:
            well = False
        (self.sick.discard if well else self.sick.add)(name)
        return well

    def guard_last_sink(self, name: str, operation: str) -> None:
        sinks = [n for n, g in self.live.items() if g.plugin.is_sink and g.enabled]
        if name in sinks and not [n for n in sinks if n != name and self.counts(n)]:
            raise HostError(f"{operation} of {name!r} refused: it is the last healthy sink")

    def counts(self, sink: str) -> bool:
        """Whether another sink may be taken out because of this one."""
        return sink not in self.sick

    # Owned tasks

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await super().build(new, files)
        new.plugin.spawn = lambda work: self.spawn(new, work)

    def spawn(self, owner: Generation, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.setdefault(owner, []).append(asyncio.ensure_future(work))

    async def retire(self, old: Generation) -> list[str]:
        warnings = await super().retire(old)
        await self.end_tasks(old)
        return warnings

    async def release_half_made(self, new: Generation) -> None:
        await super().release_half_made(new)
        await self.end_tasks(new)

    async def end_tasks(self, generation: Generation) -> None:
        while tasks := self.tasks.pop(generation, []):  # one that ends may have started another
            for task in tasks:
                task.cancel()
                await self.in_time(task, self.ports.hook_deadline_seconds)


class OperatedAdapter(PipelineAdapter):
    """The adapter of ``OperatedHost``; a specimen sets ``host_class``."""

    name = "operated"
    claims = PipelineAdapter.claims | {Claim.EVENTS, Claim.HEALTH, Claim.OWNERSHIP}
    host_class: type[BlueGreenHost] = OperatedHost
    host: OperatedHost

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        files = dict(super().render(spec))
        if not spec.background:
            return files
        start = "    async def start(self): await self.p.ahook('start')"
        more = f"{start}; self.spawn(self.p.background(self.spawn))"
        return {path: text.replace(start, more) for path, text in files.items()}

    async def events(self) -> Sequence[HostEvent]:
        return list(self.host.events)

    async def healthy(self, ref: str) -> bool:
        return await self.host.healthy(ref)

    async def reload(self, ref: str) -> Reply | bool | None:
        old = self.host.live[ref].plugin.version if ref in self.host.live else ""
        reply = await super().reload(ref)
        assert isinstance(reply, Reply)
        return Reply(
            ok=reply.ok,
            warnings=reply.warnings,
            state_carried=reply.state_carried,
            old=old,
            new=self.host.known(ref, "status").plugin.version,
        )

"""Wrong hosts whose counters of events do not say what became of them."""

from __future__ import annotations

from hot_reload_conformance.adapter import Event
from hot_reload_conformance.specimens.blue_green import Generation
from hot_reload_conformance.specimens.locked_host import Entry, LockedAdapter, LockedHost
from hot_reload_conformance.specimens.pipeline_host import (
    Mailbox,
    PipelineAdapter,
    PipelineHost,
)
from hot_reload_conformance.specimens.registry import specimen

# HR-FLOW-08, sibling-unharmed


class _SwallowsUncounted(PipelineHost):
    def isolated(self, generation: Generation) -> None:
        """The guard is there for the siblings; what it catches is nobody's."""


@specimen(
    "HR-FLOW-08",
    says="the counters say that nothing was lost",
    bug="except Exception: pass, in the loop over the sinks",
)
class SwallowsUncounted(PipelineAdapter):
    name = "raised-for-and-not-counted"
    host_class = _SwallowsUncounted


class _SlowUncounted(PipelineHost):
    """The direct way counts; the way over a mailbox has a guard of its own."""

    async def deliver_slowly(self, box: Mailbox, target: Generation, event: Event) -> None:
        before = self.drops[box.name]
        await super().deliver_slowly(box, target, event)
        self.drops[box.name] = before


@specimen(
    "HR-FLOW-08",
    says="the counters say that nothing was lost",
    bug="two guards, and the counter stands in one of them",
)
class SlowUncounted(PipelineAdapter):
    name = "coroutine-raised-and-not-counted"
    host_class = _SlowUncounted


class _CountsEverySink(LockedHost):
    """One sink raises, and the event counts as lost for all."""

    def emit(self, event: Event) -> bool:
        before = self.lost.total()
        taken = super().emit(event)
        if self.lost.total() > before:
            for each in self.plugins.values():
                self.lost[each.name] += each.is_sink
        return taken


@specimen("HR-FLOW-08", says="more than were", bug="counted once for each sink of the event")
class CountsEverySink(LockedAdapter):
    name = "drop-counted-for-every-sink"
    host_class = _CountsEverySink


class _CountsInTheEntry(LockedHost):
    """The count is the generation's, and goes with it."""

    def take_over(self, old: Entry, new: Entry) -> None:
        super().take_over(old, new)
        self.lost.pop(old.name, None)


@specimen("HR-FLOW-08", says="the counters go with the generation", bug="VictoriaMetrics#10369")
class CountsInTheEntry(LockedAdapter):
    name = "drops-forgotten-at-a-reload"
    host_class = _CountsInTheEntry

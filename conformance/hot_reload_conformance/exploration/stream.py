"""The stream: the events that a world emits, and the accounts of what became of them."""

from __future__ import annotations

from hot_reload_conformance.adapter import Claim, Event
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.exploration.done import Done
from hot_reload_conformance.exploration.invariant import Invariant
from hot_reload_conformance.exploration.model import Model
from hot_reload_conformance.exploration.operation import SINKS, Op
from hot_reload_conformance.exploration.scene import Scene
from hot_reload_conformance.verdict import KitError, Violation
from hot_reload_fixtures.ledger import EventLedger, Mark
from hot_reload_fixtures.stamp import Stamped


class Stream(Scene):
    """A scene with sinks: whoever has to get events, and from when until when."""

    def __init__(self, case: Case, armed: Invariant) -> None:
        super().__init__(case, armed)
        self.model = Model()
        self.ledger = EventLedger()
        self.windows: dict[str, dict[str, Mark]] = {}
        self._booked = 0

    def _frame(self, op: Op, done: Done, before: Mark, after: Mark) -> None:
        """From when, or until when, a sink has to have every event."""
        if op.name not in SINKS:
            return
        if op.verb == "add_sink" and not done.failed:
            self.windows[self.label(op.name)] = {"since": after}
        elif op.verb in ("remove_sink", "unload") and not done.refused:
            self.windows[self.label(op.name)] |= {"until": before, "none_after": after}

    def label(self, name: str) -> str:
        """The lineage of ``name`` since it was last loaded, as the ledger knows it."""
        return f"{name}@{self.model.epochs[name]}"

    def book(self) -> None:
        """Enter what was delivered by now into the ledger."""
        deliveries = self.case.recording.deliveries
        for each in deliveries[self._booked :]:
            stamp = Stamped(each.producer, each.sequence)
            self.ledger.delivered(stamp, self.label(each.plugin))
        self._booked = len(deliveries)

    async def receivers(self) -> list[tuple[str, str, int]]:
        """The sinks that get an event emitted now: name, version and the instance's serial."""
        return await self.emit("probe") if Claim.SINKS in self.case.claims else []

    async def emit(self, producer: str) -> list[tuple[str, str, int]]:
        """Emit one event; the sinks that got it: name, version and the instance's serial."""
        stamp = self.ledger.stamp(producer)
        stamp = stamp if stamp.sequence else self.ledger.stamp(producer)
        event = Event("log", producer=stamp.producer, sequence=stamp.sequence)
        mark = len(self.case.recording.deliveries)
        try:
            taken = await self.case.guarded(self.case.adapter.emit(event), "emit")
            await self.case.settle()
        except KitError:
            raise
        except Violation:
            taken = False
        if taken is not False:
            self.ledger.accepted(stamp)
        return sorted(
            (each.plugin, each.version, each.serial)
            for each in self.case.recording.deliveries[mark:]
            if (each.producer, each.sequence) == stamp
        )

"""Wrong hosts with queues and threads: what is lost in them, and who waits for whom."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from hot_reload_conformance.adapter import Event
from hot_reload_conformance.specimens.lane_host import Generation, Lane, LaneAdapter, LaneHost
from hot_reload_conformance.specimens.registry import specimen


class _AcceptsWhenClosed(LaneHost):
    def refuses(self) -> bool:
        return False


@specimen(
    "HR-FLOW-01",
    says="was emitted after the host was closed; emit accepted it",
    bug="a queue that nobody reads any more takes events",
)
class AcceptsWhenClosed(LaneAdapter):
    name = "accepts-events-when-closed"
    host_class = _AcceptsWhenClosed


class _EndsTheLanesFirst(LaneHost):
    """Its dispatcher takes some time for each event, as one that formats them does."""

    def dispatch(self, event: Event) -> None:
        time.sleep(0.0002)
        super().dispatch(event)

    def end_lines(self) -> None:
        for lane in self.lanes.values():
            lane.end()
        self.line.end()


@specimen(
    "HR-FLOW-01",
    says="as the host was closed",
    bug="the consumers are ended before the dispatcher is empty",
)
class EndsTheLanesFirst(LaneAdapter):
    name = "consumers-end-before-the-dispatcher"
    host_class = _EndsTheLanesFirst


class _ShortLanes(LaneHost):
    """Full, a lane has the dispatcher wait for its sink."""

    lane_capacity = 8


@specimen(
    "HR-FLOW-08",
    says="beside a sink that hangs, its sibling 'before' did not get",
    bug="a bounded queue for each sink, filled by one dispatcher that blocks",
)
class ShortLanes(LaneAdapter):
    name = "full-queue-stops-the-dispatcher"
    host_class = _ShortLanes


class _OneWriteAtATime(LaneHost):
    def __init__(self, folder: Path) -> None:
        self.writing = threading.Lock()
        super().__init__(folder)

    def write(self, generation: Generation, event: Event) -> None:
        with self.writing:
            super().write(generation, event)


@specimen(
    "HR-FLOW-08",
    says="beside a sink that hangs, its sibling",
    bug="a lock of the host's around each write of a sink",
)
class OneWriteAtATime(LaneAdapter):
    name = "one-write-at-a-time"
    host_class = _OneWriteAtATime


class _WaitsForAllLanes(LaneHost):
    def reload(self, name: str) -> list[str]:
        self.settle()
        return super().reload(name)


@specimen(
    "HR-FLOW-08",
    says="its sibling 'keeper' could not be reloaded",
    bug="a reload that waits until all queues are empty",
)
class WaitsForAllLanes(LaneAdapter):
    name = "reload-waits-for-every-sink"
    host_class = _WaitsForAllLanes


class _CountsTheIll(LaneHost):
    def ill(self, lane: Lane) -> bool:
        return False


@specimen(
    "HR-GUARD-03",
    says="took the last healthy sink away",
    bug="design A-n, in a host that learns of it by writes that raise",
)
class CountsTheIll(LaneAdapter):
    name = "counts-sinks-that-raise"
    host_class = _CountsTheIll


class _WritesAgain(LaneHost):
    def write(self, generation: Generation, event: Event) -> None:
        try:
            super().write(generation, event)
        except Exception:
            super().write(generation, event)


@specimen(
    "HR-FLOW-02",
    says="behind writes that raised once they had taken their event",
    bug="a second try for each write that raises, in a host that promises exactly once",
)
class WritesAgain(LaneAdapter):
    name = "writes-again-what-raised"
    host_class = _WritesAgain

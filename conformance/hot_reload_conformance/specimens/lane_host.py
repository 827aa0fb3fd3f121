"""A correct host of another design: a dispatcher's thread, and a lane for each sink.

``emit`` puts an event into one queue. The dispatcher takes it through the stages and gives it
to every lane, which is a queue and a thread of one sink's own. A swap goes through the same
queues as a marker, so that what was accepted before it is the old generation's.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeAlias

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.specimens.copy_on_write_host import Failed

ROLES = ("filter", "enricher", "processor", "redactor")
_PATIENCE_SECONDS = 5.0
Item: TypeAlias = "Event | Callable[[], None] | None"
"""What lies in a queue: an event, a marker to be called, or None as its end."""


class Generation:
    """One version of a plugin, in which its module's names are."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.names: dict[str, Any] = {}
        stage = "read"
        try:
            source = path.read_bytes()
            stage = "syntax"
            code = compile(source, str(path), "exec", dont_inherit=True)
            stage = "import"
            exec(code, self.names)
            stage = "plugin"
            if "on_message" not in self.names:
                raise LookupError("there is no on_message in it")
            stage = "start"
            self.names["start"]()
        except BaseException as error:
            if stage == "start":
                self.ended("stop")
            raise Failed(name, stage, error, path) from None

    @property
    def is_sink(self) -> bool:
        return "write" in self.names

    def ended(self, *hooks: str) -> list[str]:
        """Run these hooks, each in its own guard; what went wrong in them."""
        warnings = []
        for hook in hooks:
            try:
                self.names[hook]()
            except BaseException as error:
                warnings.append(str(Failed(self.name, hook, error, Path(self.name))))
        return warnings


class Line:
    """A queue and the thread that takes events out of it."""

    def __init__(self, take: Callable[[Event], None], capacity: int = 0) -> None:
        self.queue: queue.Queue[Item] = queue.Queue(capacity)
        self.take = take
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while (item := self.queue.get()) is not None:
            if isinstance(item, Event):
                self.take(item)
            else:
                item()
            self.queue.task_done()
            del item
        self.queue.task_done()

    def end(self) -> None:
        """Behind all that is in it."""
        self.queue.put(None)
        self.thread.join(_PATIENCE_SECONDS)


class Lane(Line):
    """One sink's own."""

    def __init__(self, host: LaneHost, generation: Generation) -> None:
        self.host = host
        self.generation = generation
        self.failing = False
        super().__init__(self.deliver, host.lane_capacity)

    def deliver(self, event: Event) -> None:
        try:
            self.host.write(self.generation, event)
            self.failing = False
        except BaseException:
            self.failing = True
            self.host.drop(self.generation.name)


class LaneHost:
    """Operations block; they are for any thread but a plugin's own."""

    lane_capacity = 0

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live: dict[str, Generation] = {}
        self.lanes: dict[str, Lane] = {}
        self.dropped: Counter[str] = Counter()
        self.closing = False
        self.gate = threading.Lock()
        """Held for a moment: while something is put into the queue, or counted."""
        self.locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)
        """Held during an operation on the plugin of that name."""
        self.line = Line(self.dispatch)

    # Events

    def emit(self, event: Event) -> bool:
        with self.gate:
            if self.refuses():
                return False
            self.line.queue.put(event)
            return True

    def refuses(self) -> bool:
        return self.closing or not self.lanes

    def dispatch(self, event: Event) -> None:
        lanes = list(self.lanes.values())
        passed = event
        try:
            for role in ROLES:
                for each in self.live.values():
                    if role in each.names:
                        answer = each.names[role](passed)
                        if role != "filter":
                            passed = answer
                        elif not answer:
                            return
        except BaseException:
            for lane in lanes:
                self.drop(lane.generation.name)
            return
        for lane in lanes:
            lane.queue.put(passed)

    def write(self, generation: Generation, event: Event) -> None:
        """In the thread of the sink's lane."""
        generation.names["write"](event)

    def drop(self, name: str) -> None:
        with self.gate:
            self.dropped[name] += 1

    def settle(self) -> None:
        self.line.queue.join()
        for lane in list(self.lanes.values()):
            lane.queue.join()

    # Operations

    def load(self, name: str) -> None:
        with self.locks[name]:
            if self.closing or name in self.live:
                raise Failed(name, "load", ValueError("it is loaded already, or all is closed"))
            self._swapped(name, None, self._begun(name))

    def reload(self, name: str) -> list[str]:
        with self.locks[name]:
            old, lane = self._known(name), self.lanes.get(name)
            new = self._begun(name)
            taken_over = self._swapped(name, old, new)
            if lane is not None and new.is_sink:
                taken_over.result(_PATIENCE_SECONDS)
            elif lane is not None:
                lane.end()
            return old.ended("flush", "stop")

    def unload(self, name: str) -> list[str]:
        with self.locks[name]:
            old, lane = self._known(name), self.lanes.get(name)
            self._swapped(name, old, None)
            if lane is not None:
                lane.end()
            return old.ended("flush", "stop")

    def send(self, event: Event | None) -> list[str]:
        return [r for each in list(self.live.values()) for r in each.names["on_message"](event)]

    def close(self) -> None:
        with self.gate:
            self.closing = True
        for name in list(self.locks):  # an operation that is under way ends first
            with self.locks[name]:
                pass
        self.end_lines()
        for each in self.live.values():
            each.ended("flush", "stop")
        self.live, self.lanes = {}, {}

    def end_lines(self) -> None:
        self.line.end()
        for lane in self.lanes.values():
            lane.end()

    # Steps

    def _swapped(self, name: str, old: Generation | None, new: Generation | None) -> Future[None]:
        """Commit behind all that was accepted. The result comes when the sink's lane is there too.

        Raises:
            Failed: the swap is refused; ``new`` was stopped.
        """
        done: Future[None] = Future()
        taken_over: Future[None] = Future()

        def run() -> None:
            try:
                self._guard(old, new)
                self._commit(name, new, taken_over)
            except BaseException as error:
                done.set_exception(error)
            else:
                done.set_result(None)

        self.line.queue.put(run)
        try:
            done.result(_PATIENCE_SECONDS)
        except BaseException:
            if new is not None:
                new.ended("stop")
            raise
        return taken_over

    def _commit(self, name: str, new: Generation | None, taken_over: Future[None]) -> None:
        """In the dispatcher's thread, between two events."""
        live, lanes = dict(self.live), dict(self.lanes)
        if new is None:
            live.pop(name, None)
        else:
            live[name] = new
        if new is None or not new.is_sink:
            lanes.pop(name, None)
        elif name not in lanes:
            lanes[name] = Lane(self, new)
        else:
            lane = lanes[name]

            def take_over() -> None:
                lane.generation, lane.failing = new, False
                taken_over.set_result(None)

            lane.queue.put(take_over)
        self.live, self.lanes = live, lanes

    def _guard(self, old: Generation | None, new: Generation | None) -> None:
        if old is None or not old.is_sink or (new is not None and new.is_sink):
            return
        others = [lane for name, lane in self.lanes.items() if name != old.name]
        if not others:
            raise Failed(old.name, "guard", ValueError(f"{old.name} is the last sink"))
        if self.lanes[old.name].failing:
            return
        if all(self.ill(lane) for lane in others):
            raise Failed(old.name, "guard", ValueError(f"{old.name} is the last healthy sink"))

    def ill(self, lane: Lane) -> bool:
        return lane.failing

    def _begun(self, name: str) -> Generation:
        return Generation(name, self.folder / f"{name}.py")

    def _known(self, name: str) -> Generation:
        if self.closing or name not in self.live:
            raise Failed(name, "look-up", LookupError(f"there are {sorted(self.live)}"))
        return self.live[name]


class LaneAdapter(HostAdapter):
    """The adapter of ``LaneHost``; its sinks answer calls, as all its plugins do."""

    name = "lanes"
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.HOOKS,
            Claim.SINKS,
            Claim.EXACTLY_ONCE,
            Claim.STAGES,
            Claim.THREADS,
            Claim.HEALTH,
            Claim.SNAPSHOT,
        }
    )
    stages = ("read", "syntax", "import", "plugin", "start")
    hook_order = ("new start", "old flush", "old stop")
    host_class: type[LaneHost] = LaneHost

    async def open(self, workdir: Path, ports: Ports) -> None:
        self.host = self.host_class(workdir)

    async def close(self) -> None:
        await asyncio.to_thread(self.host.close)

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        lines = [
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
            *(f"def {hook}(): P.hook({hook!r})" for hook in ("start", "flush", "stop")),
            f"def on_message(event): return [P.reply(event, h) for h in {spec.handlers!r}]",
            *(f"def {role}(event): return P.stage(event, {role!r})" for role in spec.roles),
        ]
        if spec.sink:
            lines.append("def write(event): P.receive(event)")
        return {f"{spec.ref}.py": "\n".join(lines) + "\n"}

    async def load(self, ref: str) -> None:
        await asyncio.to_thread(self.host.load, ref)

    async def reload(self, ref: str) -> Reply:
        return Reply(ok=True, warnings=tuple(await asyncio.to_thread(self.host.reload, ref)))

    async def unload(self, ref: str) -> Reply:
        return Reply(ok=True, warnings=tuple(await asyncio.to_thread(self.host.unload, ref)))

    async def call(self, event: Event | None = None) -> list[str]:
        return await asyncio.to_thread(self.host.send, event)

    async def emit(self, event: Event) -> bool:
        return self.host.emit(event)

    async def settle(self) -> None:
        await asyncio.to_thread(self.host.settle)

    async def dropped(self) -> int:
        return self.host.dropped.total()

    async def dropped_by_sink(self) -> Mapping[str, int]:
        return dict(self.host.dropped)

    async def healthy(self, ref: str) -> bool:
        lane = self.host.lanes.get(ref)
        return ref in self.host.live and (lane is None or not lane.failing)

    async def snapshot(self) -> Mapping[str, object]:
        return {"live": sorted(self.host.live), "lanes": sorted(self.host.lanes)}

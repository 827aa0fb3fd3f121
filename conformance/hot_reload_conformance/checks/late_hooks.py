"""Late hooks: a simulated host with a hook that swallows its cancellation and comes back.

It comes back at its deadline, give or take a turn, or long after it: in both cases into
whatever the host does by then. ``reload a v2 start:late`` is a reload whose hook does that.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.adapter import Event, HostAdapter, PluginSpec, Ports, Reply
from hot_reload_conformance.checks.fresh_hosts import fresh_hosts
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.simulation.failure import DEADLOCK, LIVELOCK
from hot_reload_conformance.simulation.loop import SimulatedClock, simulation
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.subject import Broken, SubjectFactory
from hot_reload_conformance.simulation.workdir import DatedFiles

DEADLINE, MEANWHILE, ABANDONED = "deadline", "meanwhile", "abandoned"
KINDS = (DEADLOCK, LIVELOCK, DEADLINE, MEANWHILE, ABANDONED)
"""What breaks the clause: no end at the deadline, others that wait for it, and a hook that was
given up and has a say all the same."""
LATE_DEADLINES = 8
"""How many deadlines later a late hook comes back; one that comes back ``at`` it waits for one."""

_SCRIPTS = (
    ("start", "load a v1; load b v1 | reload a v2 start:late; reload b v2; reload a v3"),
    ("start", "load a v1; load b v1 | reload a v2 start:at; reload b v2; reload a v3"),
    ("start", "load a v1; load b v1 | reload a v2 start:at; reload a v3; call"),
    (
        "health_check",
        "load a v1; load b v1 | reload a v2 health_check:at; reload b v2; reload a v3",
    ),
    ("old stop", "load a v1; load b v1 | reload a v2 stop:at; reload b v2; reload a v3"),
    ("old stop", "load a v1; load b v1 | reload a v2 stop:late; reload b v2; reload a v3"),
)


def scripts(adapter: type[HostAdapter]) -> list[str]:
    """Those whose hook this host has."""
    return [line for hook, line in _SCRIPTS if hook in (*adapter.stages, *adapter.hook_order)]


def late_hooks(
    adapter: Callable[[], HostAdapter], seen: Callable[[LateHooks], None]
) -> SubjectFactory:
    """Hosts of ``adapter`` as subjects; ``seen`` is shown each of them after its run."""
    return fresh_hosts(lambda recording, workdir: LateHooks(adapter(), recording, workdir), seen)


@dataclass(frozen=True, slots=True)
class Ended:
    """One reload: ``at`` and ``began`` in virtual seconds."""

    op: Op
    ok: bool
    began: float
    at: float


class LateHooks:
    """One fresh host, and what was done to it."""

    def __init__(self, adapter: HostAdapter, recording: Recording, workdir: Path) -> None:
        self.adapter = adapter
        self.recording = recording
        self.workdir = workdir
        self.judged = False
        """Whether the hook stood, came back, and all was as it has to be."""
        self.undrivable = False
        """Whether the hook is a synchronous one, which cannot be shown to hang."""
        self._stood_at: float | None = None
        """When the hook began to stand; None: it never did."""
        self._back = asyncio.Event()
        self._arrived = asyncio.Event()
        self._ended: list[Ended] = []
        self._lines: list[str] = []
        self._files = DatedFiles(workdir)
        recording.pause = self._pause

    # The subject

    async def open(self) -> None:
        self._ports = Ports(clock=SimulatedClock(simulation()))
        await self.adapter.open(self.workdir, self._ports)

    async def perform(self, op: Op) -> None:
        if op.verb == "call":
            await self._after_arrival()
            await self.adapter.call(Event("ask"))
        elif op.verb == "load":
            self._write(op)
            await self._operate(op, self.adapter.load(op.name))
        else:
            await self._reload(op)

    async def _reload(self, op: Op) -> None:
        late = len(op.words) > 2
        if late:
            hook, _, when = op.words[2].partition(":")
            # It is the old generation that is stopped, and the new one that has all else.
            version = f"{op.name}.v1" if hook == "stop" else f"{op.name}.{op.value}"
            seconds = self._ports.hook_deadline_seconds * (1 if when == "at" else LATE_DEADLINES)
            self.recording.plan(hook, self._coming_back(seconds), plugin=op.name, version=version)
        else:
            await self._after_arrival()
        self._write(op)
        try:
            await self._operate(op, self.adapter.reload(op.name))
        finally:
            if late:
                self._arrived.set()  # it came to nothing: nobody has to wait for it

    async def _after_arrival(self) -> None:
        await self._arrived.wait()
        await simulation().pause("behind the arrival")

    def _coming_back(self, seconds: float) -> Callable[[Probe], Awaitable[None]]:
        async def stand(probe: Probe) -> None:
            loop = simulation()
            self._stood_at = loop.time()
            self._note(f"    {probe.version} stands in its hook")
            self._arrived.set()
            try:
                while loop.time() < self._stood_at + seconds:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.sleep(self._stood_at + seconds - loop.time())
                with contextlib.suppress(asyncio.CancelledError):
                    await loop.pause("the hook comes back")
            except GeneratorExit:
                self.undrivable = True  # the probe drives it one step far, then gives up
                raise
            self._note(f"    {probe.version} comes back from its hook")
            self._back.set()

        return stand

    async def _operate(self, op: Op, operation: Awaitable[Reply | bool | None]) -> None:
        self._note(f"{op} begins")
        began = simulation().time()
        try:
            reply = Reply.of(await operation)
        except Exception as error:
            reply = Reply(ok=False, message=f"{type(error).__name__}: {error}")
        self._ended.append(Ended(op, reply.ok, began, simulation().time()))
        self._note(f"{op} ends, {'ok' if reply.ok else f'failed: {reply.message}'}")

    def look(self) -> None:
        """All that is asked is asked at the end."""

    async def finish(self) -> None:
        if self._stood_at is None or self.undrivable:
            return
        self._in_time(self._stood_at)
        await self._back.wait()
        # What was given up has come back: whatever it does now it does within a deadline.
        await asyncio.sleep(self._ports.hook_deadline_seconds)
        await self._serves_what_was_said()
        self.judged = True

    async def close(self) -> None:
        self.recording.unplanned()
        await self.adapter.close()

    def story(self) -> tuple[str, ...]:
        return tuple(self._lines)

    # What has to hold

    def _in_time(self, stood_at: float) -> None:
        deadline = self._ports.hook_deadline_seconds
        loaded = {each.op.name for each in self._ended if each.op.verb == "load" and each.ok}
        for each in self._ended:
            late = len(each.op.words) > 2
            if late and each.at > stood_at + 2 * deadline:
                raise Broken(
                    DEADLINE,
                    f"{each.op}: the hook has no deadline, the reload ends {each.at - stood_at:g} "
                    f"s after it began to stand",
                    expected=f"an end at the hook's deadline of {deadline:g} s",
                    seen=f"{each.at - stood_at:g} s",
                )
            if each.op.name in loaded - {"a"} and each.began >= stood_at:
                took = each.at - each.began
                if not each.ok or took >= deadline / 2:
                    raise Broken(
                        MEANWHILE,
                        f"{each.op}, while a hook of another plugin stands, "
                        + ("had to wait for it" if each.ok else "failed"),
                        expected="done meanwhile",
                        seen=f"{took:g} s, the hook's deadline being {deadline:g} s",
                    )

    async def _serves_what_was_said(self) -> None:
        replies = [each for each in await self.adapter.call(Event("ask")) if each[:2] == "a."]
        # In their order: each of them was asked for when the one before had its code in hand.
        done = sorted((e for e in self._ended if e.op.name == "a"), key=lambda e: e.op.value)
        said = next((f"a.{each.op.value}" for each in reversed(done) if each.ok), "")
        if said and replies != [said]:
            results = "; ".join(f"{e.op} {'ok' if e.ok else 'failed'}" for e in done)
            raise Broken(
                ABANDONED,
                "a hook of a came back that had been given up, and now "
                f"{', '.join(replies) or 'nobody'} serves, where the results say {said}",
                expected=f"{said} ({results})",
                seen=replies,
            )

    # Pieces

    def _write(self, op: Op) -> None:
        version = f"{op.name}.{op.value}"
        self._note(f"write {version}")
        for relative, text in self.adapter.render(
            PluginSpec(name=op.name, version=version)
        ).items():
            self._files.put(relative, text)

    def _note(self, line: str) -> None:
        self._lines.append(line)

    async def _pause(self, probe: Probe, what: str) -> None:
        await simulation().pause(f"{what} of {probe.version}")

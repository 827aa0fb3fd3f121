"""First uses: a simulated host with a plugin that is loaded by whoever uses it first.

Several use it at the same time, one of them may be cancelled at any moment, and the load may
fail. ``cancel 1`` cancels the caller of ``use 1``; ``lazy a v1!start`` is one whose load fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports
from hot_reload_conformance.checks.fresh_hosts import fresh_hosts
from hot_reload_conformance.planned import PlannedError
from hot_reload_conformance.probe import Probe
from hot_reload_conformance.recording import Moment, Recording
from hot_reload_conformance.simulation.failure import DEADLOCK, LIVELOCK
from hot_reload_conformance.simulation.loop import SimulatedClock, simulation
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.subject import Broken, SubjectFactory
from hot_reload_conformance.simulation.workdir import DatedFiles

ONE_LOAD, SAME_ANSWER, CANCELLED = "one-load", "same-answer", "others-cancellation"
KINDS = (DEADLOCK, LIVELOCK, ONE_LOAD, SAME_ANSWER, CANCELLED)
"""What breaks the clause: a second load, answers that differ, and a use that ends since somebody
else's was cancelled; or that never ends."""

_NAME, _CAUSE = "a", "planned by the kit, of load"
_THREE = "use 1; use 2; use 3"
_SCRIPTS = (
    f"lazy a v1 | {_THREE}",
    f"lazy a v1!start | {_THREE}",
    "lazy a v1 | use 1; use 2; cancel 1",
    "lazy a v1!start | use 1; use 2; cancel 1",
    f"lazy a v1 | {_THREE} {{schedule,latency,cancel}}",
)


def scripts(adapter: type[HostAdapter]) -> list[str]:
    """Those that this host's claims and stages allow."""
    return [
        line
        for line in _SCRIPTS
        if ("!start" not in line or "start" in adapter.stages)
        and ("cancel" not in line or Claim.CANCEL in adapter.claims)
    ]


def first_uses(
    adapter: Callable[[], HostAdapter], seen: Callable[[FirstUses], None]
) -> SubjectFactory:
    """Hosts of ``adapter`` as subjects; ``seen`` is shown each of them after its run."""
    return fresh_hosts(lambda recording, workdir: FirstUses(adapter(), recording, workdir), seen)


@dataclass(slots=True)
class Use:
    """One use, from the moment ``began`` on; ``ended`` 0: it has not. ``answer`` None: it was
    cancelled, as somebody asked for."""

    op: Op
    began: int
    ended: int = 0
    answer: str | None = None


class FirstUses:
    """One fresh host, and who used its plugin."""

    def __init__(self, adapter: HostAdapter, recording: Recording, workdir: Path) -> None:
        self.adapter = adapter
        self.recording = recording
        self.workdir = workdir
        self.shared = False
        """Whether two uses were under way while one load was."""
        self._fails = False
        self._now = 0
        self._loads: list[int] = []
        """The moments at which a load began; those of a failure: by their number."""
        self._failed: dict[int, int] = {}
        self._uses: list[Use] = []
        self._running: dict[str, asyncio.Task[object]] = {}
        self._lines: list[str] = []
        recording.pause = self._pause
        recording.listeners.append(self._reported)

    # The subject

    async def open(self) -> None:
        await self.adapter.open(self.workdir, Ports(clock=SimulatedClock(simulation())))

    async def perform(self, op: Op) -> None:
        if op.verb == "lazy":
            await self._register(op)
        elif op.verb == "cancel":
            task = self._running.get(op.name)
            if task is not None:
                self._note(f"use {op.name} is cancelled")
                task.cancel()
        else:
            await self._use(op)

    def look(self) -> None:
        """All that is asked is asked at the end."""

    async def finish(self) -> None:
        self._loads_once()
        self._answers_agree()
        if any(each.answer == "v1" for each in self._uses):
            await self._one_serves()

    async def close(self) -> None:
        self.recording.unplanned()
        await self.adapter.close()

    def story(self) -> tuple[str, ...]:
        return tuple(self._lines)

    # What is done

    async def _register(self, op: Op) -> None:
        version, _, stage = op.value.partition("!")
        spec = PluginSpec(name=op.name, version=version)
        files = DatedFiles(self.workdir)
        for relative, text in self.adapter.render(spec).items():
            files.put(relative, text)
        self._fails = bool(stage)
        if stage:
            self.recording.plan(stage, self._fail, plugin=op.name, times=1_000_000)
        await self.adapter.register_lazy(spec.ref)

    def _fail(self, _: Probe) -> None:
        number = len(self._loads)
        self._failed[number] = self._note(f"    load {number} fails")
        raise PlannedError(f"{_CAUSE} {number}")

    async def _use(self, op: Op) -> None:
        task = asyncio.current_task()
        assert task is not None
        use = Use(op, self._note(f"{op} begins"))
        self._uses.append(use)
        self._running[op.name] = task
        try:
            use.answer = await self.adapter.use(_NAME, Event("ask"))
        except asyncio.CancelledError:
            if not task.cancelling():
                raise Broken(
                    CANCELLED,
                    f"{op}, which nobody cancelled, was given another caller's CancelledError",
                    expected=f"the result of the load: {self._good()}",
                    seen="CancelledError",
                ) from None
            self._note(f"{op} ends, cancelled")
            raise
        except Exception as error:
            use.answer = f"{type(error).__name__}: {error}"
        finally:
            del self._running[op.name]
            self._now += 1
            use.ended = self._now
        self._note(f"{op} ends: {use.answer}")

    # What has to hold

    def _loads_once(self) -> None:
        for number, (began, again) in enumerate(zip(self._loads, self._loads[1:], strict=False), 1):
            failed = self._failed.get(number, again)
            if failed < again:  # who comes after a failure may try again
                waiting = [u for u in self._uses if u.began < failed]
                excused = any(failed < u.began < again for u in self._uses)
            else:
                waiting = [u for u in self._uses if u.began < began and not 0 < u.ended < again]
                excused = not waiting
            if not excused:
                names = ", ".join(str(u.op) for u in waiting)
                raise Broken(
                    ONE_LOAD,
                    f"{names} waited for one first load, and the plugin was loaded "
                    f"{len(self._loads)} times",
                    expected="one load, shared",
                    seen=f"{len(self._loads)} loads",
                )

    def _answers_agree(self) -> None:
        first = self._failed.get(1, 0)
        for use in self._uses:
            if use.answer is None:
                continue
            if not self._fails:
                good = use.answer == "v1"
            elif use.began < first:  # it waited for the first load
                good = f"{_CAUSE} 1" in use.answer
            else:
                good = _CAUSE in use.answer
            if not good:
                raise Broken(
                    SAME_ANSWER,
                    f"{use.op} waited for a load, and was not given its result",
                    expected=self._good(),
                    seen=use.answer,
                )

    def _good(self) -> str:
        return f"the error {_CAUSE} 1" if self._fails else "v1"

    async def _one_serves(self) -> None:
        served = await self.adapter.call(Event("ask"))
        if len(served) != 1:
            raise Broken(
                ONE_LOAD,
                "after concurrent first uses not exactly one generation serves",
                expected="one",
                seen=served,
            )

    # Pieces

    def _reported(self, moment: Moment) -> None:
        if moment.what == "import" and moment.phase == "begin":
            self._loads.append(self._note(f"    load {len(self._loads) + 1} begins"))
            waiting = [each for each in self._uses if not each.ended]
            self.shared |= len(waiting) > 1
        elif moment.what == "start" and moment.phase == "begin":
            self.shared |= sum(not each.ended for each in self._uses) > 1

    def _note(self, line: str) -> int:
        self._now += 1
        self._lines.append(line)
        return self._now

    async def _pause(self, probe: Probe, what: str) -> None:
        await simulation().pause(f"{what} of {probe.version}")
        self.shared |= sum(not each.ended for each in self._uses) > 1

"""Watching: a host that watches the case's folder, and the time that passes for it.

A host that takes the kit's clock (claim ``clock``) is judged in virtual time: an hour
costs milliseconds, and every moment is exact. Another one is judged in real time, and
only by a budget that allows it. Reloads are counted by what the plugins' modules report
as they run, never by the host's word.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.adapter import Claim, PluginSpec, Ports
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import NotClaimed, Violation
from hot_reload_fixtures.clock import ManualClock, ManualTimer
from hot_reload_fixtures.hints import ScriptedHints
from hot_reload_fixtures.mutators import SaveStyle, save

ALPHA = PluginSpec()
SLACK_SECONDS = 0.001
"""Floating-point sums of durations differ by less; nobody reloads that much too early."""
_STEP_SECONDS = 0.1
_STEPS = 300


class CaseClock(ManualClock):
    """The clock of a case: what a host lets out of its timers stays there, as on an event loop."""

    def __init__(self) -> None:
        super().__init__(start_seconds=1_000.0)
        self.escaped: list[Exception] = []

    def call_later(self, delay_seconds: float, callback: Callable[[], None]) -> ManualTimer:
        def contained() -> None:
            try:
                callback()
            except Exception as error:
                self.escaped.append(error)

        return super().call_later(delay_seconds, contained)


def manual_ports() -> Ports:
    """Ports of a case in virtual time; its deadlines are far away."""
    return Ports(
        clock=CaseClock(),
        hook_deadline_seconds=600.0,
        drain_deadline_seconds=600.0,
        hints=ScriptedHints(),
    )


@dataclass(frozen=True, slots=True)
class Run:
    """A module of a plugin began to run: a load or reload got so far."""

    at: float
    plugin: str
    version: str

    def __str__(self) -> str:
        return f"{self.plugin} {self.version} at {self.at:.2f} s"


class Watching:
    """One host under watch. Used on the loop's thread.

    Raises:
        NotClaimed: it could be judged in real time only, and the budget has none for it.
    """

    def __init__(self, case: Case) -> None:
        manual = isinstance(case.ports.clock, ManualClock) and Claim.CLOCK in case.claims
        if not manual and not case.budget.real_time:
            raise NotClaimed(
                "in real time: this watch does not take the kit's clock. Use the profile ci or "
                "nightly, which wait for it, or give it ports.clock and claim 'clock'"
            )
        self.case = case
        self.pace = case.adapter.pace
        self.clock: ManualClock | None = case.ports.clock if manual else None  # type: ignore[assignment]  # a ManualClock, by the line above
        self.began = self._absolute()
        self.runs: list[Run] = []
        self.edited_at: dict[str, list[float]] = {}
        # Well behind those of ``Case.write`` and in steps, so that no two are equal by chance.
        self._stamps = itertools.count(int(time.time()) - 50_000, 2)
        case.recording.listeners.append(self._heard)

    # Time

    def now(self) -> float:
        """Seconds since this object was made."""
        return self._absolute() - self.began

    async def run(self, seconds: float) -> None:
        """Let time pass, and the host do what is due.

        Raises:
            Violation: it does things for ever without letting time pass.
        """
        if self.clock is None:
            await asyncio.sleep(max(0.0, seconds))
            return
        try:
            await self.clock.advance_async(max(0.0, seconds))
        except RuntimeError as error:
            raise Violation(
                f"the watch never rests: {error}", expected="a pause", seen="none"
            ) from None
        if isinstance(self.clock, CaseClock):
            for escaped in self.clock.escaped:
                self.case.tell(f"a timer of the host's lets out {_named(escaped)}", broken=True)
            self.clock.escaped.clear()

    async def settle(self) -> None:
        """Let the declared bound pass within which the last edit has to run."""
        await self.run(self.pace.converge_seconds)

    async def driven(self, awaitable: Awaitable[object], what: str) -> None:
        """Await an operation of the adapter's while time passes for the host."""
        task = asyncio.ensure_future(self.case.guarded(awaitable, what))
        if self.clock is not None:
            await self.clock.settle()
            for _ in range(_STEPS):
                if task.done():
                    break
                await self.run(_STEP_SECONDS)
        await task

    # The watch

    async def start(self) -> None:
        await self.driven(self.case.adapter.start_watch(self.case.workdir), "start_watch")
        self.case.tell(f"start the watch of the folder [{self.now():.2f} s]")
        await self.run(self.pace.notice_seconds + self.pace.quiet_seconds)

    async def stop(self) -> None:
        await self.driven(self.case.adapter.stop_watch(), "stop_watch")
        self.case.tell(f"stop the watch [{self.now():.2f} s]")

    async def enable(self) -> None:
        await self.driven(self.case.adapter.enable_watch(), "enable_watch")
        self.case.tell(f"enable the watch [{self.now():.2f} s]")

    async def disable(self) -> None:
        await self.driven(self.case.adapter.disable_watch(), "disable_watch")
        self.case.tell(f"disable the watch [{self.now():.2f} s]")

    async def serving(self, *specs: PluginSpec) -> None:
        """Load ``specs`` (ALPHA where there are none), watch the folder, and come to rest."""
        for spec in specs or (ALPHA,):
            await self.case.loaded(spec)
        await self.start()
        # A host may take what it finds at first for news: the cooldown of that is over too.
        await self.settle()
        self.runs.clear()

    # The files

    def text(self, spec: PluginSpec) -> bytes:
        """The main file of ``spec``."""
        return next(iter(self.case.adapter.render(spec).values())).encode()

    def path(self, spec: PluginSpec) -> Path:
        return self.case.workdir / next(iter(self.case.adapter.render(spec)))

    def save(
        self, spec: PluginSpec, style: SaveStyle = SaveStyle.IN_PLACE, *, told: bool = True
    ) -> None:
        """Save the main file of ``spec``; the system's event of it gets lost unless ``told``."""
        self.put(self.path(spec), self.text(spec), style, told=told)
        self.noted(spec.name, f"save {spec.ref} {spec.version}, {style.value}")

    def put(
        self,
        path: Path,
        data: bytes,
        style: SaveStyle = SaveStyle.IN_PLACE,
        *,
        told: bool = True,
        mtime_nanoseconds: int | None = None,
    ) -> None:
        """Save ``data`` as ``path``, with an mtime two seconds on where the style has none."""
        if mtime_nanoseconds is None:
            mtime_nanoseconds = next(self._stamps) * 1_000_000_000
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, data, style, mtime_nanoseconds=mtime_nanoseconds)
        if told:
            self.hint(path)

    def hint(self, *paths: Path) -> None:
        """The system tells of ``paths``, to a host that listens to the kit's events."""
        if isinstance(self.case.ports.hints, ScriptedHints):
            self.case.ports.hints.tell(*paths)

    def noted(self, plugin: str, text: str) -> None:
        """An edit of ``plugin`` was made just now."""
        self.edited_at.setdefault(plugin, []).append(self.now())
        self.case.tell(f"{text} [{self.now():.2f} s]")

    # What came of it

    def runs_of(self, plugin: str = ALPHA.name, version: str | None = None) -> list[Run]:
        """The runs of a plugin's module since ``serving``."""
        return [r for r in self.runs if r.plugin == plugin and version in (None, r.version)]

    async def expect_serving(self, versions: str | list[str], message: str) -> None:
        """All live handlers answer ``versions``; else the story has the runs so far."""
        wanted = [versions] if isinstance(versions, str) else versions
        seen = await self.case.replies(tell=False)
        self.case.tell(
            f"call ask [{self.now():.2f} s]",
            expected=str(wanted),
            seen=str(seen),
            broken=seen != wanted,
        )
        self.case.expect(
            seen == wanted, f"{message}; what serves: {seen}", expected=wanted, seen=seen
        )

    def expect_runs(self, count: int, message: str, *, plugin: str | None = None) -> None:
        """So many loads and reloads came to run a module since ``serving``."""
        found = [each for each in self.runs if plugin in (None, each.plugin)]
        self.case.expect(
            len(found) == count,
            f"{message}; it ran {', '.join(map(str, found)) or 'nothing'}",
            expected=f"{count} loads or reloads",
            seen=f"{len(found)}",
        )

    def _heard(self, moment: Moment) -> None:
        if moment.what == "import" and moment.phase == "begin":
            self.runs.append(Run(self.now(), moment.plugin, moment.version))
            self.case.tell(f"the host runs {self.runs[-1]}")

    def _absolute(self) -> float:
        return time.monotonic() if self.clock is None else self.clock.now()


def _named(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return f"{type(error).__name__}, whose text cannot be shown"


@contextmanager
def wall_clock(watching: Watching, jump_seconds: Callable[[], float]) -> Iterator[None]:
    """Let ``time.time()`` follow the watch's time, and jump: as where a clock is set anew."""
    real, base = time.time, time.time()
    time.time = lambda: base + watching.now() + jump_seconds()
    try:
        yield
    finally:
        time.time = real

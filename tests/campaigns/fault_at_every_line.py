"""A fault at every line of the transaction: what is left of the engine after each.

    python tests/campaigns/fault_at_every_line.py [--scene reload] [--fault MemoryError]

Each line of ``hot_reload.runtime`` that a scene's operation runs is a point. At the first
arrival there an exception is raised, as by a signal, a full memory or a bug in the engine; then
the engine has to be whole: the old generation or the new one serves, alone; nothing is held;
the next reload works; it closes. Prints the points and every line that was not survived.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import dataclasses
import gc
import logging
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import hot_reload.runtime
from hot_reload import Engine, Settings
from hot_reload.outcome import Loaded, Swapped

RUNTIME = str(Path(hot_reload.runtime.__file__).parent)
FAULTS: tuple[type[BaseException], ...] = (
    Exception,
    KeyboardInterrupt,
    asyncio.CancelledError,
    MemoryError,
)
HANG_SECONDS = 5.0
_MARK = "injected by the campaign"

Point: TypeAlias = tuple[str, int]

_PLUGIN = """
import campaign_probe as probe

class Served:
    name, version = "{name}", "{version}"
    dependencies = {needs!r}
    swap_policy = "{policy}"

    def __init__(self, context):
        self.context, self.count = context, 0
        probe.made.append(self.key())

    def key(self):
        return ("{name}", "{version}", self.context.generation)

    async def start(self):
        probe.started.append(self.key())

    async def stop(self):
        probe.stopped.append(self.key())

    def get_reload_state(self):
        return {{"count": self.count}}

    def set_reload_state(self, state):
        self.count = state["count"]

    def health_check(self):
        return {healthy}

    def handle(self, request):
        if request == "count":
            self.count += 1
        return ("{version}", self.count)

    def write(self, event):
        probe.written.append((event, "{name}"))
"""


_SPARE = "class Spare:\n    version = '1.0'\n    def write(self, event): ...\n"


@dataclasses.dataclass(frozen=True)
class Scene:
    """What is done while the fault comes; ``versions``: what may serve then, None: nothing."""

    name: str
    versions: tuple[str | None, ...]
    loaded: bool = True
    policy: str = "blue-green"
    healthy: bool = True
    cascade: bool = False
    unload: bool = False


SCENES = (
    Scene("load", (None, "2.0"), loaded=False),
    Scene("failing load", (None,), loaded=False, healthy=False),
    Scene("reload", ("1.0", "2.0")),
    Scene("rollback", ("1.0",), healthy=False),
    Scene("stop-first", ("1.0", "2.0"), policy="stop-first"),
    Scene("stop-first rollback", ("1.0",), policy="stop-first", healthy=False),
    Scene("cascade", ("1.0", "2.0"), cascade=True),
    Scene("cascade rollback", ("1.0",), cascade=True, healthy=False),
    Scene("unload", ("1.0", None), unload=True),
)


@dataclasses.dataclass(frozen=True)
class Violation:
    """One point that was not survived, and what was wrong afterwards."""

    scene: str
    fault: str
    point: Point
    what: str

    def __str__(self) -> str:
        file, line = self.point
        return f"{Path(file).name}:{line} {self.fault} in {self.scene}: {self.what}"


class Injector:
    """Sees each line of the runtime; raises ``fault`` at the first arrival at ``at``."""

    def __init__(self, at: Point | None = None, fault: BaseException | None = None) -> None:
        self.seen: dict[Point, None] = {}
        self._at = at
        self._fault = fault
        self.fired = False

    @contextlib.contextmanager
    def armed(self) -> Iterator[None]:
        if monitored := sys.version_info >= (3, 12):
            self._monitor()
        else:
            sys.settrace(self._frame)
        try:
            yield
        finally:
            if monitored:
                self._unmonitor()
            else:
                sys.settrace(None)

    def disarm_for_good(self) -> None:
        """Let go of the frames that the exception went through."""
        if self._fault is not None:
            self._fault.__traceback__ = self._fault.__context__ = None

    def _line(self, file: str, line: int) -> None:
        point = file, line
        if self._at is None:
            self.seen[point] = None
        elif point == self._at and not self.fired:
            self.fired = True
            assert self._fault is not None
            raise self._fault

    def _frame(self, frame: types.FrameType, event: str, argument: object) -> Any:
        if not frame.f_code.co_filename.startswith(RUNTIME):
            return None

        def trace(frame: types.FrameType, event: str, argument: object) -> Any:
            if event == "line":
                self._line(frame.f_code.co_filename, frame.f_lineno)
            return trace

        return trace

    def _monitor(self) -> None:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        tool = monitoring.DEBUGGER_ID
        monitoring.use_tool_id(tool, "campaign")

        def line(code: types.CodeType, number: int) -> Any:
            if not code.co_filename.startswith(RUNTIME):
                return monitoring.DISABLE
            return self._line(code.co_filename, number)

        monitoring.register_callback(tool, monitoring.events.LINE, line)
        monitoring.set_events(tool, monitoring.events.LINE)
        monitoring.restart_events()

    def _unmonitor(self) -> None:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        monitoring.set_events(monitoring.DEBUGGER_ID, 0)
        monitoring.free_tool_id(monitoring.DEBUGGER_ID)


class Run:
    """One scene, once, with at most one fault."""

    def __init__(self, scene: Scene, directory: Path) -> None:
        self._scene = scene
        self._path = directory / "counter.py"
        self._needer = directory / "needer.py"
        self._spare = directory / "spare.py"
        probe: Any = types.ModuleType("campaign_probe")
        probe.made, probe.started, probe.stopped, probe.written = [], [], [], []
        self.probe = probe
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)
        self.problems: list[str] = []

    def __call__(self, injector: Injector) -> list[str]:
        """What was wrong afterwards."""
        sys.modules["campaign_probe"] = self.probe
        settings = Settings(drain_deadline_seconds=0.5, hook_deadline_seconds=1.0)
        engine = Engine(settings=settings)
        try:
            self._until_done(engine.__aenter__)
            self._write("1.0")
            if self._scene.loaded:
                self._until_done(lambda: engine.load(self._path))
                if self._scene.unload:  # the last sink would stay
                    self._spare.write_text(_SPARE)
                    self._until_done(lambda: engine.load(self._spare))
                if self._scene.cascade:
                    self._write_needer()
                    self._until_done(lambda: engine.load(self._needer))
                self._until_done(lambda: engine.call("count", plugin="counter"))
            self._write("2.0", healthy=self._scene.healthy)
            with injector.armed():
                self._until_done(lambda: self._operation(engine), faulty=True)
            self._check(engine, injector)
        finally:
            self._until_done(engine.close)
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            if left:
                self._until_done(lambda: asyncio.wait(left, timeout=1.0))
                self.problems.append(f"{len(left)} tasks left after the close")
            if [name for name in sys.modules if "@g" in name]:
                self.problems.append("modules left after the close")
            for name in [name for name in sys.modules if "@g" in name]:
                del sys.modules[name]
            self._loop.close()
            del sys.modules["campaign_probe"]
        return self.problems

    def _operation(self, engine: Engine) -> Any:
        if self._scene.unload:
            return engine.unload("counter")
        if self._scene.loaded:
            return engine.reload("counter")
        return engine.load(self._path)

    def _until_done(self, make: Callable[[], Any], *, faulty: bool = False) -> Any:
        """Run it to its end, over every exception that stops the loop; what it returns."""
        task: asyncio.Task[Any] | None = None

        async def bounded() -> bool:
            nonlocal task
            if task is None:
                task = asyncio.ensure_future(make())
            await asyncio.wait({task}, timeout=HANG_SECONDS)
            return task.done()

        for _ in range(4):
            try:
                if not self._loop.run_until_complete(bounded()):
                    self.problems.append("it hangs")
                break
            except BaseException as error:
                if _MARK not in str(error):
                    raise
        if task is None or not task.done():
            return None
        if task.cancelled():
            return None
        raised = task.exception()
        if raised is None:
            return task.result()
        if not faulty:
            self.problems.append(f"{type(raised).__name__}: {raised}")
        raised.__traceback__ = None
        return None

    def _check(self, engine: Engine, injector: Injector) -> None:
        self._until_done(lambda: self._rest(engine))
        injector.disarm_for_good()
        answers = self._until_done(lambda: engine.call("?")) or []
        versions = [version for version, _ in answers]
        expected = ["1.0"] if self._scene.cascade and versions else []
        serving = versions[:1] if versions else [None]
        if versions[1:] != expected or serving[0] not in self._scene.versions:
            self.problems.append(f"what serves is {versions}")
        if serving[0] is not None and answers[0][1] != (1 if self._scene.loaded else 0):
            self.problems.append(f"its state is {answers[0][1]}")
        live = {("counter", engine.status(n).running) for n in engine.names if n == "counter"}
        running = {each.generation for _, each in live if each is not None}
        for key in self.probe.started:
            stops = self.probe.stopped.count(key)
            if key[0] == "counter" and stops != (0 if key[2] in running else 1):
                self.problems.append(f"{key[1]} was stopped {stops} times, serves {versions}")
        if serving[0] is not None:
            self.probe.written.clear()
            accepted = engine.emit("event")
            count = sum(name == "counter" for _, name in self.probe.written)
            if not accepted or count != 1:
                self.problems.append(f"an event was written {count} times")
        held = engine._operations._turns._locks or engine._operations._running
        if held or engine._operations._deferred or engine._machinery.calls._closed:
            self.problems.append("something is held")
        self._write("3.0")
        loaded = "counter" in engine.names
        operate = engine.reload if loaded else engine.load
        target: Any = "counter" if loaded else self._path
        outcome = self._until_done(lambda: operate(target))
        if not isinstance(outcome, (Swapped, Loaded)):
            self.problems.append(f"the next is {outcome.describe() if outcome else outcome}")
        else:
            found = self._until_done(lambda: engine.call("?", plugin="counter"))
            if not found or found[0][0] != "3.0":
                self.problems.append(f"after the next {found} serves")
        del outcome
        if lingering := engine.lingering():
            self.problems.append(f"in memory: {lingering}")

    async def _rest(self, engine: Engine) -> None:
        """Let what goes on behind an operation that ended come to its end."""
        for _ in range(3):
            for task in list(engine._operations._running):
                with contextlib.suppress(BaseException):
                    await asyncio.wait({task}, timeout=HANG_SECONDS)
            await asyncio.sleep(0)

    def _write(self, version: str, *, healthy: bool = True) -> None:
        policy = self._scene.policy
        source = _PLUGIN.format(
            name="counter", version=version, needs=[], policy=policy, healthy=healthy
        )
        self._path.write_text(source)

    def _write_needer(self) -> None:
        source = _PLUGIN.format(
            name="needer", version="1.0", needs=["counter"], policy="blue-green", healthy=True
        )
        self._needer.write_text(source)


def points_of(scene: Scene, directory: Path) -> list[Point]:
    """The lines that the scene's operation runs, in the order in which it comes to them."""
    injector = Injector()
    problems = Run(scene, directory)(injector)
    assert not problems, (scene.name, problems)
    return list(injector.seen)


def campaign(
    scenes: Sequence[Scene] = SCENES,
    faults: Sequence[type[BaseException]] = FAULTS,
    *,
    stride: int = 1,
    offset: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[int, list[Violation]]:
    """How many points were tried, each ``stride``-th of them, and those not survived."""
    tried, violations = 0, []
    logging.getLogger("hot_reload").disabled = True
    gc.collect()
    gc.freeze()
    try:
        for scene in scenes:
            with tempfile.TemporaryDirectory() as directory:
                points = points_of(scene, Path(directory))[offset % stride :: stride]
                for kind in faults:
                    for point in points:
                        found = Run(scene, Path(directory))(Injector(point, kind(_MARK)))
                        tried += 1
                        if found:
                            violations.append(
                                Violation(scene.name, kind.__name__, point, "; ".join(found))
                            )
                            tell(f"not survived: {violations[-1]}")
                    tell(f"{scene.name}, {kind.__name__}: {len(points)} points")
    finally:
        gc.unfreeze()
        logging.getLogger("hot_reload").disabled = False
    return tried, violations


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--scene", choices=[each.name for each in SCENES])
    parser.add_argument("--fault", choices=[each.__name__ for each in FAULTS])
    chosen = parser.parse_args()
    began = time.perf_counter()
    tried, violations = campaign(
        [each for each in SCENES if chosen.scene in (None, each.name)],
        [each for each in FAULTS if chosen.fault in (None, each.__name__)],
        stride=chosen.stride,
        tell=lambda line: print(line, flush=True),
    )
    lines = collections.defaultdict(list)
    for each in violations:
        lines[each.point].append(each)
    for _, found in sorted(lines.items()):
        print(f"{len(found):3d} {found[0]}")
    seconds = time.perf_counter() - began
    print(f"{tried} faults, {len(violations)} not survived, at {len(lines)} lines, {seconds:.0f} s")


if __name__ == "__main__":
    main()

"""The scenes of the campaign: what is done while a fault comes, and what has to hold then."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.campaigns.injector import Injector

from hot_reload import Engine, Settings
from hot_reload.outcome import Loaded, Outcome, Swapped

HANG_SECONDS = 5.0
MARK = "injected by the campaign"

_PLUGIN = """
import campaign_probe as probe

{head}
class Served:
    name, version = "{name}", "{version}"
    dependencies = {needs!r}
    swap_policy = "{policy}"

    def __init__(self, context):
        self.context, self.count = context, 0
        self.noted("made")
        context.add_cleanup(lambda: self.noted("cleanup"))
        {construct}

    def noted(self, hook):
        probe.noted.append((hook, ("{name}", "{version}", self.context.generation)))

    def setup(self):
        pass

    async def start(self):
        self.noted("start")
        self.context.spawn(probe.background())
        {start}

    def flush(self):
        pass

    async def stop(self):
        self.noted("stop")

    def teardown(self):
        self.noted("teardown")

    def get_reload_state(self):
        {capture}
        return {{"count": self.count}}

    def migrate_state(self, state, version):
        return state

    def set_reload_state(self, state):
        self.count = state["count"]
        {restore}

    def health_check(self):
        return {healthy}

    def on_reload(self):
        {on_reload}

    async def handle(self, request):
        if request == "count":
            self.count += 1
        if request == "wait":
            await probe.waiting(40)
        if request == "reload":
            return await self.context.engine.reload("{name}")
        return ("{version}", self.count)

    {write} write(self, event):
        probe.written.append((event, "{name}"))
"""

_CONNECTED = """
    def adopt_connection(self, connection_id, connection):
        self.noted("adopt")
"""
_FILTERING = """
    roles = ("filter", "sink", "service")

    def filter(self, event):
        return True
"""
_SPARE = "class Spare:\n    version = '1.0'\n    def write(self, event): ...\n"

FAILS = 'raise ValueError("as planned")'


@dataclasses.dataclass(frozen=True)
class Scene:
    """What is done while the fault comes; ``versions``: what may serve then, None: nothing.

    ``fails``: at which place of the new version's text its failure stands.
    """

    name: str
    versions: tuple[str | None, ...]
    operation: str = "reload"
    policy: str = "blue-green"
    fails: str = ""
    cascade: bool = False
    more: str = ""
    """What the plugin's class has besides."""
    writes: str = "def"

    @property
    def loaded(self) -> bool:
        return self.operation != "load"


_BOTH = ("1.0", "2.0")
SCENES = (
    Scene("load", (None, "2.0"), "load"),
    Scene("failing load", (None,), "load", fails="healthy"),
    Scene("failing import", (None,), "load", fails="head"),
    Scene("reload", _BOTH),
    Scene("rollback", ("1.0",), fails="healthy"),
    Scene("rollback at syntax", ("1.0",), fails="syntax"),
    Scene("rollback at import", ("1.0",), fails="head"),
    Scene("rollback at construct", ("1.0",), fails="construct"),
    Scene("rollback at start", ("1.0",), fails="start"),
    Scene("rollback at restore", ("1.0",), fails="restore"),
    Scene("rollback at on_reload", ("1.0",), fails="on_reload"),
    Scene("stop-first", _BOTH, policy="stop-first"),
    Scene("stop-first rollback", ("1.0",), policy="stop-first", fails="healthy"),
    Scene("cascade", _BOTH, cascade=True),
    Scene("cascade rollback", ("1.0",), cascade=True, fails="healthy"),
    Scene("unload", ("1.0", None), "unload"),
    Scene("batch", _BOTH, "batch"),
    Scene("cancelled", _BOTH, "cancelled", fails="waits"),
    Scene("deferred", _BOTH, "deferred"),
    Scene("busy", _BOTH, "busy"),
    Scene("connections", _BOTH, more=_CONNECTED),
    Scene("connections rollback", ("1.0",), more=_CONNECTED, fails="on_reload"),
    Scene("filter", _BOTH, more=_FILTERING),
    Scene("asynchronous sink", _BOTH, writes="async def"),
)


class Connection:
    """Knows how often it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


class Run:
    """One scene, once, with at most one fault."""

    def __init__(self, scene: Scene, directory: Path) -> None:
        self._scene = scene
        self._directory = directory
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)
        self.problems: list[str] = []
        self._connection = Connection()
        probe: Any = types.ModuleType("campaign_probe")
        probe.noted, probe.written = [], []
        probe.waiting, probe.emits = self._waiting, self._emits
        probe.background = self._background
        self.probe = probe
        self._waits = asyncio.Event()
        self._bounds: set[asyncio.Task[Any] | None] = set()

    def __call__(self, injector: Injector) -> list[str]:
        """What was wrong afterwards."""
        self._injector = injector
        sys.modules["campaign_probe"] = self.probe
        settings = Settings(drain_deadline_seconds=0.5, hook_deadline_seconds=1.0)
        engine = Engine(settings=settings)
        try:
            self._until_done(engine.__aenter__)
            self._until_done(lambda: self._prepare(engine))
            with injector.armed():
                self._until_done(lambda: self._operation(engine), faulty=True)
                self._until_done(lambda: self._rest(engine))
            self._check(engine, injector)
        finally:
            self._until_done(engine.close)
            self._check_left()
            self._loop.close()
            del sys.modules["campaign_probe"]
        return self.problems

    async def _prepare(self, engine: Engine) -> None:
        scene = self._scene
        if scene.loaded:
            self._write("counter", "1.0")
            await engine.load(self._path("counter"))
            if scene.operation == "unload":  # the last sink would stay
                self._path("spare").write_text(_SPARE)
                await engine.load(self._path("spare"))
            if scene.cascade or scene.operation == "batch":
                needs = ["counter"] if scene.cascade else []
                self._write("other", "1.0", needs=needs)
                await engine.load(self._path("other"))
            await engine.call("count", plugin="counter")
            if scene.more is _CONNECTED:
                engine.plugin("counter").context.register_connection("one", self._connection)
        if scene.operation == "batch":
            self._write("other", "2.0")
        self._write("counter", "2.0", fails=scene.fails)

    async def _operation(self, engine: Engine) -> Any:
        match self._scene.operation:
            case "load":
                return await engine.load(self._path("counter"))
            case "unload":
                return await engine.unload("counter")
            case "batch":
                return await engine.reload_many()
            case "deferred":
                return await engine.call("reload", plugin="counter")
            case "busy":
                inside = asyncio.ensure_future(engine.call("wait", plugin="counter"))
                await asyncio.wait({inside}, timeout=0)
                try:
                    return await engine.reload("counter")
                finally:
                    await inside
            case "cancelled":
                reload = asyncio.ensure_future(engine.reload("counter"))
                waits = asyncio.ensure_future(self._waits.wait())
                await asyncio.wait({reload, waits}, return_when=asyncio.FIRST_COMPLETED)
                waits.cancel()
                reload.cancel()
                return await reload
        return await engine.reload("counter")

    async def _background(self) -> None:
        await asyncio.Event().wait()

    def _emits(self, engine: Engine) -> None:
        with self._injector.paused():
            engine.emit("held")

    async def _waiting(self, turns: int) -> None:
        """What a plugin awaits: so many turns of the loop, and no time."""
        self._waits.set()
        for _ in range(turns):
            await asyncio.sleep(0)

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
                self._bounds.add(bound := self._loop.create_task(bounded()))
                if not self._loop.run_until_complete(bound):
                    self.problems.append("it hangs")
                break
            except BaseException as error:
                # Where an interrupt came between the end and its notice, the notice stops the next.
                if MARK not in str(error) and "Event loop stopped" not in str(error):
                    raise
        if task is None or not task.done() or task.cancelled():
            return None
        raised = task.exception()
        if raised is None:
            return task.result()
        if not faulty:
            self.problems.append(f"{type(raised).__name__}: {raised}")
        raised.__traceback__ = None
        return None

    async def _rest(self, engine: Engine) -> None:
        """Let what goes on behind an operation that ended come to its end."""
        me = asyncio.current_task()
        for _ in range(4):
            for task in asyncio.all_tasks() - {me, *self._bounds}:
                if not task.get_name().startswith(("mailbox of", "counter@", "other@")):
                    with contextlib.suppress(BaseException):
                        await asyncio.wait({task}, timeout=HANG_SECONDS)
            await asyncio.sleep(0)

    # What has to hold afterwards

    def _check(self, engine: Engine, injector: Injector) -> None:
        injector.disarm_for_good()
        serving = self._check_serving(engine)
        self._check_hooks(engine, serving)
        self._check_events(engine, serving)
        self._check_connection(engine, serving)
        operations = engine._operations
        running = operations._turns.tasks or {
            each for each in operations._transactions if each.task and not each.task.done()
        }
        deferred = [task for task in operations._deferred.values() if not task.done()]
        if running or deferred or engine._machinery.calls._closed:
            self.problems.append("something is held")
        self._check_next(engine)
        if lingering := engine.lingering():
            self.problems.append(f"in memory: {lingering}")

    def _check_serving(self, engine: Engine) -> str | None:
        answers = self._until_done(lambda: engine.call("?")) or []
        versions = [version for version, _ in answers]
        if self._scene.operation == "batch":  # each of the two by itself
            if len(versions) != 2 or not {*versions} <= {*_BOTH}:
                self.problems.append(f"what serves is {versions}")
        elif versions[1:] != (["1.0"] if self._scene.cascade and versions else []):
            self.problems.append(f"what serves is {versions}")
        serving: str | None = versions[0] if versions else None
        if serving not in self._scene.versions:
            self.problems.append(f"{serving} serves")
        if serving is not None and answers[0][1] != (1 if self._scene.loaded else 0):
            self.problems.append(f"its state is {answers[0][1]}")
        return serving

    def _check_hooks(self, engine: Engine, serving: str | None) -> None:
        running = {
            (name, status.running.generation)
            for name in engine.names
            if (status := engine.status(name)).running is not None
        }
        for hook, key in self.probe.noted:
            if hook == "start":
                for end in ("stop", "teardown", "cleanup"):
                    ends = self.probe.noted.count((end, key))
                    if ends != (0 if (key[0], key[2]) in running else 1):
                        self.problems.append(f"{end} of {key} {ends} times, {serving} serves")

    def _check_events(self, engine: Engine, serving: str | None) -> None:
        """Those that were accepted in the course of it, and a new one."""
        if serving is not None:
            accepted = engine.emit("event")
            self._until_done(engine.settle)
            if not accepted or self.probe.written.count(("event", "counter")) != 1:
                self.problems.append("an event was not written once")
        counts = engine.counts
        written = sum(name == "counter" for _, name in self.probe.written)
        if written > counts.accepted:
            self.problems.append("an event was written twice")
        lost = counts.accepted - written - counts.dropped_total - counts.filtered.total()
        if lost > 0 and self._scene.operation != "unload":
            self.problems.append(f"{lost} events of {counts.accepted} were lost")

    def _check_connection(self, engine: Engine, serving: str | None) -> None:
        if self._scene.more is not _CONNECTED:
            return
        has = engine.plugin("counter").context.connections
        if has != {"one": self._connection} or self._connection.closed:
            self.problems.append(f"connections: {has}, closed {self._connection.closed} times")

    def _check_next(self, engine: Engine) -> None:
        self._write("counter", "3.0")
        outcome: Outcome | None
        if "counter" in engine.names:
            outcome = self._until_done(lambda: engine.reload("counter"))
        else:
            outcome = self._until_done(lambda: engine.load(self._path("counter")))
        if not isinstance(outcome, (Swapped, Loaded)):
            self.problems.append(f"the next is {outcome.describe() if outcome else outcome}")
            return
        found = self._until_done(lambda: engine.call("?", plugin="counter"))
        if not found or found[0][0] != "3.0":
            self.problems.append(f"after the next {found} serves")

    def _check_left(self) -> None:
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._until_done(lambda: asyncio.wait(left, timeout=1.0))
            names = ", ".join(sorted(task.get_name() for task in left))
            self.problems.append(f"tasks left after the close: {names}")
        modules = [name for name in sys.modules if "@g" in name]
        if modules:
            self.problems.append(f"modules left after the close: {modules}")
        for name in modules:
            del sys.modules[name]

    # The plugins' files

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.py"

    def _write(
        self, name: str, version: str, *, needs: list[str] | None = None, fails: str = ""
    ) -> None:
        scene, counts = self._scene, name == "counter"
        places = dict.fromkeys(("head", "construct", "start", "restore", "on_reload"), "pass")
        if fails in places:
            places[fails] = FAILS
        if fails == "waits":
            places["start"] = "await probe.waiting(200)"
        source = _PLUGIN.format(
            name=name,
            version=version,
            needs=needs or [],
            policy=scene.policy if counts else "blue-green",
            healthy=fails != "healthy",
            capture="probe.emits(self.context.engine)" if counts else "pass",
            write=scene.writes,
            **places,
        )
        if counts:
            source += scene.more
        if fails == "syntax":
            source += "\n    def broken(:\n"
        self._path(name).write_text(source)

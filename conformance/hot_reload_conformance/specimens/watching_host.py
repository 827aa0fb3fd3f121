"""A correct host that watches: it polls the bytes of its plugins, and takes no events.

The package host with a loop beside it. In each turn it reads every plugin on disk and
compares with what was last seen, asks whether the plugin has come to rest, and whether it
may start now; each of these is a step of its own, which a specimen overrides. A reload
that somebody asks for while one runs joins the one follow-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from hot_reload_conformance.adapter import Claim, PluginSpec, Ports
from hot_reload_conformance.dialect import package_files
from hot_reload_conformance.pace import Pace
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenHost,
    Generation,
    HostError,
    render_class,
)
from hot_reload_conformance.specimens.package_host import PackageAdapter, PackageHost

PACE = Pace(
    quiet_seconds=0.2,
    max_wait_seconds=1.5,
    notice_seconds=0.05,
    converge_seconds=5.0,
    delete_grace_seconds=0.6,
    unloads_deleted=True,
    limit=8,
    window_seconds=30.0,
    cooldown_seconds=1.0,
    tries=4,
    retry_seconds=0.5,
)
EXCLUDED_PREFIXES = ("test_", ".", "_", "#")
EXCLUDED_NAMES = ("conftest.py", "tests")


@dataclass(frozen=True, slots=True)
class Print:
    """What is on disk of one plugin, as hashes: "" where there is nothing."""

    source: str
    inputs: str = ""


GONE = Print("")


@dataclass(slots=True)
class Entry:
    """What the watch knows of one plugin."""

    seen: Print = GONE
    applied: Print = GONE
    """What was brought to run, or was found wanting."""
    changed_at: float = 0.0
    waits_since: float | None = None
    """When the first change was seen that nobody has dealt with."""
    not_before: float = 0.0
    tries: int = 0
    busy: bool = False
    began: deque[float] = field(default_factory=lambda: deque(maxlen=64))


class WatchingHost(PackageHost):
    """Times are those of the clock that it was given; all on the loop's thread."""

    pace: ClassVar[Pace] = PACE

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.entries: dict[str, Entry] = {}
        self.read_as: dict[str, Print] = {}
        self.made_of: dict[str, Print] = {}
        self.wanted: dict[str, str] = {}
        self.following: dict[str, asyncio.Task[list[str]]] = {}
        self.tasks: set[asyncio.Task[Any]] = set()
        self.stopped = True
        self.watching = True
        self.callbacks: list[Any] = []

    # The loop

    async def start_watch(self, directory: Path) -> None:
        self.stopped = False
        self.spawn(self.turns())

    async def stop_watch(self) -> None:
        self.stopped = True
        tasks = [each for each in self.tasks if each is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self.entries.clear()

    async def enable_watch(self) -> None:
        self.watching = True

    async def disable_watch(self) -> None:
        self.watching = False

    async def turns(self) -> None:
        while not self.stopped:
            try:
                self.turn(self.now())
            except Exception as error:
                self.survived(error)
            await self.sleep(self.pause(self.now()))

    def pause(self, now: float) -> float:
        """To the next turn; short where something is overdue, for two looks at it."""
        overdue = any(
            each.waits_since is not None and self.overdue(each, now)
            for each in self.entries.values()
        )
        return self.pace.notice_seconds / 5 if overdue else self.pace.notice_seconds

    def survived(self, error: Exception) -> None:
        """One bad turn does not end the watch."""

    def turn(self, now: float) -> None:
        for name in sorted({*self.on_disk(), *self.entries, *self.live}):
            self.look(name, now)
        for name, entry in sorted(self.entries.items()):
            if not entry.busy and self.has_work(name, entry) and self.at_rest(entry, now):
                if not self.may_start(name, entry, now):
                    continue
                self.begin(name, entry, now)

    # What is on disk

    def on_disk(self) -> list[str]:
        found = []
        for path in self.root.iterdir():
            if self.admits(path):
                found.append(path.stem)
        return found

    def admits(self, path: Path) -> bool:
        """Whether ``path`` is a plugin: by its whole name."""
        name = path.name
        if name.startswith(EXCLUDED_PREFIXES) or name in EXCLUDED_NAMES:
            return False
        if path.is_dir():
            return (path / "__init__.py").is_file()
        return path.suffix == ".py" and not name.endswith("_test.py")

    def print_of(self, name: str) -> Print:
        try:
            source = self.source_print(self.files_of(name))
        except OSError:
            return GONE
        return Print(source, self.inputs_print(name))

    def files_of(self, name: str) -> dict[str, bytes]:
        package = self.root / name
        paths = sorted(package.glob("*.py")) if package.is_dir() else [self.root / f"{name}.py"]
        if any(path.exists() and not path.is_file() for path in paths):
            return {"": b"no regular file"}
        return {path.name: path.read_bytes() for path in paths}

    def source_print(self, files: Mapping[str, bytes]) -> str:
        if not files:
            return ""
        found = hashlib.sha256()
        for name, data in sorted(files.items()):
            found.update(f"{name} {len(data)} ".encode(errors="surrogateescape") + data)
        return found.hexdigest()

    def inputs_print(self, name: str) -> str:
        generation = self.live.get(name)
        inputs = getattr(generation.plugin, "inputs", ()) if generation else ()
        found = hashlib.sha256()
        for each in inputs:
            path = self.root / each
            found.update(path.read_bytes() if path.is_file() else b"gone")
        return found.hexdigest() if inputs else ""

    def look(self, name: str, now: float) -> None:
        found = self.print_of(name)
        entry = self.entries.get(name)
        if entry is None:
            if name not in self.live and not self.discovers(name):
                return
            entry = self.entries[name] = Entry()
            if name in self.live:  # the host has loaded it: what it read then is applied
                entry.seen = entry.applied = self.made_of[name]
        if found != entry.seen:
            self.changed(entry, found, now)
        elif entry.waits_since is None and found != entry.applied and not entry.busy:
            entry.waits_since = now  # it changed while it was being loaded

    def discovers(self, name: str) -> bool:
        return True

    def changed(self, entry: Entry, found: Print, now: float) -> None:
        entry.seen, entry.changed_at, entry.tries, entry.not_before = found, now, 0, 0.0
        if entry.waits_since is None:
            entry.waits_since = now

    # The decision

    def has_work(self, name: str, entry: Entry) -> bool:
        if entry.waits_since is None:
            return False
        if entry.seen == entry.applied or entry.seen == self.running_print(name):
            entry.applied, entry.waits_since = entry.seen, None  # back to what runs
            return False
        return True

    def running_print(self, name: str) -> Print | None:
        return self.made_of.get(name) if name in self.live else None

    def at_rest(self, entry: Entry, now: float) -> bool:
        if entry.seen == GONE:
            return now >= entry.changed_at + self.pace.delete_grace_seconds
        return self.quiet(entry, now) or self.waited_too_long(entry, now)

    def quiet(self, entry: Entry, now: float) -> bool:
        # One glance more: what changed right after the last one is seen by the next.
        return now >= entry.changed_at + self.pace.quiet_seconds + self.pace.notice_seconds

    def waited_too_long(self, entry: Entry, now: float) -> bool:
        """It has, and two looks gave the same bytes."""
        return self.overdue(entry, now) and now > entry.changed_at

    def overdue(self, entry: Entry, now: float) -> bool:
        assert entry.waits_since is not None
        return now >= entry.waits_since + self.pace.max_wait_seconds - self.pace.quiet_seconds

    def may_start(self, name: str, entry: Entry, now: float) -> bool:
        free = name not in self.busy and now >= self.free_at(entry)
        return free and self.watching and not self.stopped

    def free_at(self, entry: Entry) -> float:
        """When the limits allow another automatic operation."""
        moments = [entry.not_before]
        if entry.began and not entry.tries:
            moments.append(entry.began[-1] + self.pace.cooldown_seconds)
        if self.pace.limit and len(entry.began) >= self.pace.limit:
            moments.append(entry.began[-self.pace.limit] + self.pace.window_seconds)
        return max(moments)

    # The operation

    def begin(self, name: str, entry: Entry, now: float) -> None:
        entry.busy, entry.waits_since = True, None
        entry.began.append(now)
        self.spawn(self.apply(name, entry, entry.seen))

    async def apply(self, name: str, entry: Entry, target: Print) -> None:
        self.wanted[name] = target.source
        try:
            if target == GONE:
                await self.deleted(name)
            elif name in self.live:
                await super().reload(name)
            else:
                await self.load(name)
            self.succeeded(name, entry, target)
        except HostError as error:
            self.failed_at(name, entry, target, error)
        finally:
            entry.busy = False
            self.wanted.pop(name, None)

    async def deleted(self, name: str) -> None:
        if name in self.live:
            await self.unload(name)
        self.forget_entry(name)

    def forget_entry(self, name: str) -> None:
        self.entries.pop(name, None)

    def succeeded(self, name: str, entry: Entry, target: Print) -> None:
        entry.tries = 0
        if target != GONE:
            entry.applied = self.made_of[name]
        self.tell_callbacks()

    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        self.tell_callbacks()
        if "changed meanwhile" in str(error):
            entry.waits_since = self.now()
            return
        entry.tries += 1
        if self.transient(error) and entry.tries < self.pace.tries:
            entry.not_before = self.now() + self.delay(entry.tries)
            entry.waits_since = self.now()
            return
        entry.applied = target

    def transient(self, error: HostError) -> bool:
        """Whether it may pass by itself: not what stands in the text of the plugin."""
        permanent = ("read", "syntax", "plugin", "metadata")
        return not any(f"failed at {stage}" in str(error) for stage in permanent)

    def delay(self, tries: int) -> float:
        return self.pace.retry_seconds * 2.0 ** (tries - 1)

    def tell_callbacks(self) -> None:
        for callback in self.callbacks:
            with contextlib.suppress(Exception):
                callback()

    # What the watch asks of the operations

    async def reload(self, name: str) -> list[str]:
        """Asked for by somebody: beside one that runs there is one follow-up, for all."""
        if name not in self.busy or self.inside(name):
            return await super().reload(name)
        following = self.following.get(name)
        if following is None:
            following = self.following[name] = asyncio.ensure_future(super().reload(name))
            following.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(following)

    async def prepare(self, name: str, old: Generation | None) -> Generation:
        if self.following.get(name) is asyncio.current_task():
            del self.following[name]  # it begins: who asks from now on needs another one
        return await super().prepare(name, old)

    async def load_locked(self, name: str) -> None:
        await super().load_locked(name)
        self.note_made_of(name)

    def commit(self, name: str, new: Generation) -> None:
        super().commit(name, new)
        self.note_made_of(name)

    def note_made_of(self, name: str) -> None:
        """What runs now: the inputs as they were before it began, where they were known."""
        read = self.read_as[name]
        self.made_of[name] = read if read.inputs else Print(read.source, self.inputs_print(name))

    def read(self, name: str) -> dict[str, bytes]:
        path = self.root / f"{name}.py"
        if path.exists() and not path.is_file():
            raise HostError(f"{name!r} failed at read: {path} is no regular file")
        files = super().read(name)
        main = "__init__.py" if (self.root / name).is_dir() else f"{name}.py"
        named = {f"{part}.py" if part else main: data for part, data in files.items()}
        self.read_as[name] = Print(self.source_print(named), self.inputs_print(name))
        self.check_unmoved(name)
        return files

    def check_unmoved(self, name: str) -> None:
        """What was read is what was seen at rest."""
        source = self.read_as[name].source
        if self.wanted.get(name, source) != source:
            raise HostError(f"{name!r} failed at read: it changed meanwhile")

    # Time

    def now(self) -> float:
        return self.ports.clock.now()

    async def sleep(self, seconds: float) -> None:
        over = asyncio.Event()
        timer = self.ports.clock.call_later(seconds, over.set)
        try:
            await over.wait()
        finally:
            timer.cancel()

    def spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class WatchingAdapter(PackageAdapter):
    name = "watching-host"
    claims = PackageAdapter.claims | {
        Claim.DISCOVER,
        Claim.ENABLE_WATCH,
        Claim.INPUTS,
        Claim.RATE_LIMIT,
        Claim.RETRY,
        Claim.WATCH,
    }
    pace = PACE
    host_class: type[BlueGreenHost] = WatchingHost
    host: WatchingHost

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        text = render_class(spec)
        if spec.inputs:
            text = text.replace("    is_sink", f"    inputs = {spec.inputs!r}\n    is_sink", 1)
        return package_files(spec, text) if spec.package else {f"{spec.ref}.py": text}

    async def close(self) -> None:
        await self.host.stop_watch()
        await super().close()

    async def start_watch(self, directory: Path) -> None:
        await self.host.start_watch(directory)

    async def stop_watch(self) -> None:
        await self.host.stop_watch()

    async def enable_watch(self) -> None:
        await self.host.enable_watch()

    async def disable_watch(self) -> None:
        await self.host.disable_watch()

    async def watch_trouble(self) -> str:
        return "" if self.host.tasks else "the loop of the watch has ended"

    async def listen(self, callback: Any) -> bool:
        self.host.callbacks.append(callback)
        return True

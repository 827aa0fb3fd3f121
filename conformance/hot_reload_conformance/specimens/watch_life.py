"""Wrong hosts: watches that die, cannot be switched off, or do not end."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from hot_reload.ports import TimerHandle
from hot_reload_conformance.specimens.blue_green import Generation, HostError
from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.watching_host import (
    PACE,
    Entry,
    Print,
    WatchingAdapter,
    WatchingHost,
)

# HR-WATCH-11


class _DiesOfAFailure(WatchingHost):
    dead = False

    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        self.dead = True

    def turn(self, now: float) -> None:
        if not self.dead:
            super().turn(now)


@specimen("HR-WATCH-11", says="a reload that failed at import", bug="designs C-g and E-a")
class DiesOfAFailure(WatchingAdapter):
    name = "dies-of-a-failure"
    host_class = _DiesOfAFailure


class _DiesInItsTimer(WatchingHost):
    """Its loop is a chain of timers, each of which arms the next one at its end."""

    unhandled: HostError | None = None
    timer: TimerHandle | None = None

    async def turns(self) -> None:
        self.link()

    def link(self) -> None:
        if self.unhandled is not None:
            raise self.unhandled
        self.turn(self.now())
        self.timer = self.ports.clock.call_later(PACE.notice_seconds, self.link)

    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        self.unhandled = error

    async def stop_watch(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
        await super().stop_watch()


@specimen("HR-WATCH-11", says="a reload that failed at import", bug="it is let out of the callback")
class DiesInItsTimer(WatchingAdapter):
    name = "dies-in-its-timer"
    host_class = _DiesInItsTimer

    async def watch_trouble(self) -> str:
        return ""


class _DiesOfACallback(_DiesOfAFailure):
    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        WatchingHost.failed_at(self, name, entry, target, error)

    def tell_callbacks(self) -> None:
        try:
            for callback in self.callbacks:
                callback()
        except Exception:
            self.dead = True


@specimen("HR-WATCH-11", says="an exception in a callback", bug="callbacks without a guard")
class DiesOfACallback(WatchingAdapter):
    name = "dies-of-a-callback"
    host_class = _DiesOfACallback


class _TellsBeforeTheEnd(WatchingHost):
    """Between the commit and the end of the old one."""

    async def retire(self, old: Generation) -> list[str]:
        for callback in self.callbacks:
            callback()
        return await super().retire(old)

    def tell_callbacks(self) -> None:
        return None


@specimen("HR-WATCH-11", says="was never stopped", bug="what a listener raises skips the old stop")
class TellsBeforeTheEnd(WatchingAdapter):
    name = "callback-skips-the-old-stop"
    host_class = _TellsBeforeTheEnd


class _ReadsTexts(WatchingHost):
    """One turn for all files, and one that raises is the end of the turn, every time."""

    def files_of(self, name: str) -> dict[str, bytes]:
        files = super().files_of(name)
        return {each: data.decode().encode() for each, data in files.items()}


@specimen(
    "HR-WATCH-11",
    says="after a file that is no text beside the plugin",
    bug="UnicodeDecodeError is no OSError: one file, and no plugin behind it is looked at",
)
class ReadsTexts(WatchingAdapter):
    name = "ends-its-turn-at-bytes"
    host_class = _ReadsTexts

    async def watch_trouble(self) -> str:
        return ""


class _ExpectsGone(WatchingHost):
    """A file may be gone; that it cannot be read has not come up."""

    def print_of(self, name: str) -> Print:
        try:
            files = self.files_of(name)
        except FileNotFoundError:
            return Print("")
        return Print(self.source_print(files), self.inputs_print(name))


@specimen(
    "HR-WATCH-11",
    says="after a link beside the plugin that cannot be read",
    bug="except FileNotFoundError, where PermissionError and ELOOP come too",
)
class ExpectsGone(WatchingAdapter):
    name = "ends-its-turn-at-errors"
    host_class = _ExpectsGone

    async def watch_trouble(self) -> str:
        return ""


class _Encodes(WatchingHost):
    def on_disk(self) -> list[str]:
        return [each.encode().decode() for each in super().on_disk()]


@specimen(
    "HR-WATCH-11", says="a file name that cannot be decoded", bug="watchfiles dies of such a name"
)
class DiesOfAName(WatchingAdapter):
    name = "dies-of-an-undecodable-name"
    host_class = _Encodes


class _HoldsTheFolder(WatchingHost):
    """Looks through a descriptor of the folder that was there at first."""

    descriptor = -1

    async def start_watch(self, directory: Path) -> None:
        self.descriptor = os.open(directory, os.O_RDONLY)
        await super().start_watch(directory)

    async def stop_watch(self) -> None:
        await super().stop_watch()
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def on_disk(self) -> list[str]:
        return [Path(name).stem for name in os.listdir(self.descriptor) if self.admits(Path(name))]

    def files_of(self, name: str) -> dict[str, bytes]:
        file = os.open(f"{name}.py", os.O_RDONLY | os.O_NONBLOCK, dir_fd=self.descriptor)
        try:
            return {f"{name}.py": os.read(file, 1_000_000)}
        finally:
            os.close(file)


@specimen(
    "HR-WATCH-11", says="the watched folder was replaced", bug="an inode watch of a replaced root"
)
class HoldsTheFolder(WatchingAdapter):
    name = "replaced-root-unseen"
    host_class = _HoldsTheFolder


# HR-WATCH-12


class _Forgets(WatchingHost):
    def look(self, name: str, now: float) -> None:
        super().look(name, now)
        entry = self.entries.get(name)
        if entry is not None and not self.watching:
            entry.applied, entry.waits_since = entry.seen, None


@specimen("HR-WATCH-12", says="does not catch up", bug="what comes while it is off is thrown away")
class ForgetsWhileOff(WatchingAdapter):
    name = "forgets-while-off"
    host_class = _Forgets


class _AsksTooEarly(WatchingHost):
    """Asks the switch when a change is seen, not when its time has come."""

    def look(self, name: str, now: float) -> None:
        if self.watching:
            super().look(name, now)

    def may_start(self, name: str, entry: Entry, now: float) -> bool:
        return now >= self.free_at(entry)


@specimen("HR-WATCH-12", says="switched off, but an edit is loaded", bug="design D-j")
class PendingTimerFires(WatchingAdapter):
    name = "pending-timer-fires-when-off"
    host_class = _AsksTooEarly


# HR-WATCH-13


class _TimersOutlive(WatchingHost):
    async def stop_watch(self) -> None:
        waiting = {n: e for n, e in self.entries.items() if e.waits_since is not None}
        await super().stop_watch()
        for name, entry in waiting.items():
            self.ports.clock.call_later(
                self.pace.quiet_seconds,
                lambda name=name, entry=entry: self.spawn(self.apply(name, entry, entry.seen)),  # type: ignore[misc]
            )


@specimen("HR-WATCH-13", says="after that a reload started", bug="designs C-e and D-j")
class TimersOutliveTheStop(WatchingAdapter):
    name = "timers-outlive-the-stop"
    host_class = _TimersOutlive


class _LetsThemFinish(WatchingHost):
    async def stop_watch(self) -> None:
        going = [name for name, entry in self.entries.items() if entry.busy]
        tasks, self.tasks = self.tasks, set() if going else self.tasks
        await super().stop_watch()
        self.tasks |= tasks


@specimen("HR-WATCH-13", says="was committed after it", bug="stop forgets the reload under way")
class LetsThemFinish(WatchingAdapter):
    name = "reload-outlives-the-stop"
    host_class = _LetsThemFinish


class _ThreadLeft(WatchingHost):
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.over = threading.Event()
        self.threads: list[threading.Thread] = []

    async def start_watch(self, directory: Path) -> None:
        self.threads.append(threading.Thread(target=self.over.wait, daemon=True))
        self.threads[-1].start()
        await super().start_watch(directory)

    async def close(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()
        await super().close()


@specimen("HR-WATCH-13", says="4 more thread", bug="design C-h: observer threads are left")
class ThreadLeft(WatchingAdapter):
    name = "thread-left-after-stop"
    host_class = _ThreadLeft

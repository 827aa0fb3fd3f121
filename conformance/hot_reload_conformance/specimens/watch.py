"""Wrong hosts: edits that get lost, are taken for none, or are loaded half written."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from hot_reload_conformance.specimens.blue_green import HostError
from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.watching_host import (
    GONE,
    Entry,
    Print,
    WatchingAdapter,
    WatchingHost,
)

# HR-WATCH-01


class _MarksWhatItSeesAtTheEnd(WatchingHost):
    def succeeded(self, name: str, entry: Entry, target: Print) -> None:
        super().succeeded(name, entry, target)
        if target != GONE:
            entry.seen = entry.applied = self.made_of[name] = self.print_of(name)
            entry.waits_since = None


@specimen(
    "HR-WATCH-01",
    says="after an edit during the import of the one before",
    bug="the hash on disk after the load is taken for the loaded one",
)
class EditDuringReloadLost(WatchingAdapter):
    name = "edit-during-reload-lost"
    host_class = _MarksWhatItSeesAtTheEnd


class _BeginsWithTheDisk(WatchingHost):
    """What it sees first is the old state: what runs is not asked."""

    def look(self, name: str, now: float) -> None:
        if name not in self.entries and name in self.live:
            self.made_of[name] = self.print_of(name)
        super().look(name, now)


@specimen(
    "HR-WATCH-01",
    says="after an edit before the watch began",
    bug="a watch whose first snapshot is of the disk, and not of what runs",
)
class BeginsWithTheDisk(WatchingAdapter):
    name = "watch-begins-with-the-disk"
    host_class = _BeginsWithTheDisk


class _CooldownDrops(WatchingHost):
    def may_start(self, name: str, entry: Entry, now: float) -> bool:
        if now < self.free_at(entry):
            entry.applied, entry.waits_since = entry.seen, None
            return False
        return super().may_start(name, entry, now)


@specimen("HR-WATCH-01", says="right behind a reload", bug="design E-c: edits in a cooldown return")
class CooldownDropsTheEdit(WatchingAdapter):
    name = "cooldown-drops-the-edit"
    host_class = _CooldownDrops


class _GivesUp(WatchingHost):
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.given_up: set[str] = set()

    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        self.given_up.add(name)

    def has_work(self, name: str, entry: Entry) -> bool:
        return name not in self.given_up and super().has_work(name, entry)


@specimen(
    "HR-WATCH-01", says="after a failed reload and a good edit", bug="design C-f: failed for ever"
)
class GivesUpAfterAFailure(WatchingAdapter):
    name = "gives-up-after-a-failure"
    host_class = _GivesUp


# HR-WATCH-02


class _OneInode(WatchingHost):
    """Holds each file open, and looks at what it holds."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.descriptors: dict[str, int] = {}

    def files_of(self, name: str) -> dict[str, bytes]:
        path = self.root / f"{name}.py"
        if name not in self.descriptors:
            self.descriptors[name] = os.open(path, os.O_RDONLY)
        return {path.name: os.pread(self.descriptors[name], 1_000_000, 0)}

    async def close(self) -> None:
        for descriptor in self.descriptors.values():
            os.close(descriptor)
        await super().close()


@specimen(
    "HR-WATCH-02",
    says="in the style 'write new and rename'",
    bug="https://github.com/shouya/rss-funnel/pull/84",
)
class WatchesOneInode(WatchingAdapter):
    name = "watches-one-inode"
    host_class = _OneInode


class _ByStatus(WatchingHost):
    """Reads again only where ``differs`` says so of the status of the main file."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.looked: dict[str, tuple[os.stat_result, Print]] = {}

    def print_of(self, name: str) -> Print:
        try:
            status = os.stat(self.root / f"{name}.py")
        except OSError:
            self.looked.pop(name, None)
            return GONE
        known = self.looked.get(name)
        if known is None or self.differs(known[0], status):
            self.looked[name] = known = status, super().print_of(name)
        return known[1]

    def differs(self, before: os.stat_result, now: os.stat_result) -> bool:
        raise NotImplementedError


class _Newer(_ByStatus):
    def differs(self, before: os.stat_result, now: os.stat_result) -> bool:
        return now.st_mtime_ns > before.st_mtime_ns


@specimen("HR-WATCH-02", says="'older mtime'", bug="mitmproxy polls for newer mtimes")
class NewerOnly(WatchingAdapter):
    name = "newer-mtimes-only"
    host_class = _Newer


class _WholeSeconds(_ByStatus):
    def differs(self, before: os.stat_result, now: os.stat_result) -> bool:
        return int(now.st_mtime) != int(before.st_mtime)


@specimen(
    "HR-WATCH-02",
    says="in the same second",
    bug="https://github.com/samuelcolvin/watchfiles/issues/319",
)
class WholeSeconds(WatchingAdapter):
    name = "whole-second-mtimes"
    host_class = _WholeSeconds


class _SizeAndMtime(_ByStatus):
    def differs(self, before: os.stat_result, now: os.stat_result) -> bool:
        return (now.st_mtime_ns, now.st_size) != (before.st_mtime_ns, before.st_size)


@specimen(
    "HR-WATCH-02",
    says="'same size and mtime'",
    bug="bytecode's own test: https://github.com/python/cpython/issues/75953",
)
class SizeAndMtime(WatchingAdapter):
    name = "size-and-mtime"
    host_class = _SizeAndMtime


# HR-WATCH-03 to 06


class _AtFirstSight(WatchingHost):
    def at_rest(self, entry: Entry, now: float) -> bool:
        return entry.seen != GONE

    def free_at(self, entry: Entry) -> float:
        return entry.not_before


@specimen(
    "HR-WATCH-03",
    says="a burst within the quiet period gives one reload",
    bug="https://github.com/nuxencs/seasonpackarr/pull/246",
)
class OneReloadPerEvent(WatchingAdapter):
    name = "one-reload-per-event"
    host_class = _AtFirstSight


@specimen("HR-WATCH-06", says="half of a file ran", bug="design A-u: polling called debouncing")
class LoadsAtFirstSight(WatchingAdapter):
    name = "loads-at-first-sight"
    host_class = _AtFirstSight


class _LeadingEdge(WatchingHost):
    """The timer begins with the first change, and later ones don't move it."""

    def at_rest(self, entry: Entry, now: float) -> bool:
        since = entry.changed_at if entry.waits_since is None else entry.waits_since
        if entry.seen == GONE:
            return super().at_rest(entry, now)
        return now >= since + self.pace.quiet_seconds + self.pace.notice_seconds


@specimen("HR-WATCH-04", says="s after an edit of it", bug="debounce on the leading edge")
class LeadingEdge(WatchingAdapter):
    name = "debounce-on-the-leading-edge"
    host_class = _LeadingEdge


@specimen("HR-WATCH-06", says="half of a file ran", bug="waiting for a cooldown counted as quiet")
class CooldownCountsAsQuiet(WatchingAdapter):
    name = "cooldown-counts-as-quiet"
    host_class = _LeadingEdge


class _WallClock(WatchingHost):
    def now(self) -> float:
        return time.time()


@specimen("HR-WATCH-04", says="with the system's clock set", bug="design C-i")
class WallClock(WatchingAdapter):
    name = "quiet-period-on-the-wall-clock"
    host_class = _WallClock


class _Bypass(WatchingHost):
    def at_rest(self, entry: Entry, now: float) -> bool:
        others = any(each.busy for each in self.entries.values())
        return (others and entry.seen != GONE) or super().at_rest(entry, now)


@specimen(
    "HR-WATCH-04",
    says="while another plugin was reloaded",
    bug="design C-d: what comes during a reload is loaded at once",
)
class DebounceBypassed(WatchingAdapter):
    name = "debounce-bypassed-while-busy"
    host_class = _Bypass


class _NoMaxWait(WatchingHost):
    def waited_too_long(self, entry: Entry, now: float) -> bool:
        return False


@specimen("HR-WATCH-05", says="no reload came within the longest wait", bug="design C-c")
class NoMaxWait(WatchingAdapter):
    name = "no-longest-wait"
    host_class = _NoMaxWait


# HR-WATCH-09, 10, 14


class _NeverDiscovers(WatchingHost):
    def discovers(self, name: str) -> bool:
        return False


@specimen("HR-WATCH-09", says="a new plugin in the watched folder", bug="design C-b")
class NeverDiscovers(WatchingAdapter):
    name = "never-discovers"
    host_class = _NeverDiscovers


class _SeenAlready(WatchingHost):
    """Loads nothing twice that it has loaded once."""

    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.ever: set[str] = set()

    def succeeded(self, name: str, entry: Entry, target: Print) -> None:
        self.ever.add(f"{name} {target.source}")
        super().succeeded(name, entry, target)

    def discovers(self, name: str) -> bool:
        return f"{name} {self.print_of(name).source}" not in self.ever


@specimen(
    "HR-WATCH-09",
    says="taken out and put back",
    bug="https://github.com/elastic/logstash/issues/12713",
)
class SeenAlready(WatchingAdapter):
    name = "remembers-hashes-of-the-removed"
    host_class = _SeenAlready


class _NoGrace(WatchingHost):
    def at_rest(self, entry: Entry, now: float) -> bool:
        return entry.seen == GONE or super().at_rest(entry, now)

    def free_at(self, entry: Entry) -> float:
        return 0.0 if entry.seen == GONE else super().free_at(entry)


@specimen("HR-WATCH-10", says="deleted and created again", bug="mitmproxy: a moment's absence")
class NoGrace(WatchingAdapter):
    name = "deletes-at-once"
    host_class = _NoGrace


class _KeepsDeleted(WatchingHost):
    async def deleted(self, name: str) -> None:
        self.forget_entry(name)


@specimen(
    "HR-WATCH-10",
    says="the declared policy for a deleted file",
    bug="https://github.com/deltazefiro/DeltaBot/issues/3",
)
class KeepsDeleted(WatchingAdapter):
    name = "deleted-file-ignored"
    host_class = _KeepsDeleted


class _SourceOnly(WatchingHost):
    def inputs_print(self, name: str) -> str:
        return ""


@specimen("HR-WATCH-14", says="declares as its input", bug="designs B-s and D-c")
class InputsIgnored(WatchingAdapter):
    name = "inputs-ignored"
    host_class = _SourceOnly


# HR-WATCH-07, 08


class _NoTests(WatchingHost):
    def look(self, name: str, now: float) -> None:
        if "test" not in name:
            super().look(name, now)


@specimen("HR-WATCH-07", says="latest_news.py is no test", bug="design B-g")
class SubstringExclusion(WatchingAdapter):
    name = "excludes-by-substring"
    host_class = _NoTests


class _Touchy(WatchingHost):
    def source_print(self, files: Mapping[str, bytes]) -> str:
        found = super().source_print(files)
        stamps = [str(path.stat().st_mtime_ns) for name in files for path in self.root.rglob(name)]
        return f"{found} {stamps}"


@specimen(
    "HR-WATCH-07",
    says="a new mtime without a change of bytes",
    bug="https://github.com/microsoft/tgrep/pull/152",
)
class TouchTriggers(WatchingAdapter):
    name = "touch-triggers"
    host_class = _Touchy


class _LoadsAll(WatchingHost):
    def admits(self, path: Path) -> bool:
        return path.suffix == ".py"


@specimen("HR-WATCH-07", says="a test file triggers nothing", bug="whatever ends in .py is loaded")
class LoadsTestFiles(WatchingAdapter):
    name = "loads-test-files"
    host_class = _LoadsAll


class _AnyFile(WatchingHost):
    """Whatever changes in the folder is an edit of every plugin."""

    def inputs_print(self, name: str) -> str:
        paths = sorted(path for path in self.root.rglob("*") if path.is_file())
        return str([(str(path), path.stat().st_mtime_ns) for path in paths])


@specimen("HR-WATCH-07", says="an editor's swap file", bug="events of the whole folder, unfiltered")
class AnyFileTriggers(WatchingAdapter):
    name = "any-file-triggers"
    host_class = _AnyFile


@specimen(
    "HR-WATCH-08",
    says="a host at rest reloads nothing",
    bug="https://github.com/pallets/werkzeug/issues/1333",
)
class TriggersItself(WatchingAdapter):
    name = "triggers-itself"
    host_class = _AnyFile


class _SwitchedOnAtOnce(WatchingHost):
    """What differs as the watch is switched on is loaded in the same moment."""

    async def enable_watch(self) -> None:
        await super().enable_watch()
        for name in list(self.live):
            with contextlib.suppress(HostError):
                await self.reload(name)


@specimen("HR-WATCH-04", says="as the watch was switched on", bug="a catch-up that cannot wait")
class SwitchedOnAtOnce(WatchingAdapter):
    name = "switched-on-at-once"
    host_class = _SwitchedOnAtOnce


class _OnceDeclared(WatchingHost):
    """The inputs that any version has declared are watched for good."""

    def inputs_print(self, name: str) -> str:
        generation = self.live.get(name)
        known = self.declared.setdefault(name, set())
        known.update(getattr(generation.plugin, "inputs", ()) if generation else ())
        found = hashlib.sha256()
        for each in sorted(known):
            with contextlib.suppress(OSError):
                found.update((self.root / each).read_bytes())
        return found.hexdigest() if known else ""

    @functools.cached_property
    def declared(self) -> dict[str, set[str]]:
        return {}


@specimen("HR-WATCH-14", says="does not declare any more", bug="a watch list that only grows")
class OnceDeclared(WatchingAdapter):
    name = "once-declared-always-watched"
    host_class = _OnceDeclared


class _DeletionUnguarded(WatchingHost):
    """The policy for deleted files has its own way to take a plugin out."""

    async def deleted(self, name: str) -> None:
        generation = self.live.pop(name, None)
        if generation is not None:
            await self.retire(generation)
        self.forget_entry(name)


@specimen("HR-WATCH-10", says="the file of the last sink was deleted", bug="a second way out")
class DeletionUnguarded(WatchingAdapter):
    name = "deletion-takes-last-sink"
    host_class = _DeletionUnguarded

"""WATCH: the life of a watch: it outlives troubles, can be switched off, and ends for good."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import TURNS, Hold, turns
from hot_reload_conformance.bench.leftovers import census, grown, only_new_objects
from hot_reload_conformance.bench.watching import ALPHA, Watching, manual_ports
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, failing, held, version
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedExit, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.hints import ScriptedHints

Doing: TypeAlias = Callable[[Watching], Awaitable[None]]
Act: TypeAlias = Callable[[Watching], None]

# HR-WATCH-11


async def _failing_import(watching: Watching) -> None:
    failing(watching, version(2), times=100)
    watching.save(version(2))


async def _exit(watching: Watching) -> None:
    action = raising(PlannedExit, "the plugin calls sys.exit()")
    watching.case.recording.plan("import", action, version="v02", times=100)
    watching.save(version(2))


async def _failing_start(watching: Watching) -> None:
    failing(watching, version(2), what="start", times=100)
    watching.save(version(2))


async def _syntax_error(watching: Watching) -> None:
    watching.put(watching.path(ALPHA), b"def broken(:\n")
    watching.noted(ALPHA.name, "save a syntax error")


async def _no_text(watching: Watching) -> None:
    watching.put(watching.path(ALPHA), b"\xff\xfe\x00 no text at all\n")
    watching.noted(ALPHA.name, "save bytes that are no text")


async def _callback(watching: Watching) -> None:
    called = 0

    def callback() -> None:
        nonlocal called
        called += 1
        raise RuntimeError("raised by a callback of the kit")

    if not await watching.case.guarded(watching.case.adapter.listen(callback), "listen"):
        raise NotClaimed("a callback that raises: add listen() to the adapter")
    watching.save(version(2))
    await watching.settle()
    if not called:
        raise CannotJudge("the callback that the adapter's listen() took was never called")


async def _undecodable(watching: Watching) -> None:
    path = os.fsencode(watching.case.workdir) + b"/caf\xe9.py"
    try:
        Path(os.fsdecode(path)).write_bytes(b"# no plugin at all\n")
    except OSError as error:
        raise CannotJudge(f"this file system takes no such name: {error}") from None
    watching.hint(watching.case.workdir)


async def _fifo(watching: Watching) -> None:
    os.mkfifo(watching.case.workdir / "pipe.py")
    watching.hint(watching.case.workdir / "pipe.py")


async def _dangling(watching: Watching) -> None:
    (watching.case.workdir / "dangling.py").symlink_to("nowhere.py")
    watching.hint(watching.case.workdir / "dangling.py")


async def _no_text_beside(watching: Watching) -> None:
    path = watching.case.workdir / "a_first.py"  # before the plugin in the alphabet, and stays
    path.write_bytes(b"\xff\xfe\x00 no text at all\n")
    watching.hint(path)


async def _link_to_itself(watching: Watching) -> None:
    path = watching.case.workdir / "a_first.py"
    path.symlink_to(path.name)
    watching.hint(path)


async def _folder_of_that_name(watching: Watching) -> None:
    path = watching.path(ALPHA)
    path.unlink()
    path.mkdir()
    watching.hint(path)
    await watching.settle()
    path.rmdir()


async def _replaced_root(watching: Watching) -> None:
    root = watching.case.workdir
    old = root.with_name(f"{root.name}.old")
    root.rename(old)
    shutil.copytree(old, root)
    shutil.rmtree(old)


async def _root_away(watching: Watching) -> None:
    root = watching.case.workdir
    away = root.with_name(f"{root.name}.away")
    root.rename(away)
    try:
        await watching.settle()
    finally:
        away.rename(root)


async def _events_end(watching: Watching) -> None:
    hints = watching.case.ports.hints
    if not isinstance(hints, ScriptedHints) or not hints.opened:
        raise NotClaimed("the system's events: take ports.hints where the kit's clock is taken")
    hints.refuse(OSError("the limit of watches is reached"))
    hints.fail(OSError("the queue of events overflowed"))
    await watching.settle()


TROUBLES: dict[str, tuple[str, Doing]] = {
    "failing-import": ("a reload that failed at import", _failing_import),
    "exit": ("a plugin that called sys.exit() at import", _exit),
    "failing-start": ("a reload that failed at start", _failing_start),
    "syntax-error": ("a syntax error", _syntax_error),
    "no-text": ("a file that is no text", _no_text),
    "callback": ("an exception in a callback", _callback),
    "undecodable-name": ("a file name that cannot be decoded", _undecodable),
    "pipe": ("a pipe with the name of a plugin", _fifo),
    "dangling-link": ("a link that points nowhere", _dangling),
    "no-text-beside": ("a file that is no text beside the plugin", _no_text_beside),
    "link-to-itself": ("a link beside the plugin that cannot be read", _link_to_itself),
    "folder": ("a folder in place of the file for a while", _folder_of_that_name),
    "replaced-root": ("the watched folder was replaced", _replaced_root),
    "root-away": ("the watched folder was away for a while", _root_away),
    "events-end": ("the end of the system's events", _events_end),
}


def _troubles(adapter: type[HostAdapter]) -> Sequence[Variant]:
    hooks = Claim.HOOKS in adapter.claims
    return [Variant(k, each) for k, each in TROUBLES.items() if hooks or k != "failing-start"]


@check(
    "HR-WATCH-11",
    variants=_troubles,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def survives(case: Case, what: tuple[str, Doing]) -> None:
    text, do = what
    watching = Watching(case)
    await watching.serving(version(1))
    await do(watching)
    case.tell(text)
    await watching.settle()
    await watching.settle()
    if watching.path(ALPHA).is_dir():
        raise CannotJudge("the plugin's file could not be put back")
    watching.save(version(3))
    await watching.settle()
    seen = await case.replies()
    if seen == ["v03"]:
        _expect_the_old_stopped(case, text)
        return
    trouble = await case.guarded(case.adapter.watch_trouble(), "watch_trouble")
    case.expect(
        bool(trouble),
        f"after {text} the watch sees no edit any more, and nothing says that it is dead",
        expected="the next edit is loaded, or health says why not",
        seen=f"{seen} serves",
    )
    case.tell("watch_trouble", seen=trouble)


def _expect_the_old_stopped(case: Case, text: str) -> None:
    """Who survives by skipping what came behind the commit leaves old generations running."""
    moments = case.recording.moments
    if Claim.HOOKS not in case.claims or "old stop" not in case.adapter.hook_order:
        return  # nothing is seen of their ends
    stopped = {m.serial for m in moments if m.what == "stop"}
    started = [m for m in moments if (m.what, m.phase) == ("start", "end")]
    left = sorted({m.version for m in started if m.serial not in stopped} - {"v03"})
    case.expect(
        not left,
        f"after {text} the next edit is loaded, but the old {', '.join(left)}, which had started, "
        "was never stopped",
        expected="stop of each generation that does not serve any more",
        seen=[str(m) for m in moments if m.what in ("start", "stop")],
    )


# HR-WATCH-12


async def _edit_while_off(watching: Watching) -> None:
    await watching.disable()
    watching.save(version(2))
    await _nothing_happens(watching)
    await watching.enable()
    await _caught_up(watching, "v02")


async def _off_while_it_waits(watching: Watching) -> None:
    """Switched off in the quiet period: the timer that was pending must not fire."""
    watching.save(version(2))
    await watching.run(watching.pace.quiet_seconds / 2)
    if watching.runs:
        raise CannotJudge("the reload came before the watch could be switched off")
    await watching.disable()
    await _nothing_happens(watching)
    await watching.enable()
    await _caught_up(watching, "v02")


async def _several_while_off(watching: Watching) -> None:
    await watching.disable()
    for number in (2, 3, 4):
        watching.save(version(number), told=number != 4)
        await watching.settle()
    await _nothing_happens(watching)
    await watching.enable()
    await _caught_up(watching, "v04")
    watching.expect_runs(1, "three edits that were made while the watch was off give one reload")


async def _there_and_back_while_off(watching: Watching) -> None:
    await watching.disable()
    for number in (2, 1):
        watching.save(version(number))
        await watching.settle()
    await watching.enable()
    await _caught_up(watching, "v01")
    watching.expect_runs(0, "what was taken back while the watch was off needs no reload")


async def _off_and_on_and_off(watching: Watching) -> None:
    for number in (2, 3):
        await watching.disable()
        watching.save(version(number))
        await watching.settle()
        await watching.enable()
        await _caught_up(watching, f"v{number:02}")
    await watching.disable()
    watching.runs.clear()
    watching.save(version(4))
    await _nothing_happens(watching)


async def _nothing_happens(watching: Watching) -> None:
    before = len(watching.runs)
    await watching.settle()
    await watching.settle()
    watching.case.expect(
        len(watching.runs) == before,
        "the watch is switched off, but an edit is loaded all the same",
        expected="no reload",
        seen=str(watching.runs[-1]) if watching.runs else "",
    )


async def _caught_up(watching: Watching, last: str) -> None:
    await watching.settle()
    await watching.expect_serving(
        last, "switched on again, the watch does not catch up with what was edited meanwhile"
    )


SWITCHES: dict[str, Doing] = {
    "edit-while-off": _edit_while_off,
    "off-while-it-waits": _off_while_it_waits,
    "several-while-off": _several_while_off,
    "there-and-back-while-off": _there_and_back_while_off,
    "off-and-on-and-off": _off_and_on_and_off,
}


@check(
    "HR-WATCH-12",
    variants=[Variant(*each) for each in SWITCHES.items()],
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def switch(case: Case, do: Doing) -> None:
    watching = Watching(case)
    await watching.serving(version(1))
    await do(watching)


# HR-WATCH-13


async def _at_rest(watching: Watching) -> None:
    await watching.stop()


async def _pending(watching: Watching) -> None:
    watching.save(version(2))
    await watching.run(watching.pace.quiet_seconds / 2)
    await watching.stop()


async def _noticed(watching: Watching) -> None:
    """Stopped when a poll has seen the edit, and its quiet period is not over."""
    watching.save(version(2), told=False)
    await watching.run(watching.pace.notice_seconds + watching.pace.quiet_seconds * 0.5)
    await watching.stop()


async def _in_cooldown(watching: Watching) -> None:
    watching.save(version(2))
    await watching.run(watching.pace.notice_seconds + 3 * watching.pace.quiet_seconds)
    watching.save(version(3))
    await watching.run(watching.pace.notice_seconds)
    await watching.stop()


async def _in_a_hook(watching: Watching) -> None:
    """Stopped in mid-reload: that ends, one way or the other, and nothing comes after it."""
    hold = Hold()
    watching.case.recording.plan("start", hold, plugin=ALPHA.name, version="v02")
    watching.save(version(2))
    await watching.settle()
    held(watching, hold)
    watching.save(version(3))
    await watching.run(watching.pace.quiet_seconds)
    hold.open()
    await watching.stop()


async def _stays_in_a_hook(watching: Watching) -> None:
    """A reload that stands in start while the watch is stopped is over when that returns."""
    hold = Hold()
    watching.case.recording.plan("start", hold, plugin=ALPHA.name, version="v02")
    watching.save(version(2))
    await watching.settle()
    held(watching, hold)
    stopping = asyncio.ensure_future(watching.case.adapter.stop_watch())
    try:
        await turns(5 * TURNS)  # no time passes: deadlines are another matter
        returned = stopping.done()
        before = await watching.case.replies() if returned else []
    finally:
        hold.open()
    await watching.driven(stopping, "stop_watch")
    if returned:
        await watching.settle()
        after = await watching.case.replies()
        watching.case.expect(
            after == before,
            "stop_watch() returned while a reload still stood in start, and that was committed "
            "after it: cancel it and await its end, or wait for it",
            expected=before,
            seen=after,
        )


async def _with_new_plugin(watching: Watching) -> None:
    watching.save(PluginSpec(name="beta"))
    await watching.run(watching.pace.quiet_seconds / 2)
    await watching.stop()


STOPS: dict[str, tuple[str, Doing]] = {
    "at-rest": ("at rest", _at_rest),
    "edit-pending": ("in the quiet period of an edit", _pending),
    "edit-noticed": ("in the quiet period of an edit that was polled", _noticed),
    "in-the-cooldown": ("while an edit waited for the cooldown", _in_cooldown),
    "in-a-hook": ("in the middle of a reload", _in_a_hook),
    "staying-in-a-hook": ("while a reload stood in start", _stays_in_a_hook),
    "new-plugin-pending": ("while a new plugin waited", _with_new_plugin),
}


def _stops(adapter: type[HostAdapter]) -> Sequence[Variant]:
    hooks = Claim.HOOKS in adapter.claims
    found = [Variant(k, each) for k, each in STOPS.items() if hooks or not k.endswith("in-a-hook")]
    return [*found, Variant("often", None)]


@check(
    "HR-WATCH-13",
    variants=_stops,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def stop_is_final(case: Case, what: tuple[str, Doing] | None) -> None:
    watching = Watching(case)
    if what is None:
        await _often(watching)
        return
    text, do = what
    await watching.serving(version(1))
    await do(watching)
    before = len(watching.runs)
    for number in (5, 6):
        await watching.settle()
        watching.save(version(number))
    await watching.settle()
    await watching.settle()
    more = watching.runs[before:]
    case.expect(
        not more,
        f"the watch was stopped {text}, and after that a reload started",
        expected="no reload after stop_watch() returned",
        seen=", ".join(map(str, more)),
    )
    seen = await case.replies()
    case.expect(
        len(seen) == 1,
        f"the watch was stopped {text}, and the plugin does not serve any more",
        expected="one handler",
        seen=seen,
    )


OFTEN = 4


async def _often(watching: Watching) -> None:
    """Started and stopped again and again; twice before the first count, which fills caches."""
    case = watching.case
    await case.loaded(version(1))
    with only_new_objects():
        for number in range(2, OFTEN + 4):
            await watching.start()
            watching.save(version(number))
            await watching.settle()
            watching.save(version(number + 40))
            await watching.run(watching.pace.quiet_seconds / 2)
            await watching.stop()
            if number == 3:
                before = await census()
                timers = watching.clock.pending if watching.clock else 0
        more = grown(before, await census(), rounds=OFTEN)
    pending = watching.clock.pending - timers if watching.clock else 0
    if pending >= OFTEN:
        more.append(f"{pending} more timers")
    case.expect(
        not more,
        f"starting and stopping the watch {OFTEN} times left behind each time: {'; '.join(more)}",
        expected="nothing left of a watch that was stopped",
        seen="; ".join(more),
    )

"""WATCH-11: a watch outlives whatever happens to the files, the plugins and the system's events."""

from __future__ import annotations

import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.watching import ALPHA, Watching, manual_ports
from hot_reload_conformance.check import Variant, check
from hot_reload_conformance.checks.watch import DEADLINE_SECONDS, failing, version
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.planned import PlannedExit, raising
from hot_reload_conformance.verdict import CannotJudge, NotClaimed
from hot_reload_fixtures.hints import ScriptedHints

Doing: TypeAlias = Callable[[Watching], Awaitable[None]]


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


@dataclass(frozen=True)
class Setback:
    """``text`` says what the watch has to outlive, and follows "after"."""

    text: str
    do: Doing
    of_start: bool = False
    """A plugin's start raises: for hosts that claim hooks."""


SETBACKS: dict[str, Setback] = {
    "failing-import": Setback("a reload that failed at import", _failing_import),
    "exit": Setback("a plugin that called sys.exit() at import", _exit),
    "failing-start": Setback("a reload that failed at start", _failing_start, of_start=True),
    "syntax-error": Setback("a syntax error", _syntax_error),
    "no-text": Setback("a file that is no text", _no_text),
    "callback": Setback("an exception in a callback", _callback),
    "undecodable-name": Setback("a file name that cannot be decoded", _undecodable),
    "pipe": Setback("a pipe with the name of a plugin", _fifo),
    "dangling-link": Setback("a link that points nowhere", _dangling),
    "no-text-beside": Setback("a file that is no text beside the plugin", _no_text_beside),
    "link-to-itself": Setback("a link beside the plugin that cannot be read", _link_to_itself),
    "folder": Setback("a folder in place of the file for a while", _folder_of_that_name),
    "replaced-root": Setback("the watched folder was replaced", _replaced_root),
    "root-away": Setback("the watched folder was away for a while", _root_away),
    "events-end": Setback("the end of the system's events", _events_end),
}


def _setbacks(adapter: type[HostAdapter]) -> Sequence[Variant]:
    hooks = Claim.HOOKS in adapter.claims
    return [Variant(k, each) for k, each in SETBACKS.items() if hooks or not each.of_start]


@check(
    "HR-WATCH-11",
    variants=_setbacks,
    ports=manual_ports,
    deadline_seconds=DEADLINE_SECONDS,
    also=(Kind.REAL,),
)
async def survives(case: Case, setback: Setback) -> None:
    text = setback.text
    watching = Watching(case)
    await watching.serving(version(1))
    await setback.do(watching)
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
    told = await case.guarded(case.adapter.watch_trouble(), "watch_trouble")
    case.expect(
        bool(told),
        f"after {text} the watch sees no edit any more, and nothing says that it is dead",
        expected="the next edit is loaded, or health says why not",
        seen=f"{seen} serves",
    )
    case.tell("watch_trouble", seen=told)


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

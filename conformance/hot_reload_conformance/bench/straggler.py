"""Stragglers: threads that a subject left behind, and that would keep this process from ending.

At its end Python waits for every thread that is no daemon, and a pool for each of its workers. One
that stands in a lock which nobody lets go of holds a run up for good, after its last line: whoever
waits for it learns neither why nor what came of it.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TextIO

from hot_reload_conformance.bench.containment import still_running
from hot_reload_conformance.bench.stall import frames_of, own_of

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Straggler:
    """A thread that goes on when all is over."""

    thread: threading.Thread
    where: str
    """The line that it stands in: the innermost that is neither Python's own nor the kit's."""

    def __str__(self) -> str:
        return f"{self.thread.name!r} at {self.where}"


@dataclass(slots=True)
class Stragglers:
    """The threads that come after this was made."""

    _before: frozenset[threading.Thread] = field(
        default_factory=lambda: frozenset(threading.enumerate())
    )

    def found(self) -> list[Straggler]:
        """Those that have not ended, though they were given half a second, and are no daemons.

        One that runs nothing but Python's own code or a test runner's is none of a subject's.
        """
        came = {
            each
            for each in threading.enumerate()
            if each not in self._before and not each.daemon and each is not threading.main_thread()
        }
        frames = sys._current_frames()
        places = [
            (each, own_of(frames_of(frames.get(each.ident or 0), None)))
            for each in (still_running(came) if came else ())
        ]
        return [
            Straggler(each, f"{own[-1]}{f': {own[-1].text}' if own[-1].text else ''}")
            for each, own in sorted(places, key=lambda pair: pair[0].name)
            if own
        ]

    def let_go(self) -> list[Straggler]:
        """Have the process end without those that are still there; they, as they were found."""
        found = self.found()
        for each in found:
            _not_waited_for(each.thread)
        return found


def told(found: list[Straggler]) -> str:
    """What is said of them; "": there are none."""
    if not found:
        return ""
    count = "a thread" if len(found) == 1 else f"{len(found)} threads"
    lines = [
        f"hot-reload: {count} of what was judged never ended, and would have kept this process "
        "from its end, as it would a program's. It was not waited for:",
    ]
    alike = Counter(map(str, found)).most_common()
    lines += [f"  {f'{times} times ' if times > 1 else ''}{each}" for each, times in alike[:SHOWN]]
    if len(alike) > SHOWN:
        lines.append(f"  and {sum(times for _, times in alike[SHOWN:])} more")
    return "\n".join(lines)


@contextlib.contextmanager
def none_waited_for(output: TextIO | None = None) -> Iterator[None]:
    """Tell at the end of the block, on ``output`` (None: the standard error), which threads of it
    go on, and have the process end without them."""
    stragglers = Stragglers()
    try:
        yield
    finally:
        words = told(stragglers.let_go())
        if words:
            print(words, file=output or sys.__stderr__)


_left: set[threading.Thread] = set()


def _not_waited_for(thread: threading.Thread) -> None:
    """Make ``thread`` one that Python does not join at its end; which it has no public way for.

    A version that keeps its books otherwise still waits: what was told says for what.
    """
    _left.add(thread)
    books: Any = threading
    pools = sys.modules.get("concurrent.futures.thread")
    getattr(pools, "_threads_queues", {}).pop(thread, None)
    if hasattr(books, "_thread_shutdown"):  # Python 3.13 and later
        books._thread_shutdown = _join_the_others
    elif hasattr(books, "_shutdown_locks"):
        with books._shutdown_locks_lock:
            books._shutdown_locks.discard(getattr(thread, "_tstate_lock", None))


def _join_the_others() -> None:
    """What Python does at its end, but for those that are left."""
    for each in threading.enumerate():
        if not each.daemon and each is not threading.main_thread() and each not in _left:
            each.join()

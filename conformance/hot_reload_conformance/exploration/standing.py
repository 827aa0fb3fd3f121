"""A case that stands between calls: for state machines, which are no coroutines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.bench.alarm import Alarm, Overdue, alarm
from hot_reload_conformance.bench.case import Budget, Case
from hot_reload_conformance.bench.isolation import (
    PLANNED,
    folder,
    own_loop,
    recording_installed,
    user_interrupts,
)
from hot_reload_conformance.bench.runner import closed, lent, make_adapter, opened
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Violation

T = TypeVar("T")


class Standing:
    """An open case, and the loop that it lives on."""

    def __init__(self, case: Case, loop: asyncio.AbstractEventLoop) -> None:
        self.case = case
        self._loop = loop

    def run(self, coroutine: Coroutine[Any, Any, T], deadline_seconds: float) -> T:
        """Run ``coroutine`` on the case's loop; what it raises comes out.

        Raises:
            Violation: the host blocked its thread, or let a plugin end the loop.
        """
        watch: Alarm | None = None
        try:
            with user_interrupts(), alarm(deadline_seconds) as watch:
                return self._loop.run_until_complete(coroutine)
        except Overdue:
            stall = watch.stall if watch is not None else None
            at = f" at {stall.where}" if stall is not None and stall.own else ""
            raise Violation(
                f"the host blocked its thread beyond {deadline_seconds:g} s{at}",
                expected="control returned to the event loop",
                seen="a blocked thread",
            ) from None
        except (SystemExit, asyncio.CancelledError, *PLANNED) as error:
            kind = type(error).__bases__[0] if isinstance(error, PLANNED) else type(error)
            raise Violation(
                f"{kind.__name__}, raised by a plugin, ended the event loop",
                expected="a failed operation",
                seen=kind.__name__,
            ) from None


@contextlib.contextmanager
def standing(
    subject: HostSubject, budget: Budget, ports: Callable[[], Ports] = Ports
) -> Iterator[Standing]:
    """An open case of ``subject``; everything of it is cleared away at the end.

    Raises:
        KitError: the adapter broke.
    """
    with folder() as workdir, recording_installed() as recording, own_loop() as loop:
        recording.loop = loop
        case = Case(make_adapter(subject), recording, workdir, lent(subject, ports), budget)
        stands = Standing(case, loop)
        stands.run(opened(case), 15)
        try:
            yield stands
        finally:
            recording.unplanned()
            recording.released.set()
            stands.run(closed(case), 15)

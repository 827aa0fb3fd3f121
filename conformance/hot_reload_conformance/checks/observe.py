"""What checks look at: who answers, what one instance went through, calls at every moment."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from hot_reload_conformance import worker_thread
from hot_reload_conformance.adapter import Claim, Event
from hot_reload_conformance.bench.begin import begin_in_hook
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.probe import _drive
from hot_reload_conformance.recording import Moment
from hot_reload_conformance.verdict import Violation

SHUTDOWN: tuple[str, ...] = ("flush", "stop", "teardown")
NOT_HOOKS = frozenset({"import", "import-end", "reply", "receive"})
"""Moments that are no hook which a host calls."""

TURNS = 60
"""How many turns of the loop a check gives a host to do something that it must not do."""


async def who(case: Case) -> str:
    """The version and instance of the one that answers, ``v1#2``.

    Raises:
        Violation: none answers, or more than one.
    """
    found = await case.replies(Event("who"))
    if len(found) != 1:
        raise Violation(
            f"{'nobody answers' if not found else 'more than one instance answers'} where "
            "exactly one plugin is loaded",
            expected="one reply",
            seen=found,
        )
    return found[0]


def serial_of(answer: str) -> int:
    """The instance's number in an answer to ``who``."""
    return int(answer.rpartition("#")[2])


def hooks_of(
    moments: Sequence[Moment], *, serial: int | None = None, version: str | None = None
) -> list[str]:
    """The hooks that began, in order, of one instance or one version."""
    return [
        moment.what
        for moment in moments
        if moment.phase == "begin"
        and moment.what not in NOT_HOOKS
        and serial in (None, moment.serial)
        and version in (None, moment.version)
    ]


def answers(version: str, handlers: tuple[str, ...]) -> list[str]:
    """What a plugin's handlers answer to ``ask``."""
    return [version if each == "main" else f"{version}/{each}" for each in handlers]


async def turns(count: int = TURNS) -> None:
    """Give the loop ``count`` turns."""
    for _ in range(count):
        await asyncio.sleep(0)


def any_hook(moment: Moment) -> bool:
    """Whether ``moment`` is one of a hook, or of an import."""
    return moment.what not in ("reply", "receive")


@dataclass(slots=True)
class Calls:
    """A call from outside at every begin and end of a hook, and what each was answered.

    Made as tasks of the loop; for a host whose plugins are synchronous, from another
    thread, or, where it takes calls from its own thread alone, from inside the hook. A call
    that the host holds back until later is answered later: it counts with what it gets.
    """

    case: Case
    event: Event | None = None
    at: Callable[[Moment], bool] = any_hook
    """The moments at which a call is made."""
    answers: list[tuple[str, list[str] | BaseException]] = field(default_factory=list)
    bound: bool = False
    """Whether the host takes calls from its own thread alone, as one that keeps an SQLite
    connection does: at rest, a call from another thread raises."""
    uninvited: bool = False
    """Whether a call was made in the middle of a hook that gives nobody a turn, by a thread that
    the host has not claimed to be safe from: what it answers is true, what it changes may be
    lost. Known once calls were made."""
    _running: list[asyncio.Future[Any] | threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Calls:
        if not self._as_tasks:
            self._from_another_thread("at rest", None)
            self.bound = any(isinstance(answer, BaseException) for _, answer in self.answers)
            self._running.clear()
            self.answers.clear()
        self.case.recording.listeners.append(self._seen)
        return self

    def __exit__(self, *_: object) -> None:
        self.case.recording.listeners.remove(self._seen)

    def _seen(self, moment: Moment) -> None:
        if not self.at(moment):
            return
        recording, as_tasks = self.case.recording, self._as_tasks
        self.uninvited |= not as_tasks and Claim.THREADS not in self.case.claims
        if self.bound or as_tasks:
            self._running.append(begin_in_hook(self._call(str(moment), self.event), recording))
        else:
            self._from_another_thread(str(moment), self.event)

    @property
    def _as_tasks(self) -> bool:
        recording = self.case.recording
        return recording.asynchronous or worker_thread.foreign(recording.loop)

    def _from_another_thread(self, when: str, event: Event | None) -> None:
        thread = threading.Thread(target=lambda: _drive(self._call(when, event)), daemon=True)
        self._running.append(thread)
        thread.start()
        # A host that holds calls while it swaps answers this one when it is done.
        thread.join(0.05)

    async def _call(self, when: str, event: Event | None) -> None:
        try:
            answer: list[str] | BaseException = await self.case.adapter.call(event)
        except BaseException as error:
            answer = error
        self.answers.append((when, answer))

    async def finished(self) -> list[tuple[str, list[str] | BaseException]]:
        """All answers, once every call has come back.

        Raises:
            Violation: a call did not come back though the reload has.
        """
        for each in self._running:
            if isinstance(each, threading.Thread):
                each.join(3.0)
        tasks = [each for each in self._running if isinstance(each, asyncio.Future)]
        if tasks:
            await patiently(tasks, 3.0)
        missing = len(self._running) - len(self.answers)
        if missing:
            raise Violation(
                f"{missing} of {len(self._running)} calls made while the plugin reloaded never "
                "came back",
                expected="an answer to every call",
                seen=f"{missing} still waiting",
            )
        return self.answers


def in_background(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Run ``coroutine`` beside the check."""
    return asyncio.get_running_loop().create_task(coroutine)

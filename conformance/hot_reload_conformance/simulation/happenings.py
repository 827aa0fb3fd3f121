"""Happenings: what was done to a simulated host, and what came of it, on one scale of moments."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hot_reload_conformance.adapter import Event, Reply
from hot_reload_conformance.recording import Moment, Recording
from hot_reload_conformance.simulation.cast import SECRET
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.serial import Happened

WAITED = "reload waited"
"""The fact that a reload gave the loop a turn before it ended: only then can it be cancelled."""


@dataclass(frozen=True, slots=True)
class Written:
    """One version that came to the disk."""

    at: int
    name: str
    version: str
    good: bool


@dataclass(frozen=True, slots=True)
class Called:
    """One call of all handlers: ``replies`` None where it raised or was cancelled."""

    op: Op
    began: int
    ended: int
    replies: tuple[str, ...] | None
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Emitted:
    """One event, from when to when it was on its way into the host."""

    event: Event
    began: int
    ended: int
    accepted: bool


@dataclass(frozen=True, slots=True)
class Done:
    """One operation that has ended: ``ok`` None where its caller was cancelled."""

    op: Op
    ok: bool | None
    began: int
    ended: int
    asked: bool = False
    """Whether a plugin asked for it from inside of a hook: a host may put it off, and say so."""


class Happenings:
    """Notes of one run. One loop, no threads."""

    def __init__(self, recording: Recording, folder: str = "") -> None:
        self._folder = folder
        self._lines: list[str | Moment] = []
        """Moments among them are put into words when somebody reads them: few runs fail."""
        self._now = 0
        self._writes: list[Written] = []
        self._done: list[Done] = []
        self._asked: dict[int, Op] = {}
        """What plugins asked for and has not ended, by the moment at which it began."""
        self._faults: list[tuple[int, str]] = []
        self._sequence = 0
        self.calls: list[Called] = []
        self.accepted: list[Event] = []
        self.emitted: list[Emitted] = []
        self.given_moments = 0
        """How many moments there had been when the preparations were over."""
        self.anything_may_fail = False
        """Whether a fault was planned that any operation may meet."""
        self.asks_back = False
        """Whether a plugin was written that asks its host for a reload from inside of a hook."""
        self.waits = False
        """Whether a reload gave the loop a turn before it ended."""
        self.endless = 0
        """After how many events an operation was given up."""
        self.silent_health: list[str] = []
        """The operations of which health said that they did not run, while they ran."""
        self.health_told = False
        self.stopped_by_close = False
        """Whether plugins were stopped while the host was closed: there are hosts that don't."""
        self.last_reply = Reply(ok=True)
        self.events_before: dict[str, int] = {}
        """For each plugin that was loaded, how many events there had been by then."""
        recording.listeners.append(self._reported)

    # Noting

    def note(self, line: str) -> int:
        """Add a line to the story; gives its moment."""
        self._now += 1
        self._lines.append(line)
        return self._now

    def _reported(self, moment: Moment) -> None:
        if moment.phase != "end":
            self._now += 1
            self._lines.append(moment)

    def written(self, name: str, version: str, *, good: bool) -> None:
        self._writes.append(Written(self.note(f"write {version}"), name, version, good))

    def faulted(self, name: str, label: str) -> None:
        """An injected fault reached ``name``."""
        self._faults.append((self.note(f"    a fault is injected at {label}"), name))

    def next_event(self, producer: str = "p1") -> Event:
        self._sequence += 1
        return Event("log", SECRET, producer=producer, sequence=self._sequence)

    @contextlib.contextmanager
    def emitting(self, event: Event) -> Iterator[Callable[[object], None]]:
        """Note an event on its way; what the adapter returned is told to the block's value."""
        began = self._tick()
        answer: list[object] = []
        try:
            yield answer.append
        finally:
            accepted = bool(answer) and answer[0] is not False
            self.emitted.append(Emitted(event, began, self._tick(), accepted))
            if accepted:
                self.accepted.append(event)

    def _tick(self) -> int:
        self._now += 1
        return self._now

    @contextlib.contextmanager
    def operation(self, op: Op, *, asked: bool = False) -> Iterator[Callable[[object], None]]:
        """Note an operation; what the adapter returned is told to what the block is given.

        An exception of the host's is a failure of the operation and goes no further; a
        cancellation of the caller's goes on.
        """
        began = self.note(f"{op} begins")
        answer: list[object] = []
        cancelled = False
        if asked:
            self._asked[began] = op
        try:
            yield answer.append
            reply = Reply.of(answer[0])
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            cancelled = task is not None and task.cancelling() > 0
            reply = Reply(ok=False, message="CancelledError, though nobody cancelled it")
            if cancelled:
                self._done.append(Done(op, None, began, self.note(f"{op} ends, cancelled")))
                raise
            del error
        except Exception as error:
            reply = Reply(ok=False, message=f"{type(error).__name__}: {error}")
        finally:
            self._asked.pop(began, None)
        self.last_reply = reply
        if op.verb == "load" and reply.ok:
            self.events_before[op.name] = self._sequence
        word = "ok" if reply.ok else f"failed: {reply.message}"
        self._done.append(Done(op, reply.ok, began, self.note(f"{op} ends, {word}"), asked))

    @contextlib.contextmanager
    def calling(self, op: Op) -> Iterator[Callable[[list[str]], None]]:
        """Note a call of all handlers, in the same way."""
        began = self.note(f"{op} begins")
        answer: list[list[str]] = []
        try:
            yield answer.append
        except asyncio.CancelledError:
            ended = self.note(f"{op} ends, cancelled")
            self.calls.append(Called(op, began, ended, None, cancelled=True))
            raise
        except Exception as error:
            ended = self.note(f"{op} ends, failed: {type(error).__name__}: {error}")
            self.calls.append(Called(op, began, ended, None))
            return
        ended = self.note(f"{op} ends, {sorted(answer[0])}")
        self.calls.append(Called(op, began, ended, tuple(sorted(answer[0]))))

    # Looking

    def lines(self) -> list[str]:
        """The story, line by line."""
        # The folder is another one every time, and says nothing.
        folder = f"{self._folder}/" if self._folder else ""
        return [
            each.replace(folder, "")
            if isinstance(each, str)
            else f"    {each.version}#{each.serial} {each.what} {each.phase}s"
            for each in self._lines
        ]

    @property
    def closing(self) -> bool:
        """Whether the host was closed in the script."""
        return any(each.op.verb == "close" for each in self._done)

    def touched(self, *verbs: str) -> set[str]:
        """The plugins that operations with these verbs were about."""
        return {each.op.name for each in self._done if each.op.verb in verbs}

    def mishaps(self) -> set[str]:
        """The plugins on which an operation did not end well."""
        return {each.op.name for each in self._done if not each.ok}

    def ranks(self) -> dict[str, int]:
        """The place in the order of writing of each version that was written just once."""
        times = Counter(each.version for each in self._writes)
        return {each.version: each.at for each in self._writes if times[each.version] == 1}

    def facts(self) -> Counter[str]:
        """How often which operation ended how: ``reload failed``."""
        words = {True: "ok", False: "failed", None: "cancelled"}
        found = Counter(f"{each.op.verb} {words[each.ok]}" for each in self._done)
        for call in self.calls:
            ended = "cancelled" if call.cancelled else "failed" if call.replies is None else "ok"
            found[f"{call.op.verb} {ended}"] += 1
        found["emit ok"] += len(self.accepted)
        found[WAITED] += self.waits
        return +found

    def operated(self) -> list[Done]:
        """The operations that have ended, in the order of their ends."""
        return self._done

    def moved(self) -> set[str]:
        """The plugins on which there was more than one load, or anything else."""
        loads = Counter(each.op.name for each in self._done if each.op.verb == "load")
        return {e.op.name for e in self._done if e.op.verb != "load"} | {
            name for name, times in loads.items() if times > 1
        }

    def had(self, name: str, event: Event) -> bool:
        """Whether ``name`` was loaded before ``event`` came."""
        return name in self.events_before and event.sequence > self.events_before[name]

    def stage_before(self, name: str, sequence: int) -> bool:
        """The same of an event by its number."""
        return name in self.events_before and sequence > self.events_before[name]

    def removals(self) -> list[tuple[str, int, int]]:
        """Who was taken out for good, and from when to when that ran."""
        loads = Counter(each.op.name for each in self._done if each.op.verb == "load")
        outs = [each for each in self._done if each.op.verb == "unload" and each.ok]
        return [(e.op.name, e.began, e.ended) for e in outs if loads[e.op.name] == 1]

    def reloaded_once(self) -> set[str]:
        """The plugins with one good reload, and nothing else but their load."""
        verbs: dict[str, list[tuple[str, bool | None]]] = {}
        for each in self._done:
            verbs.setdefault(each.op.name, []).append((each.op.verb, each.ok))
        once = [("load", True), ("reload", True)]
        return {name for name, done in verbs.items() if done == once}

    def only_failed_reloads(self) -> set[str]:
        """The plugins with a load and then reloads alone, all of which failed."""
        found: set[str] = set()
        for name in self.touched("reload"):
            done = [each for each in self._done if each.op.name == name]
            rest = [each for each in done if each.op.verb != "load"]
            if len(done) == len(rest) + 1 and all(
                each.op.verb == "reload" and each.ok is False and not each.asked for each in rest
            ):
                found.add(name)
        return found

    def beside_a_hang(self) -> list[tuple[Done, Done]]:
        """Reloads that hang, each with those of other plugins that overlap it."""
        return [
            (slow, quick)
            for slow in self._done
            if "~" in slow.op.value and slow.op.verb == "reload"
            for quick in self._done
            if quick.op.verb == "reload" and quick.op.name != slow.op.name
            if "~" not in quick.op.value and quick.began < slow.ended
        ]

    def happened(self, *, excused: bool) -> list[Happened]:
        """All operations, for the serial explanation; ``excused``: any of them may fail."""
        # A hook that was left behind at its deadline may still await what it asked for, which
        # the host may do or not: nobody hears of it.
        left = [Done(op, None, at, self._now + 1, True) for at, op in self._asked.items()]
        done = [each for each in self._done if each.op.verb != "close"] + left
        found = [self._happened(each, excused) for each in done]
        return found + [
            Happened("add", name, ok, each.began, each.ended)
            for each in self.calls
            if each.op.verb == "add"
            for name, ok in self._added(each).items()
        ]

    def _happened(self, done: Done, excused: bool) -> Happened:
        name = done.op.name
        mine = [each for each in self._writes if each.name == name and each.at < done.ended]
        # The newest that was there as it began (its own write among them), and what came later.
        earlier = [each for each in mine if each.at < done.began][-1:]
        read = earlier + [each for each in mine if each.at > done.began]
        faults = sum(n == name and done.began < at < done.ended for at, n in self._faults)
        bad = any(not each.good for each in read)
        else_struck = excused + self.anything_may_fail + bad + (done.ok is None)
        hangs = "~" in done.op.value
        return Happened(
            done.op.verb,
            name,
            None if done.asked and not done.ok else done.ok,
            done.began,
            done.ended,
            versions=tuple(dict.fromkeys(each.version for each in read if each.good)),
            excused=excused or bool(faults) or self.anything_may_fail or bad,
            twice=bool(faults) and faults + else_struck + hangs > 1,
        )

    def _added(self, call: Called) -> dict[str, bool | None]:
        """Which handlers counted, as far as the replies tell."""
        if call.replies is None:  # some may have, before it failed
            return {each.name: None for each in self._writes}
        return {reply.partition(".")[0]: True for reply in call.replies}

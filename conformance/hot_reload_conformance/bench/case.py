"""The case: one fresh host, one recording, one folder, and the story of what was done.

Checks of hosts are written against ``Case``. Every operation of the host runs
under a deadline, with what it raised, logged and printed gathered in a ``Reply``;
every step goes into the story that a failure tells.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from hot_reload_conformance.adapter import (
    Channel,
    Claim,
    Event,
    HostAdapter,
    HostEvent,
    PluginSpec,
    Ports,
    Reply,
)
from hot_reload_conformance.bench.alarm import Overdue, goes_on
from hot_reload_conformance.bench.begin import Ended, to_its_end
from hot_reload_conformance.bench.blame import at, blame_adapter, slip
from hot_reload_conformance.bench.budgets import Budget as Budget
from hot_reload_conformance.bench.case_files import CaseFiles
from hot_reload_conformance.bench.hearing import hearing, in_words
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.verdict import KitError, NotClaimed, Step, Violation

T = TypeVar("T")


@dataclass
class Case:
    """One case against one fresh host. Used from one event loop only."""

    adapter: HostAdapter
    recording: Recording
    workdir: Path
    ports: Ports
    budget: Budget = field(default_factory=Budget)
    story: list[Step] = field(default_factory=list)
    escaped: list[BaseException] = field(default_factory=list)
    """Exceptions that are no ``Exception`` and came out of the host to its caller."""
    doing: str = ""
    """The adapter's operation that is under way, or was the last."""
    raised_at: str = ""
    """Through which line of the adapter the last operation that raised did so, in brackets."""
    by_adapter: str = ""
    """Says where the last operation failed in the adapter itself, and not in its host."""
    closed: bool = False
    """Set by a check that closes the adapter itself."""
    main: asyncio.Task[Any] | None = None
    """The kit's own task, in which the case runs."""
    close_cancels: bool = False
    """Whether the adapter's ``close`` cancelled a task of the kit's."""
    files: CaseFiles = field(init=False)
    """What is written into ``workdir``."""
    _sequences: dict[str, int] = field(default_factory=dict)
    accepted: list[Event] = field(default_factory=list)
    """The events that the host accepted, in the order in which ``emit`` returned."""

    def __post_init__(self) -> None:
        self.files = CaseFiles(self.workdir)
        self.recording.loop = self.recording.loop or asyncio._get_running_loop()
        goes_on(self)

    @property
    def claims(self) -> frozenset[Claim]:
        return self.adapter.claims

    # The plugins' files

    def write(self, spec: PluginSpec, *, same_second: bool = False) -> dict[str, Path]:
        """Write ``spec`` in the host's dialect; gives its files, the main one first.

        Every write moves the files' mtime on by two seconds, so that staleness by
        mtime shows only in the check that is about it (``same_second``).
        """
        files = self.files.put(self._rendered(spec), same_second=same_second)
        self.tell(f"write {spec.ref} {spec.version}")
        return files

    def edit(self, spec: PluginSpec) -> dict[str, Path]:
        """Write only those of ``spec``'s files whose text is another than what is there."""
        changed = self.files.changed(self._rendered(spec))
        if not changed:
            raise KitError(f"the adapter's render gave the same files for {spec.version!r}")
        files = self.files.put(changed)
        self.tell(f"edit {spec.ref} to {spec.version}: {', '.join(changed)}")
        return files

    def spoil(self, spec: PluginSpec, change: Callable[[str], str], how: str) -> dict[str, Path]:
        """Write ``spec``, its main file changed by ``change``; ``how`` is for the story."""
        texts = self._rendered(spec)
        main = next(iter(texts))
        texts[main] = change(texts[main])
        files = self.files.put(texts)
        self.tell(f"write {spec.ref} {spec.version}, {how}")
        return files

    def _rendered(self, spec: PluginSpec) -> dict[str, str]:
        texts = dict(self.adapter.render(spec))
        if not texts:
            raise KitError(f"the adapter's render gave no file for {spec.ref!r}")
        return texts

    # The host's operations

    async def load(self, ref: str) -> Reply:
        return await self._operate("load", ref)

    async def reload(self, ref: str) -> Reply:
        return await self._operate("reload", ref)

    async def unload(self, ref: str) -> Reply:
        return await self._operate("unload", ref)

    async def add_sink(self, ref: str) -> Reply:
        return await self._operate("add_sink", ref)

    async def remove_sink(self, ref: str) -> Reply:
        return await self._operate("remove_sink", ref)

    async def enable(self, ref: str) -> Reply:
        return await self._operate("enable", ref)

    async def disable(self, ref: str) -> Reply:
        return await self._operate("disable", ref)

    async def register_lazy(self, ref: str) -> Reply:
        return await self._operate("register_lazy", ref)

    async def reload_many(self, refs: Sequence[str]) -> Reply:
        return await self._operate("reload_many", refs)

    async def unload_with_dependents(self, ref: str) -> Reply:
        return await self._operate("unload_with_dependents", ref)

    async def force_reload(self, ref: str) -> Reply:
        return await self._operate("force_reload", ref)

    async def apply_config(self, path: Path) -> Reply:
        return await self._operate("apply_config", path)

    async def configure(self, settings: Mapping[str, Mapping[str, Any]]) -> Reply:
        return await self._operate("configure", settings)

    async def use(self, ref: str) -> str:
        """One plugin's reply through its first or a later use (claim ``lazy``)."""
        reply = await self.guarded(self.adapter.use(ref), f"use {ref}")
        self.tell(f"use {ref}", seen=reply)
        return reply

    async def replies(self, event: Event | None = None, *, tell: bool = True) -> list[str]:
        """What ALL live handlers answer, sorted: the back door."""
        answer = await self.guarded(self.adapter.call(event), "call")
        if not isinstance(answer, list) or not all(isinstance(each, str) for each in answer):
            raise KitError(f"your adapter's call() returned {answer!r:.80}, not a list of strings")
        if tell:
            self.tell(f"call {event.kind if event else 'ask'}", seen=str(sorted(answer)))
        return sorted(answer)

    async def registries(self) -> dict[str, object]:
        """The host's own registries (claim ``snapshot``)."""
        return dict(await self.guarded(self.adapter.snapshot(), "snapshot"))

    async def emit(self, producer: str = "p1") -> Event:
        """Emit the next event of ``producer``; accepted ones are kept in ``accepted``."""
        self._sequences[producer] = sequence = self._sequences.get(producer, 0) + 1
        event = Event("log", producer=producer, sequence=sequence)
        if await self.guarded(self.adapter.emit(event), "emit") is not False:
            self.accepted.append(event)
        return event

    async def events(self) -> Sequence[HostEvent]:
        """What the host has emitted up to now (claim ``events``)."""
        return tuple(await self.guarded(self.adapter.events(), "events"))

    async def settle(self) -> None:
        """Wait until what was emitted has reached its sinks: a close has waited for that itself."""
        if self.closed:
            return
        await self.guarded(self.adapter.settle(), "settle")

    # Expectations

    def expect(
        self, holds: bool, message: str, *, expected: object = "", seen: object = ""
    ) -> None:
        """Raise ``Violation`` with ``message`` unless ``holds``."""
        if not holds:
            raise Violation(message, expected=expected, seen=seen)

    async def expect_replies(self, expected: Iterable[str], message: str) -> None:
        """All live handlers together answer exactly ``expected``."""
        wanted = sorted(expected)
        seen = await self.replies(tell=False)
        self.tell("call ask", expected=str(wanted), seen=str(seen), broken=seen != wanted)
        self.expect(seen == wanted, message, expected=wanted, seen=seen)

    async def loaded(self, spec: PluginSpec) -> Reply:
        """Write and load ``spec`` as a precondition: that it works is another clause's matter."""
        self.write(spec)
        reply = await self.load(spec.ref)
        if not reply.ok:
            raise Violation(
                f"a good {spec.ref} {spec.version} does not load: "
                f"{reply.everything or 'no reason given'}{self.by_adapter}",
                expected="loaded",
                seen="refused",
            )
        return reply

    async def reloaded(self, spec: PluginSpec, *, write: bool = True) -> Reply:
        """Write and reload ``spec`` as a step that has to work."""
        if write:
            self.write(spec)
        reply = await self.reload(spec.ref)
        if not reply.ok:
            raise Violation(
                f"a good edit of {spec.ref} to {spec.version} does not reload: "
                f"{reply.everything or 'no reason given'}{self.by_adapter}",
                expected="reloaded",
                seen="refused",
            )
        return reply

    # The bench itself

    def tell(self, text: str, *, expected: str = "", seen: str = "", broken: bool = False) -> None:
        """Add a step to the story."""
        self.story.append(Step(text, expected, seen, broken))

    async def guarded(
        self,
        awaitable: Awaitable[T],
        what: str,
        *,
        deadline_seconds: float | None = None,
    ) -> T:
        """Await an adapter's coroutine under a deadline.

        Raises:
            Violation: it did not come back in time.
            KitError: the adapter itself broke.
        """
        if deadline_seconds is None:
            deadline_seconds = self.adapter.operation_deadline_seconds
        ended = await self._ended(awaitable, what, deadline_seconds)
        if ended.error is not None:
            blame_adapter(type(self.adapter), ended.error, what, answers=True)
            where = at(type(self.adapter), ended.error)
            raise Violation(
                f"{what} raised {in_words(ended.error)}{where}",
                expected="an answer",
                seen="an exception",
            ) from None
        return cast("T", ended.value)

    async def _operate(self, operation: str, ref: Any) -> Reply:
        """``ref`` is what the adapter's method is given: a plugin's, as a rule."""
        method = getattr(self.adapter, operation)
        self.by_adapter = ""
        with hearing() as heard:
            ended = await self._ended(
                method(ref), f"{operation} {ref}", self.adapter.operation_deadline_seconds
            )
        error = ended.error
        if error is not None:
            if isinstance(error, NotClaimed):
                raise error  # the adapter says that its host has no such operation
            blame_adapter(type(self.adapter), error, f"{operation}({ref!r})")
            self.raised_at = at(type(self.adapter), error)
            own = slip(type(self.adapter), error)
            self.by_adapter = f" (raised by your adapter itself, at {own})" if own else ""
            if not isinstance(error, Exception):
                self.escaped.append(error)
            reply = Reply(ok=False, message=in_words(error), channel=Channel.RAISED)
        else:
            try:
                reply = Reply.of(ended.value)
            except TypeError as wrong:
                raise KitError(f"your adapter's {operation}(): {wrong}") from None
        reply = replace(reply, said=heard.text())
        if not reply.ok and not reply.message:
            channel = (
                Channel.LOGGED
                if heard.logged
                else Channel.PRINTED
                if reply.said
                else Channel.SILENT
            )
            reply = replace(reply, channel=channel)
        said = "ok" if reply.ok else f"failed: {reply.everything.strip() or 'no word why'}"
        said += self.by_adapter
        about = ref.name if isinstance(ref, Path) else ref
        self.tell(f"{operation} {about}", seen=said if len(said) < 300 else said[:297] + "...")
        return reply

    async def _ended(self, awaitable: Awaitable[T], what: str, deadline_seconds: float) -> Ended[T]:
        try:
            goes_on()
        except Overdue:
            if inspect.iscoroutine(awaitable):
                awaitable.close()  # it is not asked any more
            raise
        self.doing = what
        # A task that raises SystemExit or KeyboardInterrupt takes its loop with it, so whatever
        # comes out of the host is caught inside the task.
        task = asyncio.ensure_future(to_its_end(awaitable))
        try:
            done, _ = await patiently({task}, deadline_seconds)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not done:
            task.cancel()
            self.tell(what, expected="an end", seen="none", broken=True)
            raise Violation(
                f"{what} did not come back within {deadline_seconds:g} s{self._standing()}",
                expected="an end, one way or the other",
                seen="still waiting",
            )
        ended = task.result()
        if isinstance(ended.error, Overdue):
            raise ended.error  # it is no answer of the host's: the case is over
        return ended

    def standing(self) -> list[str]:
        """The hooks that have begun and not ended: where whoever waits is likely to stand."""
        open_: dict[tuple[str, str, int, str], None] = {}
        for each in self.recording.moments:
            key = (each.plugin, each.version, each.serial, each.what)
            if each.phase == "begin" and each.what not in ("background", "reply"):
                open_[key] = None
            else:
                open_.pop(key, None)
        return [f"{plugin} {version}#{serial} {what}" for plugin, version, serial, what in open_]

    def _standing(self) -> str:
        stands = self.standing()
        return f"; begun and not ended: {', '.join(stands)}" if stands else ""

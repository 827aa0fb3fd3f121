"""Calls to services: who may pass now, and from inside what a call or an operation comes."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar


class Leases:
    """The calls that are inside a generation now. Used on the loop's thread.

    Nothing is counted: a call is inside until it is left, or its task has ended, so that one
    that was interrupted on its way out holds no drain up for ever.
    """

    def __init__(self) -> None:
        self._calls: set[Inside] = set()
        self._over: asyncio.Future[None] | None = None
        """Made by whoever waits, and told when a call has left and nobody is inside."""

    @property
    def idle(self) -> bool:
        """Whether nobody is inside."""
        return not any(each.active for each in self._calls)

    async def returned(self) -> None:
        """Return when nobody is inside."""
        while (call := next((each for each in self._calls if each.active), None)) is not None:
            if self._over is None:
                self._over = asyncio.get_running_loop().create_future()
            ends: list[asyncio.Future[None] | asyncio.Task[object]] = [self._over]
            if call.owner is not None:
                ends.append(call.owner)
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)

    def add(self, call: Inside) -> None:
        self._calls.add(call)

    def discard(self, call: Inside) -> None:
        self._calls.discard(call)
        if self._over is not None and self.idle:
            if not self._over.done():
                self._over.set_result(None)
            self._over = None


class Inside:
    """That the present task runs inside a plugin's hook or handler, in this ``with`` block.

    Tasks that a plugin starts inherit it; it turns inactive when the hook's transaction or
    the handler's call is over, with its task at the latest, and with it what it forbids.
    """

    __slots__ = ("_gone", "_leases", "_left", "hook", "host", "outer", "owner", "plugin", "tasks")

    def __init__(
        self, plugin: str, *, hook: bool, leases: Leases | None, host: object = None
    ) -> None:
        self.plugin = plugin
        self.hook = hook
        self.host = host
        """The engine that runs the plugin: a plugin may be the host of an engine of its own."""
        self._leases = leases
        self.outer = _inside.get()
        self.owner: asyncio.Task[object] | None = asyncio.current_task()
        """The task that entered it; None: it was left."""
        self.tasks: set[asyncio.Task[object] | None] = {self.owner}
        """The tasks that the hooks themselves run in, not those that they start."""
        self._left = False
        self._gone = False
        """All of what ``leave`` does was done."""

    @property
    def active(self) -> bool:
        return not self._left and (self.owner is None or not self.owner.done())

    @property
    def lease(self) -> bool:
        """Whether a drain of the plugin waits for it: a handler's call, not a background task."""
        return self._leases is not None

    def __enter__(self) -> None:
        if self._leases is not None:
            self._leases.add(self)
        _inside.set(self)

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """What ``with`` does at its end. Idempotent: whoever was interrupted in it does it again,
        since an interruption between two lines is beyond what ``with`` guards."""
        if self._gone:
            return
        self._left = True
        # Contexts of a plugin's timers and tasks outlive this, and a task holds its result.
        self.tasks.clear()
        self.owner = self.host = None
        if self._leases is not None:
            self._leases.discard(self)
        if _inside.get() is self:  # not so where a coroutine is closed that its loop left behind
            _inside.set(self.outer)
        self._gone = True


_inside: ContextVar[Inside | None] = ContextVar("hot_reload_inside", default=None)


def inside(plugin: str, *, hook: bool, leases: Leases | None = None, host: object = None) -> Inside:
    """Note that what runs in the ``with`` block runs inside ``plugin`` of the engine ``host``;
    ``leases`` are those of the generation that is called."""
    return Inside(plugin, hook=hook, leases=leases, host=host)


# Of the plugins of ``host`` alone; None: of any engine's.


def inside_hook(host: object = None) -> str | None:
    """The plugin in one of whose hooks, during an operation, the caller runs; None: in none."""
    return next((each.plugin for each in _chain(host) if each.hook), None)


def adopt_task() -> None:
    """Note that the present task is one in which a hook itself runs."""
    inside = _inside.get()
    if inside is not None:
        inside.tasks.add(asyncio.current_task())


def held_by_hook() -> bool:
    """Whether a hook waits for the present task itself: waiting for the hook would never end."""
    return any(each.hook and asyncio.current_task() in each.tasks for each in _chain())


def inside_handler(plugin: str, host: object = None) -> bool:
    """Whether the caller runs inside a handler or a background task of ``plugin``."""
    return any(each.plugin == plugin and not each.hook for each in _chain(host))


def inside_any(host: object = None) -> str | None:
    """The plugin in whose hook, handler or background task the caller runs; None: in none."""
    return next((each.plugin for each in _chain(host)), None)


def holds_lease(plugin: str, host: object = None) -> bool:
    """Whether the caller runs inside a call to ``plugin`` that a drain waits for."""
    return any(each.plugin == plugin and each.lease for each in _chain(host))


def _chain(host: object = None) -> list[Inside]:
    chain: list[Inside] = []
    each = _inside.get()
    while each is not None:
        if each.active and (host is None or each.host is host):
            chain.append(each)
        each = each.outer
    return chain


class CallGates:
    """Lets calls to a plugin wait while its state is on its way. Used on the loop's thread."""

    def __init__(self, host: object = None) -> None:
        self._host = host
        self._closed: dict[str, asyncio.Event] = {}

    def close(self, plugin: str) -> None:
        self._closed.setdefault(plugin, asyncio.Event())

    def open(self, plugin: str) -> None:
        gate = self._closed.pop(plugin, None)
        if gate is not None:
            gate.set()

    async def passed(self, plugin: str) -> None:
        """Return when calls to ``plugin`` may go on.

        A call that a hook itself awaits passes at once: the operation that closed the
        gate waits for that hook, and the hook would wait for the gate. So does a call
        from inside a call to the same plugin, which the gate's closing waits for.
        """
        if held_by_hook() or holds_lease(plugin, self._host):
            return
        while (gate := self._closed.get(plugin)) is not None:
            await gate.wait()

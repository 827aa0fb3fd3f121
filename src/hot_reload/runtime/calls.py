"""Calls to services: who may pass now, and from inside what a call or an operation comes."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar


class Inside:
    """That the present task runs inside a plugin's hook or handler, in this ``with`` block.

    Tasks that a plugin starts inherit it; it turns inactive when the hook's transaction or
    the handler's call is over, with its task at the latest, and with it what it forbids.
    """

    __slots__ = ("_left", "_owner", "_token", "hook", "lease", "outer", "plugin", "tasks")

    def __init__(self, plugin: str, *, hook: bool, lease: bool) -> None:
        self.plugin = plugin
        self.hook = hook
        self.lease = lease
        """Whether a drain of the plugin waits for it: a handler's call, not a background task."""
        self.outer = _inside.get()
        self._owner = asyncio.current_task()
        self.tasks: set[asyncio.Task[object] | None] = {self._owner}
        """The tasks that the hooks themselves run in, not those that they start."""
        self._left = False

    @property
    def active(self) -> bool:
        return not self._left and (self._owner is None or not self._owner.done())

    def __enter__(self) -> None:
        self._token = _inside.set(self)  # all at once: an interruption finds nothing half done

    def __exit__(self, *_: object) -> None:
        self._left = True
        # Contexts of a plugin's timers and tasks outlive this, and a task holds its result.
        self.tasks.clear()
        self._owner = None
        _inside.reset(self._token)


_inside: ContextVar[Inside | None] = ContextVar("hot_reload_inside", default=None)


def inside(plugin: str, *, hook: bool, lease: bool = False) -> Inside:
    """Note that what runs in the ``with`` block runs inside ``plugin``."""
    return Inside(plugin, hook=hook, lease=lease)


def inside_hook() -> str | None:
    """The plugin in one of whose hooks, during an operation, the caller runs; None: in none."""
    return next((each.plugin for each in _chain() if each.hook), None)


def adopt_task() -> None:
    """Note that the present task is one in which a hook itself runs."""
    inside = _inside.get()
    if inside is not None:
        inside.tasks.add(asyncio.current_task())


def held_by_hook() -> bool:
    """Whether a hook waits for the present task itself: waiting for the hook would never end."""
    return any(each.hook and asyncio.current_task() in each.tasks for each in _chain())


def inside_handler(plugin: str) -> bool:
    """Whether the caller runs inside a handler or a background task of ``plugin``."""
    return any(each.plugin == plugin and not each.hook for each in _chain())


def inside_any() -> str | None:
    """The plugin in whose hook, handler or background task the caller runs; None: in none."""
    return next((each.plugin for each in _chain()), None)


def holds_lease(plugin: str) -> bool:
    """Whether the caller runs inside a call to ``plugin`` that a drain waits for."""
    return any(each.plugin == plugin and each.lease for each in _chain())


def _chain() -> list[Inside]:
    chain: list[Inside] = []
    each = _inside.get()
    while each is not None:
        if each.active:
            chain.append(each)
        each = each.outer
    return chain


class CallGates:
    """Lets calls to a plugin wait while its state is on its way. Used on the loop's thread."""

    def __init__(self) -> None:
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
        if held_by_hook() or holds_lease(plugin):
            return
        while (gate := self._closed.get(plugin)) is not None:
            await gate.wait()

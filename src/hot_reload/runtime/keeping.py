"""Keeping: the state of plugins outside of the process, where the engine has a store for it.

A store is the host's. What it raises is told like a plugin's fault: it ends the step that
needed it, and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from hot_reload.errors import PluginFault
from hot_reload.ports import SavedState
from hot_reload.runtime.machinery import Machinery


async def keep(
    machinery: Machinery, plugin: str, saved: SavedState, *, seconds: float | None
) -> None:
    """Save what ``plugin`` knows, where there is a store and something to save.

    ``seconds``: how long it may take; None: as long as a hook.

    Raises:
        PluginFault: it was not saved.
    """
    store = machinery.states
    if store is not None and saved.state is not None:
        await _asked(machinery, "saving the state", lambda: store.save(plugin, saved), seconds)


async def kept(machinery: Machinery, plugin: str, *, seconds: float | None) -> SavedState | None:
    """What was saved of ``plugin``, of an engine that has a store; None: nothing was.

    Raises:
        PluginFault: what was saved cannot be used.
    """
    store = machinery.states
    assert store is not None
    saved: SavedState | None = await _asked(
        machinery, "loading the saved state", lambda: store.load(plugin), seconds
    )
    return saved


async def _asked(
    machinery: Machinery, what: str, ask: Callable[[], Awaitable[Any]], seconds: float | None
) -> Any:
    async def answer() -> Any:
        # Returned, not raised: a hook's exception loses its hint on the way.
        try:
            return await ask()
        except PluginFault as fault:
            return fault

    answered = await machinery.hooks.call(what, answer, deadline_seconds=seconds)
    if isinstance(answered, PluginFault):
        raise answered
    return answered

"""A plugin without an engine: built from its bytes, its hooks called one by one by the kit.

What an engine does for a plugin (cancelling what it forgot, say) would hide what the
plugin itself does, so the clauses about a plugin's own hooks are judged here.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hot_reload import hooks
from hot_reload.errors import EngineMisuse
from hot_reload.hooks import BoundHooks, Hook
from hot_reload.manifest import Manifest, read_manifest
from hot_reload.outcome import Outcome
from hot_reload.ports import Files
from hot_reload.runtime.context import PluginContext
from hot_reload.runtime.discovery import find
from hot_reload.runtime.state import copied as copied
from hot_reload.runtime.steps import is_healthy as is_healthy
from hot_reload.source.code import CodeCache
from hot_reload.source.namespace import Namespace
from hot_reload.source.snapshot import SourceSnapshot, take_snapshot
from hot_reload_conformance.plugins.hook_run import HookRun, run_hook

HOOK_DEADLINE_SECONDS = 2.0
"""For a plugin's own hooks: longer than the engines' for planned hangs, short for a reader."""

_numbers = itertools.count(900_001)
"""Far from any engine's: generations of both may live in one process."""


class NoEngine:
    """What a plugin's context can ask of an engine that is not there."""

    def __init__(self) -> None:
        self.emitted: list[Any] = []

    def emit(self, event: Any) -> bool:
        self.emitted.append(event)
        return True

    async def reload(self, name: str) -> Outcome:
        raise EngineMisuse("no engine runs here: the kit calls this plugin's hooks itself")

    async def call(self, request: Any, *, plugin: str | None = None) -> list[Any]:
        return []


class BarePlugin:
    """One generation. Make it by ``build``; call ``release`` when done."""

    def __init__(self, snapshot: SourceSnapshot, config: Mapping[str, Any]) -> None:
        self.snapshot = snapshot
        self.number = next(_numbers)
        self.sources = frozenset(str(file.path) for file in snapshot.files.values())
        self.namespace = Namespace(snapshot, self.number, CodeCache())
        self.context = PluginContext(snapshot.top, self.number, config, NoEngine())
        self.module: Any = None
        self.plugin: Any = None
        self.hooks = BoundHooks({})
        self.manifest: Manifest | None = None

    @property
    def generation(self) -> str:
        """The name of its module in ``sys.modules``; those of its own begin with it."""
        return f"{self.snapshot.top}@g{self.number}"

    @classmethod
    async def build(cls, path: Path, files: Files, config: Mapping[str, Any]) -> BarePlugin:
        """Import and construct the plugin at ``path``; none of its hooks runs.

        Raises:
            BaseException: whatever reading, importing, finding or constructing it raises.
        """
        bare = cls(take_snapshot(path, files), config)
        try:
            bare.execute()
            await bare.construct()
        except BaseException:
            bare.release()
            raise
        return bare

    def execute(self) -> None:
        """Run the module."""
        self.namespace.compile_all()
        self.module = self.namespace.execute()

    async def construct(self) -> None:
        """Find the plugin in the module, make it, read its manifest and its hooks."""
        make, _ = find(self.module, self.context.engine)
        made = make(self.context)
        self.plugin = await made if inspect.isawaitable(made) else made
        self.manifest = read_manifest(self.module, self.plugin, default_name=self.snapshot.top)
        self.hooks = hooks.bind(self.plugin)

    async def run(self, hook: Hook, *arguments: Any, **how: Any) -> HookRun:
        """Run one hook, or nothing where the plugin has none; see ``run_hook``."""
        method = self.hooks.get(hook)
        if method is None:
            return HookRun(hook.name, ended=True)
        how.setdefault("deadline_seconds", HOOK_DEADLINE_SECONDS)
        return await run_hook(self.spoken(hook), method, *arguments, sources=self.sources, **how)

    def spoken(self, hook: Hook) -> str:
        """The hook by the name that its author gave it."""
        names = [name for name in hook.names if getattr(self.plugin, name, None) is not None]
        return f"{names[0] if names else hook.name}()"

    async def start(self) -> list[HookRun]:
        """Setup and start."""
        return [await self.run(hooks.SETUP), await self.run(hooks.START)]

    async def shut_down(self, *, flush: bool = True) -> list[HookRun]:
        """Flush, stop, teardown; then what the plugin left to its context to end.

        A generation that never served is not flushed.
        """
        runs = [await self.run(hooks.FLUSH)] if flush else []
        runs += [await self.run(hooks.STOP), await self.run(hooks.TEARDOWN)]
        for cleanup in self.context.cleanups():
            run = await run_hook(
                "a cleanup", cleanup, deadline_seconds=HOOK_DEADLINE_SECONDS, sources=self.sources
            )
            runs.append(run)
        owned = self.context.cancel_tasks()
        if owned:
            await asyncio.wait(owned, timeout=HOOK_DEADLINE_SECONDS)
        return runs

    def release(self) -> None:
        """Take its modules out of ``sys.modules``."""
        self.namespace.release()

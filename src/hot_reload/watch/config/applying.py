"""Applying: a plan's steps done one after the other, and undone when one fails."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from hot_reload.outcome import Outcome
from hot_reload.watch.config.model import PluginEntry
from hot_reload.watch.config.plan import Load, Plan, Reconfigure, Replace, Step, Switch, Unload
from hot_reload.watch.config.view import ConfigurableEngine

_Undo = Callable[[], Awaitable[Outcome | dict[str, Outcome]]]


class Applying:
    """Applies one plan to one engine. ``paths`` has where each plugin lies.

    ``outcomes`` has every operation, ``failed`` the first that was no success; ``undone``
    says whether all that was done before it could be taken back.
    """

    def __init__(self, engine: ConfigurableEngine, paths: Mapping[str, Path]) -> None:
        self._engine = engine
        self._paths = paths
        self._undo: list[_Undo] = []
        self.outcomes: list[Outcome] = []
        self.failed: Outcome | None = None
        self.undone = True

    async def apply(self, plan: Plan) -> bool:
        """Whether every step was done; where one was not, those before it are undone.

        A caller that is cancelled has it all undone, too.
        """
        try:
            for step in plan.steps:
                if not await self._do(step):
                    break
            else:
                return True
        except BaseException:
            await self._take_back()
            raise
        await self._take_back()
        return False

    async def _do(self, step: Step) -> bool:
        match step:
            case Load(entry):
                return await self._load(entry)
            case Unload(entry):
                return await self._unload(entry)
            case Replace(old, new):
                return await self._unload(old) and await self._load(new)
            case Switch(name, enabled):
                return await self._switch(name, enabled)
            case Reconfigure():
                return await self._reconfigure(step)

    async def _load(self, entry: PluginEntry) -> bool:
        engine, name = self._engine, entry.name
        loaded = await engine.load(
            self._paths[name], name=name, config=_copied(entry), restore=entry.restore
        )
        return self._done(loaded, lambda: engine.unload(name))

    async def _unload(self, entry: PluginEntry) -> bool:
        engine, name = self._engine, entry.name
        status = engine.status(name)
        unloaded = await engine.unload(name)
        if not status.enabled:
            self._done(unloaded, lambda: engine.disable(name))
        return self._done(
            unloaded,
            lambda: engine.load(
                status.path, name=name, config=_copied(entry), restore=engine.keeps_state
            ),
        )

    async def _switch(self, name: str, enabled: bool) -> bool:
        engine = self._engine
        do, undo = (engine.enable, engine.disable) if enabled else (engine.disable, engine.enable)
        return self._done(await do(name), lambda: undo(name))

    async def _reconfigure(self, step: Reconfigure) -> bool:
        engine, old = self._engine, step.old
        for reread in dict.fromkeys((step.refusing, step.edited)):
            configs = {name: _copied(each) for name, each in step.new.items()}
            taken = await engine.reconfigure(configs, reread=reread)
            self.outcomes += taken.values()
            self.failed = next((each for each in taken.values() if not each.success), None)
            if self.failed is None:
                break
        if self.failed is not None:
            return False
        if old:
            before = {name: _copied(each) for name, each in old.items()}
            self._undo.append(lambda: engine.reconfigure(before))
        if old.keys() != step.new.keys():
            self.undone = False  # what the host itself configured them with is not known here
        return True

    def _done(self, outcome: Outcome, undo: _Undo) -> bool:
        if not self.outcomes or self.outcomes[-1] is not outcome:
            self.outcomes.append(outcome)
        if outcome.success:
            self._undo.append(undo)
        else:
            self.failed = outcome
        return outcome.success

    async def _take_back(self) -> None:
        while self._undo:
            result = await self._undo.pop()()
            outcomes = result.values() if isinstance(result, dict) else (result,)
            self.outcomes += outcomes
            self.undone = self.undone and all(each.success for each in outcomes)


def _copied(entry: PluginEntry) -> dict[str, Any]:
    """The config to be given away: whoever changes it changes not what is known to run."""
    return copy.deepcopy(dict(entry.config))

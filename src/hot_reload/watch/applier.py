"""The applier: brings an engine to what was seen on disk, and learns what came of it."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hot_reload.outcome import Deferred, Failed, Outcome, Refused, RolledBack, Stage
from hot_reload.policy.retry import is_transient
from hot_reload.runtime.engine import Engine
from hot_reload.runtime.roster import PluginStatus
from hot_reload.watch.places import Places, PlacesNow
from hot_reload.watch.sweep import MISSING, Look, Sweep
from hot_reload.watch.watched import Others, Watched

UNREAD_LIMIT = 3
"""How often a look is taken anew at once because the engine could not read what it saw."""

_log = logging.getLogger("hot_reload.watch")


@dataclass(frozen=True, slots=True)
class Edit:
    """One plugin, and the look at it that is to be applied."""

    path: Path
    watched: Watched
    look: Look


class Upshot(enum.Enum):
    """What came of applying one edit."""

    DONE = "done"
    """It was applied, or it failed for good, or has to be looked at anew."""
    GONE = "gone"
    """Nothing of the plugin is left, on disk or in the engine."""
    MAY_PASS = "may pass"
    """It failed at what the same source may get over a little later."""


class Applier:
    """Does the operations of an engine for looks at plugins. Used on the loop's thread."""

    def __init__(
        self,
        engine: Engine,
        sweep: Sweep,
        *,
        unload_deleted: bool,
        places: PlacesNow | None = None,
    ) -> None:
        self._engine = engine
        self._sweep = sweep
        self._places = places or PlacesNow(engine)
        self._unload_deleted = unload_deleted

    def reloads(self, edit: Edit, status: PluginStatus | None) -> bool:
        """Whether a reload is what ``edit`` takes; otherwise a load, an unload, or nothing."""
        return status is not None and not (edit.look.source == MISSING and self._unload_deleted)

    async def apply(self, edit: Edit) -> Upshot:
        """Bring the engine to ``edit`` and note in its ``watched`` how far that went."""

        async def operate() -> dict[Path, Outcome | None]:
            status = self._places.get().at(edit.path)
            return {edit.path: await self._operate(edit, status)}

        return (await self._guarded([edit], operate))[edit.path]

    async def apply_together(self, edits: Sequence[Edit]) -> dict[Path, Upshot]:
        """The same for several plugins that settled at one moment.

        Those of them that need each other swap together or not at all.
        """
        places = self._places.get()
        # Loaded, unloaded or gone since they were chosen: each for itself.
        loose = [each for each in edits if not self.reloads(each, places.at(each.path))]
        if loose or len(edits) < 2:
            upshots = {each.path: await self.apply(each) for each in (loose or edits)}
            rest = [each for each in edits if each.path not in upshots]
            return upshots | (await self.apply_together(rest) if rest else {})
        return await self._guarded(edits, lambda: self._reload_together(edits, places))

    async def _guarded(
        self, edits: Sequence[Edit], operate: Callable[[], Awaitable[dict[Path, Outcome | None]]]
    ) -> dict[Path, Upshot]:
        upshots: dict[Path, Upshot] = {}
        try:
            # From before: who comes while this runs may be what it lacked.
            places = self._places.get()
            outcomes = await operate()
            for each in edits:
                upshots[each.path] = self._upshot(each, outcomes[each.path], places)
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise  # the watch is being stopped
            for each in edits:
                if each.path not in upshots:
                    _raised(each, error)
                    upshots[each.path] = Upshot.MAY_PASS
        return upshots

    async def _operate(self, edit: Edit, status: PluginStatus | None) -> Outcome | None:
        path, look = edit.path, edit.look
        if status is None:
            if look.source == MISSING:
                return None
            return await self._engine.load(path, only_sha256=look.source)
        if not self.reloads(edit, status):
            outcome = await self._engine.unload(status.name)
            return None if outcome.success else outcome
        force = _has_other_inputs(edit, status)
        return await self._engine.reload(status.name, force=force, only_sha256=look.source)

    async def _reload_together(
        self, edits: Sequence[Edit], places: Places
    ) -> dict[Path, Outcome | None]:
        named: dict[str, Edit] = {}
        force: set[str] = set()
        for each in edits:
            status = places.at(each.path)
            assert status is not None, "only loaded plugins are reloaded together"
            named[status.name] = each
            if _has_other_inputs(each, status):
                force.add(status.name)
        outcomes: dict[str, Outcome] = {}
        for names, forced in ((named.keys() - force, False), (force, True)):
            outcomes |= await self._all_or_fewer({n: named[n].look.source for n in names}, forced)
        return {edit.path: outcomes[name] for name, edit in named.items()}

    async def _all_or_fewer(self, sources: dict[str, str], force: bool) -> dict[str, Outcome]:
        """Reload together; who failed only because of another one, again without that one."""
        if not sources:
            return {}
        names = sorted(sources)
        outcomes = await self._engine.reload_many(names, force=force, only_sha256=sources)
        innocent = {name for name in names if guilty(outcomes[name]) in sources.keys() - {name}}
        if 0 < len(innocent) < len(names):
            fewer = {name: sources[name] for name in innocent}
            outcomes |= await self._all_or_fewer(fewer, force)
        return outcomes

    def _upshot(self, edit: Edit, outcome: Outcome | None, places: Places) -> Upshot:
        edit.watched.error = None
        if outcome is None:
            return Upshot.GONE
        self._learn(edit.watched, edit.look, outcome, places.beside(edit.path))
        # What cannot be read is looked at again by every sweep: no need to try it blindly.
        tried = edit.watched.applied == edit.look
        if tried and edit.look.readable and is_transient(outcome):
            return Upshot.MAY_PASS
        return Upshot.DONE

    def _learn(self, watched: Watched, look: Look, outcome: Outcome, beside: Others) -> None:
        """Take note of what the engine made of ``look``."""
        if isinstance(outcome, Deferred):
            return  # it will be read later, perhaps after another edit: look again then
        watched.failed_beside = None
        if outcome.success and outcome.running is not None:
            watched.served_inputs = self._inputs(self._engine.status(outcome.plugin), look)
            watched.applied = Look(outcome.running.sha256, watched.served_inputs)
            return
        if isinstance(outcome, Refused):
            _log.warning("%s", outcome.describe())
        if _moved(look, outcome) and watched.unread < UNREAD_LIMIT:
            watched.unread += 1
            return  # what we saw was never tried: look again, and try that
        watched.applied = look
        if outcome.running is not None and not outcome.success:
            watched.failed_beside = outcome.running.generation
        if _hangs_on_others(outcome):
            watched.refused_beside = beside

    def _inputs(self, status: PluginStatus, look: Look) -> tuple[tuple[str, str], ...]:
        """What the running generation has read of its inputs.

        Those that were known were looked at before it read them, so that an edit in
        between shows as one. Those that only it declares are looked at now.
        """
        known = dict(look.inputs)
        new = [each for each in status.inputs if each not in known]
        if new:
            known.update(self._sweep.again(status.path, new).inputs)
        return tuple((each, known[each]) for each in status.inputs)


def _raised(edit: Edit, error: BaseException) -> None:
    """An operation raised: that is no plugin's doing, and it may pass."""
    edit.watched.error = f"{type(error).__name__}: {error}"
    edit.watched.applied = edit.look
    _log.error("applying %a failed", str(edit.path), exc_info=error)


def _has_other_inputs(edit: Edit, status: PluginStatus) -> bool:
    """The same source and other inputs: only force makes the engine run it anew."""
    return serves(status, edit.look) and edit.look.inputs != edit.watched.served_inputs


def serves(status: PluginStatus, look: Look) -> bool:
    """Whether what runs was made of the source in ``look``."""
    return status.running is not None and status.running.sha256 == look.source


def _moved(look: Look, outcome: Outcome) -> bool:
    """Whether the engine could not read what we could: it changed in between."""
    unread = isinstance(outcome, RolledBack) and outcome.failure.stage is Stage.READ
    return unread and look.readable


def _hangs_on_others(outcome: Outcome) -> bool:
    """Whether another plugin's coming or going may change the answer."""
    if isinstance(outcome, (RolledBack, Failed)):
        return outcome.failure.hangs_on_others or guilty(outcome) is not None
    return isinstance(outcome, Refused)


def guilty(outcome: Outcome) -> str | None:
    """The other plugin because of which it failed."""
    if isinstance(outcome, (RolledBack, Failed)) and outcome.failure.plugin != outcome.plugin:
        return outcome.failure.plugin
    return None

"""The applier: brings an engine to what was seen on disk, and learns what came of it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from hot_reload.outcome import Deferred, Failed, Outcome, Refused, RolledBack, Stage
from hot_reload.runtime.engine import Engine
from hot_reload.runtime.roster import PluginStatus
from hot_reload.watch.places import Places
from hot_reload.watch.sweep import MISSING, Look, Sweep
from hot_reload.watch.watched import Others, Watched

TRIES = 3
"""How often one edit is tried when applying it raises, which no plugin can cause."""

_log = logging.getLogger("hot_reload.watch")


class Applier:
    """Does one operation of an engine for one look at a plugin. Used on the loop's thread."""

    def __init__(self, engine: Engine, sweep: Sweep, *, unload_deleted: bool) -> None:
        self._engine = engine
        self._sweep = sweep
        self._unload_deleted = unload_deleted

    async def apply(self, path: Path, watched: Watched, look: Look) -> bool:
        """Bring the engine to ``look`` and note in ``watched`` how far that went.

        Returns:
            False when nothing of the plugin is left, on disk or in the engine.
        """
        try:
            places = Places(self._engine)
            outcome = await self._operate(path, watched, look, places.at(path))
            watched.error = None
            if outcome is not None:
                self._learn(watched, look, outcome, places.beside(path))
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                raise  # the watch is being stopped
            self._raised(path, watched, look, error)
        else:
            return outcome is not None
        return True

    async def _operate(
        self, path: Path, watched: Watched, look: Look, status: PluginStatus | None
    ) -> Outcome | None:
        if status is None:
            if look.source == MISSING:
                return None
            return await self._engine.load(path, only_sha256=look.source)
        if look.source == MISSING and self._unload_deleted:
            outcome = await self._engine.unload(status.name)
            return None if outcome.success else outcome
        # The same source and other inputs: only force makes the engine run it anew.
        force = serves(status, look) and look.inputs != watched.served_inputs
        return await self._engine.reload(status.name, force=force, only_sha256=look.source)

    def _learn(self, watched: Watched, look: Look, outcome: Outcome, beside: Others) -> None:
        """Take note of what the engine made of ``look``."""
        if isinstance(outcome, Deferred):
            return  # it will be read later, perhaps after another edit: look again then
        if outcome.success and outcome.running is not None:
            watched.served_inputs = self._inputs(self._engine.status(outcome.plugin), look)
            watched.applied = Look(outcome.running.sha256, watched.served_inputs)
            return
        if isinstance(outcome, Refused):
            _log.warning("%s", outcome.describe())
        if _moved(look, outcome):
            return  # what we saw was never tried
        watched.applied = look
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

    def _raised(self, path: Path, watched: Watched, look: Look, error: BaseException) -> None:
        """An operation raised: that is no plugin's doing. Try again, but not for ever."""
        watched.tries += 1
        watched.error = f"{type(error).__name__}: {error}"
        _log.error(
            "applying %a failed (try %d of %d)", str(path), watched.tries, TRIES, exc_info=error
        )
        if watched.tries >= TRIES:
            watched.applied = look


def serves(status: PluginStatus, look: Look) -> bool:
    """Whether what runs was made of the source in ``look``."""
    return status.running is not None and status.running.sha256 == look.source


def _moved(look: Look, outcome: Outcome) -> bool:
    """Whether the engine could not read what we could: it changed in between."""
    unread = isinstance(outcome, RolledBack) and outcome.failure.stage is Stage.READ
    return unread and look.readable


def _hangs_on_others(outcome: Outcome) -> bool:
    """Whether another plugin's coming or going may change the answer.

    Names and dependencies are checked where the metadata are.
    """
    if isinstance(outcome, (RolledBack, Failed)):
        return outcome.failure.stage is Stage.METADATA
    return isinstance(outcome, Refused)

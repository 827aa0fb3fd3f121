"""The ledger: what is known of each plugin's files, and what of it is still to be applied."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from hot_reload.runtime.roster import PluginStatus
from hot_reload.watch.agenda import Agenda
from hot_reload.watch.applier import Edit, Upshot, guilty, serves
from hot_reload.watch.places import Places
from hot_reload.watch.roots import shown
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.sweep import ERROR, MISSING, Look, Sweep
from hot_reload.watch.watched import NextTry, Watched

GLANCES = 4
"""Looks, a part of the quiet period apart, at a plugin that never is quiet for all of it."""

_log = logging.getLogger("hot_reload.watch")


class Ledger:
    """Turns looks into edits that are to be applied. Used on the loop's thread.

    ``note`` every look; ``settle`` what the agenda hands out; apply what comes of it with
    ``companions``; ``learn`` what came of that. ``reloads`` says whether an edit takes a
    reload; ``on_forget`` hears of each plugin of which nothing is left.
    """

    def __init__(
        self,
        agenda: Agenda,
        sweep: Sweep,
        settings: WatchSettings,
        *,
        reloads: Callable[[Edit, PluginStatus | None], bool],
        on_forget: Callable[[Path], None],
    ) -> None:
        self.watched: dict[Path, Watched] = {}
        self._agenda = agenda
        self._sweep = sweep
        self._settings = settings
        self._reloads = reloads
        self._on_forget = on_forget

    @property
    def waiting(self) -> tuple[str, ...]:
        """The files whose edits wait or are being applied, for health."""
        busy = {path for path, each in list(self.watched.items()) if each.busy}
        return tuple(sorted(shown(path.name) for path in self._agenda.waiting | busy))

    @property
    def errors(self) -> tuple[str, ...]:
        """What the watch itself failed at, for health."""
        return tuple(
            f"{shown(path.name)}: {each.error}"
            for path, each in sorted(self.watched.items())
            if each.error
        )

    def next_tries(self, now: float) -> tuple[NextTry, ...]:
        """What failed and will be tried again, for health."""
        return tuple(
            NextTry(
                file=shown(path.name),
                tried=retry.tried,
                tries=self._settings.retry_tries,
                next_seconds=max(0.0, retry.due - now),
            )
            for path, retry in sorted(self._agenda.retries.items())
        )

    def note(self, path: Path, look: Look, now: float, places: Places) -> None:
        """Take note of a look at ``path``, and begin its quiet period where there is work."""
        status = places.at(path)
        watched = self.watched.get(path)
        if look.source == MISSING:
            if status is None and (watched is None or not watched.busy):
                self.forget(path)  # it never served: nobody has to hear that it went
                return
            if not path.parent.is_dir():
                return  # not deleted: its whole directory is away, as when it is unmounted
        if watched is None:
            watched = self.watched[path] = Watched()
            if status is not None and serves(status, look):  # the host has loaded it
                watched.seen, watched.applied, watched.served_inputs = look, look, look.inputs
        if watched.saw(look, now):
            for each, found in look.inputs:
                if found.startswith(ERROR):
                    _log.warning("input %a of %a cannot be watched: %s", each, str(path), found)
            self._agenda.edited(path, now)
        elif self._lags(path, watched, places):
            self._agenda.observe(path, now)

    def _lags(self, path: Path, watched: Watched, places: Places) -> bool:
        """Whether what is on disk was not applied, and nothing that waits will do it."""
        if watched.busy:
            return False
        status = places.at(path)
        if status is not None and status.failed and watched.refused_beside is None:
            outcome = status.last_outcome
            if outcome is not None and guilty(outcome) is not None:
                watched.refused_beside = places.beside(path)  # it went down with another's reload
        refused = watched.refused_beside
        if refused is not None and refused != places.beside(path):
            watched.refused_beside, watched.applied = None, None
        running = places.running(path)
        if running is not None and running.generation != watched.failed_beside:
            # It was made anew, of the bytes that run, since one that it needs was reloaded:
            # that its file is another matter is not said any more, so it is asked again.
            if watched.failed_beside is not None and running.sha256 != watched.seen.source:
                watched.applied = None
            watched.failed_beside = None
        return watched.seen != watched.applied and not self._agenda.holds(path)

    def settle(self, path: Path, now: float, places: Places) -> Edit | None:
        """``path`` was quiet: what to apply, unless it moves again, is applied, or must wait."""
        watched = self.watched.get(path)
        if watched is None or watched.busy:
            return None  # nothing is settled then: the turn after its end looks again
        # What waits for a limit is asked for anew below; left pending while it waits for
        # something else, it would be ready all the time.
        self._agenda.withdraw(path)
        look = self._sweep.again(path, [each for each, _ in watched.seen.inputs])
        if look.source == MISSING and not path.parent.is_dir():
            self._agenda.postpone(path, now + self._settings.sweep_seconds)
            return None
        if watched.saw(look, now):
            self._agenda.edited(path, now)  # two equal looks are needed
            return None
        if look.source == MISSING:
            assert watched.gone_since is not None
            gone_at = watched.gone_since + self._settings.delete_grace_seconds
            if now < gone_at:
                self._agenda.postpone(path, gone_at)
                return None
        glance_seconds = self._settings.quiet_seconds / GLANCES
        young = look.source != MISSING and now < watched.changed_at + glance_seconds
        if young and watched.glances < GLANCES:
            # It is due because it has waited for long, and was written this very moment.
            watched.glances += 1
            self._agenda.postpone(path, now + glance_seconds)
            return None
        watched.glances = 0
        status = places.at(path)
        runs = status is not None and serves(status, look) and status.error is None
        if look == watched.applied or (runs and look.inputs == watched.served_inputs):
            watched.applied = look
            self._agenda.done(path)
            return None
        return Edit(path, watched, look) if self._agenda.admit(path, now) else None

    def companions(self, edits: Sequence[Edit], now: float, places: Places) -> list[Edit]:
        """Who was refused only because of others: beside new versions of them it may fit."""
        chosen = {each.path for each in edits}
        found = []
        for path, watched in self.watched.items():
            if watched.refused_beside is None or watched.busy or path in chosen:
                continue
            edit = Edit(path, watched, watched.seen)
            if not self._reloads(edit, places.at(path)) or self._agenda.holds(path):
                continue
            if self._agenda.admit_beside(path, now):
                found.append(edit)
        return found

    def learn(self, edit: Edit, upshot: Upshot, now: float) -> None:
        """``edit`` was applied, with this ``upshot``."""
        path, watched = edit.path, edit.watched
        if upshot is Upshot.GONE:
            self.forget(path)
        elif watched.seen != edit.look:
            return  # it was edited meanwhile: that begins anew
        elif upshot is Upshot.MAY_PASS:
            retry = self._agenda.failed(path, now)
            if retry is None:
                return  # tried often enough: it counts as applied, and its status has the error
            watched.applied = None
            _log.warning(
                "%a failed; try %d of %d in %.1f s",
                path.name,
                retry.tried + 1,
                self._settings.retry_tries,
                retry.due - now,
            )
        elif watched.applied == edit.look:
            self._agenda.done(path)

    def forget(self, path: Path) -> None:
        """Nothing of ``path`` is left."""
        self.watched.pop(path, None)
        self._agenda.forget(path)
        self._on_forget(path)

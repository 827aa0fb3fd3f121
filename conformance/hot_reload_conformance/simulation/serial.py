"""The serial explanation: is there an order of the operations that gives what was seen?

Each operation that ended well must be possible where it stands, each that failed must
be impossible there or have an excuse, and one that was cancelled may have happened or
not. An operation that had ended before another began stands before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from hot_reload_conformance.simulation.cast import SINKS


@dataclass(frozen=True, slots=True)
class Plugin:
    """What is known of a loaded plugin."""

    version: str
    """"": it is FAILED, and nothing of it runs."""
    enabled: bool = True
    count: int = 0
    """What its state's counter holds."""


State: TypeAlias = "frozenset[tuple[str, Plugin]]"
"""The loaded plugins by name."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One operation as it was seen. ``ok`` None: its caller was cancelled."""

    verb: str
    name: str
    ok: bool | None
    began: int
    ended: int
    """Moments on one scale: what ended before another began came before it."""
    versions: tuple[str, ...] = ()
    """For load and reload: what it may have read, the good ones."""
    excused: bool = False
    """It may fail anywhere: a fault was planned or injected, or the host was closing."""
    twice: bool = False
    """It was struck again after that: the way back may have failed as well."""

    def __str__(self) -> str:
        word = {True: "ok", False: "failed", None: "cancelled"}[self.ok]
        return f"{self.verb} {self.name}: {word}"


def outcomes(
    start: State,
    happened: Iterable[Happened],
    *,
    stateful: frozenset[str],
    ranks: Mapping[str, int],
    stop_first: frozenset[str] = frozenset(),
    reload_loads: bool = False,
) -> set[State]:
    """The states that some serial order of ``happened`` leads to; empty: none explains it.

    ``stateful`` names the plugins whose count survives a reload, ``stop_first`` those whose old
    generation is stopped before the new one starts, so that a reload that fails twice leaves
    neither. ``ranks`` says in which
    order versions came to the disk: a reload never serves an older one than the reload
    before it did. Versions that are not listed may come back. With ``reload_loads`` a reload of
    what is not loaded loads it; else it cannot work.
    """
    done = tuple(happened)
    seen: set[tuple[frozenset[int], State]] = set()
    found: set[State] = set()
    waiting = [(frozenset(range(len(done))), start)]
    while waiting:
        rest, state = waiting.pop()
        if (rest, state) in seen:
            continue
        seen.add((rest, state))
        if not rest:
            found.add(state)
            continue
        first_end = min(done[each].ended for each in rest)
        for each in rest:
            if done[each].began <= first_end:
                falls = done[each].twice and done[each].name in stop_first
                for after in _after(state, done[each], stateful, ranks, falls, reload_loads):
                    waiting.append((rest - {each}, after))
    return found


def _after(
    state: State,
    op: Happened,
    stateful: frozenset[str],
    ranks: Mapping[str, int],
    falls: bool,
    reload_loads: bool,
) -> Iterator[State]:
    plugins = dict(state)
    there = plugins.get(op.name)
    worked = list(_worked(plugins, op, stateful, ranks, reload_loads))
    if op.ok is not False:
        yield from worked
    # Failed: because it could not work here, or because of what excuses it.
    possible = bool(worked) and not _guarded(plugins, op)
    fallen = there is not None and not there.version  # hosts differ in what that allows
    if op.ok is None or (op.ok is False and (op.excused or fallen or not possible)):
        yield state
    if op.verb == "reload" and op.ok is not True and falls and there is not None:
        yield _with(plugins, op.name, Plugin("", there.enabled, there.count))


def _guarded(plugins: Mapping[str, Plugin], op: Happened) -> bool:
    """Whether a host may refuse it, as the last sink would go."""
    if op.verb not in ("unload", "disable") or op.name not in SINKS:
        return False
    return [name for name, each in plugins.items() if each.enabled and name in SINKS] == [op.name]


def _worked(
    plugins: Mapping[str, Plugin],
    op: Happened,
    stateful: frozenset[str],
    ranks: Mapping[str, int],
    reload_loads: bool,
) -> Iterator[State]:
    there = plugins.get(op.name)
    if op.verb == "load" or (op.verb == "reload" and there is None and reload_loads):
        for version in op.versions if there is None or not there.version else ():
            yield _with(plugins, op.name, Plugin(version))
        return
    if there is None:
        return
    if op.verb == "reload":
        for version in op.versions:
            if ranks.get(version, 0) < ranks.get(there.version, 0) and version in ranks:
                continue  # what was written last has to win
            counts = {there.count} if op.name in stateful else {0}
            # What a FAILED one knew may be lost.
            for count in counts if there.version else counts | {0}:
                yield _with(plugins, op.name, Plugin(version, there.enabled, count))
    elif op.verb == "unload":
        yield _with(plugins, op.name, None)
    elif op.verb in ("enable", "disable"):
        enabled = op.verb == "enable"
        yield _with(plugins, op.name, Plugin(there.version, enabled, there.count))
    elif op.verb == "add" and there.enabled and there.version:
        yield _with(plugins, op.name, Plugin(there.version, True, there.count + 1))


def _with(plugins: Mapping[str, Plugin], name: str, plugin: Plugin | None) -> State:
    changed = {**plugins}
    changed.pop(name, None)
    if plugin is not None:
        changed[name] = plugin
    return frozenset(changed.items())

"""Specimens of the simulation, each with the kinds of failure that are its bug.

The hosts themselves stand with all other specimens. The hunt has to find them, to name
the invariant, and to shrink the proof to a few operations and deviations.
"""

from __future__ import annotations

from dataclasses import dataclass

from hot_reload_conformance.simulation import invariants
from hot_reload_conformance.simulation.failure import DEADLOCK
from hot_reload_conformance.simulation.lives import START_BEFORE_STOP
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.specimens.interleaved import ChecksThenUnloads as ChecksThenUnloads
from hot_reload_conformance.specimens.interleaved import Gap as Gap
from hot_reload_conformance.specimens.interleaved import KeepsLock as KeepsLock
from hot_reload_conformance.specimens.interleaved import LockOrder as LockOrder
from hot_reload_conformance.specimens.interleaved import LossyRollback as LossyRollback
from hot_reload_conformance.specimens.interleaved import OpenGate as OpenGate
from hot_reload_conformance.specimens.interleaved import StaleCompletion as StaleCompletion


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A wrong host, and the kinds of failure that are its bug."""

    adapter: type[BlueGreenAdapter]
    kinds: frozenset[str]


INTERLEAVED: tuple[Interleaved, ...] = (
    Interleaved(ChecksThenUnloads, frozenset({invariants.LAST_SINK, invariants.SERIAL})),
    Interleaved(OpenGate, frozenset({invariants.SERIAL})),
    Interleaved(
        StaleCompletion,
        frozenset(
            {
                invariants.ONE_GENERATION,
                invariants.SERIAL,
                invariants.ONCE,
                START_BEFORE_STOP,
            }
        ),
    ),
    Interleaved(KeepsLock, frozenset({DEADLOCK})),
    Interleaved(LockOrder, frozenset({DEADLOCK})),
    Interleaved(Gap, frozenset({invariants.NO_GAP})),
    Interleaved(LossyRollback, frozenset({invariants.NO_LOSS})),
)

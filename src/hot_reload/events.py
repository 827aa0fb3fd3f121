"""What the engine tells those who listen: frozen records, never dicts.

For every attempt a listener sees one ``OperationStarted``, any number of
``StageEntered``, and exactly one ``OperationEnded``, in this order. Events hold
plain data and keep no generation alive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from hot_reload.outcome import Operation, Outcome, Stage


@dataclass(frozen=True, slots=True)
class OperationStarted:
    """An operation began. ``attempt`` counts all attempts of this engine from 1."""

    attempt: int
    operation: Operation
    plugin: str
    at_seconds: float
    forced: bool = False


@dataclass(frozen=True, slots=True)
class StageEntered:
    """The transaction of ``attempt`` reached a stage."""

    attempt: int
    plugin: str
    stage: Stage
    at_seconds: float


@dataclass(frozen=True, slots=True)
class OperationEnded:
    """The attempt is over, whatever came of it. ``outcome`` None: its caller was cancelled."""

    attempt: int
    operation: Operation
    plugin: str
    at_seconds: float
    outcome: Outcome | None


LifecycleEvent: TypeAlias = OperationStarted | StageEntered | OperationEnded
Listener: TypeAlias = Callable[[LifecycleEvent], None]

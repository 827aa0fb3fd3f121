"""The engine's settings: every limit and deadline, with its unit in its name."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from hot_reload.errors import EngineMisuse

RELOAD_DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Limits of one engine. Immutable.

    Raises:
        EngineMisuse: a limit is not a positive, finite number, or ``required_redactors`` no
            names.
    """

    hook_deadline_seconds: float = 30.0
    """How long one hook may take."""
    reload_deadline_seconds: float | None = None
    """How long a load or a reload may take until its commit, all its hooks together. None: 30 s,
    or as long as one hook may take where that is longer."""
    drain_deadline_seconds: float = 10.0
    """How long a swap waits for what is still inside the old generation."""
    cancel_grace_seconds: float = 0.1
    """How long a hook that missed its deadline may take to honour its cancellation."""
    gate_limit_events: int = 100_000
    """How many events wait at a closed gate, or in an asynchronous sink's queue."""
    gate_patience_seconds: float = 5.0
    """How long a producer thread waits for room at a full gate before its event is dropped,
    and counted."""
    required_redactors: tuple[str, ...] = ()
    """The redactors without which no event passes, by name: while one of them is not loaded (its
    first load failed, perhaps), is disabled, or redacts nothing, events are dropped, and counted
    under its name."""

    def __post_init__(self) -> None:
        names: object = self.required_redactors
        if not isinstance(names, tuple) or not all(isinstance(e, str) and e for e in names):
            raise EngineMisuse(
                f"setting required_redactors is {names!r}; give a tuple of plugins' names, such "
                "as ('hide-passwords',)"
            )
        for each in fields(self):
            if each.name == "required_redactors":
                continue
            value = getattr(self, each.name)
            if value is None and each.default is None:
                continue
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or not math.isfinite(value) or value <= 0:
                raise EngineMisuse(
                    f"setting {each.name} is {value!r}; give a positive, finite number"
                )

    @property
    def reload_limit_seconds(self) -> float:
        """``reload_deadline_seconds``, with its default worked out."""
        if self.reload_deadline_seconds is None:
            return max(RELOAD_DEADLINE_SECONDS, self.hook_deadline_seconds)
        return self.reload_deadline_seconds

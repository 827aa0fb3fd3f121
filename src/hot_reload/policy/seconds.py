"""Seconds: which durations a policy accepts, and a clock that only goes forward."""

from __future__ import annotations

import math

from hot_reload.errors import EngineMisuse


def checked_seconds(name: str, value: float) -> float:
    """``value`` as a duration for the parameter ``name``.

    Raises:
        EngineMisuse: it is no number, negative, infinite or NaN.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise EngineMisuse(f"{name} is {value!r}, not a number of seconds")
    if not math.isfinite(value) or value < 0:
        raise EngineMisuse(f"{name} is {value!r}; give a finite number of seconds, 0 or more")
    return float(value)


class ForwardClock:
    """Remembers the latest moment that a policy was told, and refuses an earlier one.

    Not safe for threads; it belongs to the one policy that made it.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._latest = -math.inf

    def advance(self, now: float) -> None:
        """Take ``now`` (seconds since any fixed point) as the latest moment.

        Raises:
            EngineMisuse: it is before the latest one, or not finite.
        """
        if not math.isfinite(now):
            raise EngineMisuse(f"the {self._owner} was told that now is {now!r}")
        if now < self._latest:
            raise EngineMisuse(
                f"the {self._owner} was told that now is {now!r}, after {self._latest!r}: time "
                "went back; give it a monotonic clock (time.monotonic, not time.time)"
            )
        self._latest = now

"""How many of many things to go through at a time, so that it takes a small share of the time."""

from __future__ import annotations

import math

from hot_reload.policy.seconds import checked_seconds

NEWEST_WEIGHT = 0.25
"""How much the newest measurement counts for what one thing costs."""


class Pace:
    """Spreads rounds over many things by what one of them was measured to cost.

    Few things are gone through whole, once in ``least_seconds``. Where a round would
    take more than the given share of the time it is spread over a longer span. Pure
    arithmetic; not safe for threads.

    Raises:
        EngineMisuse: ``least_seconds`` is negative or not finite.
    """

    def __init__(self, least_seconds: float) -> None:
        self.least_seconds = checked_seconds("least_seconds", least_seconds)
        self.cost_seconds: float | None = None
        """What one thing costs, on average of late; None: nothing was measured yet."""

    def took(self, count: int, seconds: float) -> None:
        """Take note that ``count`` things took ``seconds``."""
        if count < 1:
            return
        cost = max(0.0, seconds) / count
        if self.cost_seconds is not None:
            cost = self.cost_seconds + NEWEST_WEIGHT * (cost - self.cost_seconds)
        self.cost_seconds = cost

    def round_seconds(self, total: int, share: float) -> float:
        """How long a round through ``total`` things lasts if it takes ``share`` of the time."""
        return max(self.least_seconds, total * (self.cost_seconds or 0.0) / share)

    def portion(self, total: int, share: float) -> int:
        """How many of ``total`` things to go through now, and again every ``least_seconds``."""
        whole = self.round_seconds(total, share)
        return (
            total if whole <= self.least_seconds else math.ceil(total * self.least_seconds / whole)
        )

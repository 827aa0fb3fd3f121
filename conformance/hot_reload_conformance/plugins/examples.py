"""Examples drawn from a Hypothesis strategy, the same in every run, without a test around them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def examples_of(given: Any, count: int) -> list[Any]:
    """``count`` values: of a sequence, in turn and again from its beginning; or of a strategy.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(given, Sequence):
        return [given[number % len(given)] for number in range(count)] if given else []
    from hypothesis import HealthCheck, settings
    from hypothesis import given as drawn
    from hypothesis.strategies import SearchStrategy, lists

    if not isinstance(given, SearchStrategy):
        raise TypeError(f"give a sequence or a Hypothesis strategy, not {type(given).__name__}")
    found: list[Any] = []

    @settings(
        max_examples=1,
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @drawn(lists(given, min_size=count, max_size=count))
    def collect(values: list[Any]) -> None:
        found[:] = values

    collect()
    return found

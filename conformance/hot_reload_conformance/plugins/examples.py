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
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis import given as drawn
    from hypothesis.strategies import SearchStrategy, lists

    if not isinstance(given, SearchStrategy):
        raise TypeError(f"give a sequence or a Hypothesis strategy, not {type(given).__name__}")
    found: list[Any] = []

    # Many short lists, as the first that Hypothesis draws is of the simplest value alone, and a
    # long one of all the same would show neither order nor a loss of one among many.
    @settings(
        max_examples=_DRAWS + count // 2,
        phases=[Phase.generate],
        database=None,
        derandomize=True,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @drawn(lists(given, min_size=1, max_size=8))
    def collect(values: list[Any]) -> None:
        if len(found) <= count:
            found.extend(values)

    collect()
    simplest, *others = found
    mixed = [*others[: max(1, count - 1)], simplest]
    return [mixed[number % len(mixed)] for number in range(count)]


_DRAWS = 10

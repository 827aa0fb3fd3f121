"""Events as a multiset: which of them are missing, and which came too often."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def beyond(some: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    """What ``some`` holds beyond ``others``, each as often; events need not be hashable."""
    left = list(others)
    found = []
    for event in some:
        if event in left:
            left.remove(event)
        else:
            found.append(event)
    return found

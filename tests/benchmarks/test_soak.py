"""The soak, small: a count of what is left behind, and no clock."""

from __future__ import annotations

from tests.benchmarks.soak import soaked


async def test_reloads_leave_nothing_behind() -> None:
    found = await soaked(200)
    assert (found.answer, found.lingering, found.more) == (200, (), {})

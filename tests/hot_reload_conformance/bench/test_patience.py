"""Patience: a machine that is busy with something else makes nobody hang."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest

from hot_reload_conformance.bench.patience import patiently


async def _takes(turns: int) -> str:
    for _ in range(turns):
        await asyncio.sleep(0)
    return "ended"


@pytest.fixture
def starve(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on ten seconds pass each time that the running loop looks at its clock."""

    def begin() -> None:
        moments = itertools.count(1e6, 10.0)
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: next(moments))

    return begin


async def test_what_goes_on_does_not_hang_however_late_it_is(starve: Callable[[], None]) -> None:
    starve()
    plain = asyncio.ensure_future(_takes(20))
    at_once, _ = await asyncio.wait({plain}, timeout=2.0)
    assert not at_once, "the machine is not as busy as this test means it to be"
    slow = asyncio.ensure_future(_takes(20))
    done, waiting = await patiently({slow}, 2.0)
    assert done == {slow}
    assert not waiting
    await plain


async def test_what_does_not_end_hangs(starve: Callable[[], None]) -> None:
    starve()
    never = asyncio.get_running_loop().create_future()
    soon = asyncio.ensure_future(_takes(3))
    done, waiting = await patiently([never, soon], 2.0)
    assert (done, waiting) == ({soon}, {never})
    done, waiting = await patiently([never, soon], 2.0, return_when=asyncio.FIRST_COMPLETED)
    assert (done, waiting) == ({soon}, {never})

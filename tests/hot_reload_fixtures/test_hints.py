"""The scripted hints say what the test says, and know who listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from hot_reload.ports import ChangeSource
from hot_reload_fixtures import ScriptedHints

ROOT = Path("plugins")


async def test_it_says_first_that_it_stands_and_then_what_it_is_told() -> None:
    hints = ScriptedHints()
    source: ChangeSource = hints((ROOT,))
    assert await source.next_hint() == frozenset()
    hints.tell(ROOT / "a.py", ROOT / "b.py")
    hints.tell()
    assert await source.next_hint() == {ROOT / "a.py", ROOT / "b.py"}
    assert await source.next_hint() == frozenset()
    assert hints.opened == [(ROOT,)]


async def test_it_dies_when_told_and_counts_what_is_open() -> None:
    hints = ScriptedHints()
    source = hints((ROOT,))
    await source.next_hint()
    assert hints.open_count == 1
    hints.fail(OSError("overflow"))
    with pytest.raises(OSError, match="overflow"):
        await source.next_hint()
    await source.close()
    await source.close()
    assert hints.open_count == 0


async def test_it_refuses_until_it_is_allowed() -> None:
    hints = ScriptedHints()
    hints.refuse(OSError("limit"))
    with pytest.raises(OSError, match="limit"):
        hints((ROOT,))
    hints.allow()
    hints((ROOT,))
    assert hints.opened == [(ROOT,), (ROOT,)]
    assert hints.open_count == 1

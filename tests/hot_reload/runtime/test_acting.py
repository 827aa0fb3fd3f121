"""Who acts: for the block and what it starts, and for nothing else."""

from __future__ import annotations

import asyncio

import pytest

from hot_reload import acting_as
from hot_reload.errors import EngineMisuse
from hot_reload.runtime.acting import Acting, acting


def test_f60_blocks_nest_and_end() -> None:
    assert acting() is None
    with acting_as("alice", reason="hotfix") as outer:
        assert acting() == outer == Acting("alice", "hotfix")
        with acting_as("bob"):
            assert acting() == Acting("bob", "")
        assert acting() == outer
    assert acting() is None


async def test_f60_tasks_of_the_block_inherit_it_and_others_do_not() -> None:
    async def who() -> Acting | None:
        return acting()

    before = asyncio.create_task(who())
    with acting_as("alice"):
        inside = asyncio.create_task(who())
    after = asyncio.create_task(who())
    assert await before is None
    assert await inside == Acting("alice")
    assert await after is None


def test_f60_texts_are_plain_bounded_and_safe() -> None:
    class Text(str):
        __slots__ = ("held",)

    with acting_as(Text("al\nice"), reason="\x1b[2J" + "x" * 10_000) as who:
        assert who.actor == "al\\nice"
        assert type(who.actor) is type(who.reason) is str
        assert len(who.reason) < 600
        assert who.reason.startswith("\\x1b[2J")


@pytest.mark.parametrize(("actor", "reason"), [("", ""), (" ", ""), (None, ""), ("a", 3)])
def test_f60_misuse_is_told(actor: str, reason: str) -> None:
    with pytest.raises(EngineMisuse, match="give"), acting_as(actor, reason=reason):
        pass

"""Moments as lanes: a bar for each hook, in the lane of its generation, from begin to end."""

from __future__ import annotations

from hot_reload_conformance.report.lanes import Bar, lanes
from hot_reload_conformance.report.timeline import timeline

SWAP = (
    "a v1#1 start begin",
    "a v1#1 start end",
    "a v2#2 start begin",
    "a v1#1 write begin",
    "a v1#1 write end",
    "a v2#2 start raise",
    "a v2#2 stop begin",
)


def test_a_hook_is_a_bar_from_its_begin_to_its_end() -> None:
    drawn = lanes(SWAP)
    assert drawn is not None
    assert drawn.names == ("a v1", "a v2")
    assert drawn.bars == (
        Bar(0, "start", "1", 0, 0, 0, "whole"),
        Bar(1, "start", "2", 1, 3, 0, "raise"),
        Bar(0, "write", "1", 2, 2, 0, "whole"),
        Bar(1, "stop", "2", 4, 4, 0, "open"),
    )
    assert drawn.rows == 5


def test_what_begins_within_another_hook_of_its_generation_stands_deeper() -> None:
    drawn = lanes(
        (
            "a v1#1 start begin",
            "a v1#1 ask begin",
            "a v1#9 other begin",
            "a v1#1 ask end",
            "a v1#1 start end",
        )
    )
    assert drawn is not None
    assert [(each.what, each.first, each.last, each.depth) for each in drawn.bars] == [
        ("start", 0, 4, 0),
        ("ask", 1, 3, 1),
        ("other", 2, 2, 0),
    ]


def test_the_same_hook_within_itself_ends_from_within() -> None:
    drawn = lanes(
        (
            "a v1#1 write begin",
            "a v1#1 write begin",
            "a v1#1 ask begin",
            "a v1#1 ask end",
            "a v1#1 write raise",
            "a v1#1 write end",
        )
    )
    assert drawn is not None
    assert [(each.what, each.last, each.depth, each.ended) for each in drawn.bars] == [
        ("write", 4, 0, "end"),
        ("write", 3, 1, "raise"),
        ("ask", 2, 2, "whole"),
    ]


def test_an_end_whose_begin_was_cut_off_is_a_bar_of_its_own() -> None:
    drawn = lanes(("a v1#1 start end", "a v1#1 stop raise"))
    assert drawn is not None
    assert [(each.what, each.ended) for each in drawn.bars] == [("start", "end"), ("stop", "raise")]


def test_events_that_arrived_stand_between_the_hooks() -> None:
    drawn = lanes(("a v1#1 8 events taken", "a v2#2 start begin", "a v1#1 1 event taken"))
    assert drawn is not None
    assert [(each.what, each.first, each.ended) for each in drawn.bars] == [
        ("8 events", 0, "taken"),
        ("start", 1, "open"),
        ("1 event", 2, "taken"),
    ]
    assert timeline(("a v1#1 start end", "a v1#1 8 events taken")) == [
        "a v1",
        "┴ start done",
        "• 8 events",
    ]


def test_what_is_no_moment_is_not_drawn() -> None:
    assert lanes(()) is None
    assert lanes(("warning: a task goes on", *SWAP)) is None

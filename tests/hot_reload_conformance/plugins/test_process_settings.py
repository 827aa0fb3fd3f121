"""What a plugin set for the whole process is told, and put back."""

from __future__ import annotations

import builtins
import gc
import logging
import sys
from collections.abc import Callable

import pytest

from hot_reload_conformance.plugins.process_settings import ProcessSettings


def _limit() -> None:
    sys.setrecursionlimit(sys.getrecursionlimit() + 1)


def _hook() -> None:
    sys.excepthook = lambda *_: None


def _built_in() -> None:
    vars(builtins)["hot_reload_test"] = print


@pytest.mark.parametrize(
    ("change", "read", "says"),
    [
        (_limit, sys.getrecursionlimit, "changed the recursion limit"),
        (_hook, lambda: sys.excepthook, "replaced sys.excepthook"),
        (gc.disable, gc.isenabled, "changed the garbage collection switch"),
        (_built_in, lambda: hasattr(builtins, "hot_reload_test"), "added the built-in"),
    ],
)
def test_a_change_is_told_and_put_back(
    change: Callable[[], None], read: Callable[[], object], says: str
) -> None:
    before, settings = read(), ProcessSettings()
    change()
    assert read() != before
    told = settings.put_back()
    assert read() == before
    assert [text for text in told if text.startswith(says)] == list(told) != []


def test_a_filter_of_a_logger_is_told_and_taken_off() -> None:
    logger = logging.getLogger("hot_reload_test.filtered")
    kept = logging.Filter("kept")
    logger.addFilter(kept)
    settings = ProcessSettings()
    logger.addFilter(logging.Filter("new"))
    assert settings.put_back() == (
        "added a filter to the logger 'hot_reload_test.filtered', logging.Filter",
    )
    assert logger.filters == [kept]
    logger.removeFilter(kept)


def test_nothing_changed_is_nothing_told() -> None:
    settings = ProcessSettings()
    assert settings.put_back() == ()
    assert settings.put_back() == ()

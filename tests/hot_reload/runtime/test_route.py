"""Routes: what is written out for a view. ``test_dispatch`` runs all its tests by them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.outcome import Role
from hot_reload.runtime import route
from hot_reload.runtime.dispatch import Counts, Dispatch, View
from hot_reload.runtime.route import Shape, maker

ROLES = (Role.FILTER, Role.ENRICHER, Role.PROCESSOR, Role.REDACTOR)


class Told:
    """A stage that does as it is told, and tells what it was given."""

    def __init__(self, name: str, does: str, told: list[tuple[str, Any]]) -> None:
        self.name, self.does, self.told = name, does, told

    def __call__(self, event: Any) -> Any:
        self.told.append((self.name, event))
        match self.does:
            case "raises":
                raise ValueError
            case "interrupts":
                raise KeyboardInterrupt
            case "waits":
                return self._later()
            case "nothing":
                return None
            case "false":
                return 0
        return f"{event}{self.name}"

    async def _later(self) -> None:
        """Nobody awaits it."""


DOES = st.sampled_from(["answers"] * 5 + ["raises", "interrupts", "waits", "nothing", "false"])
STEPS = st.lists(st.tuples(st.sampled_from(ROLES), DOES), max_size=6)
SINKS = st.lists(DOES, min_size=1, max_size=3)


def gone_through(steps: list[tuple[Role, str]], sinks: list[str]) -> tuple[object, ...]:
    """What becomes of one event, in all that can be seen of it."""
    told: list[tuple[str, Any]] = []
    dispatch = Dispatch(Counts())
    ordered = sorted(steps, key=lambda each: ROLES.index(each[0]))
    view = View(
        [(role, f"step{i}", Told(f"-{i}", does, told)) for i, (role, does) in enumerate(ordered)],
        [(f"sink{i}", Told(f"+{i}", does, told)) for i, does in enumerate(sinks)],
    )
    dispatch.install(view)
    accepted: object
    try:
        accepted = dispatch.emit("e")
    except KeyboardInterrupt:
        accepted = "interrupted"
    counts = dispatch.counts
    sums = counts.accepted, counts.filtered, counts.dropped, counts.errors
    return accepted, told, sums, view.marks


@given(steps=STEPS, sinks=SINKS)
async def test_a_route_does_what_the_loops_do(
    steps: list[tuple[Role, str]], sinks: list[str]
) -> None:
    written_out = gone_through(steps, sinks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(route, "STAGES_LIMIT", 0)
        assert gone_through(steps, sinks) == written_out


async def test_which_views_have_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "STAGES_LIMIT", 2)
    dispatch, seen = Dispatch(Counts()), list[Any]()
    written: list[bool] = []
    for sinks in range(4):
        dispatch.install(View(sinks=[(f"sink{i}", seen.append) for i in range(sinks)]))
        assert dispatch.emit(sinks) is bool(sinks)
        written.append(dispatch.emit != dispatch._emit)
    assert written == [False, True, True, False]
    assert seen == [1, 2, 2, 3, 3, 3]


async def test_a_route_that_was_kept_leads_to_the_view_of_now() -> None:
    dispatch, seen = Dispatch(Counts()), list[str]()

    def to(name: str) -> Callable[[Any], None]:
        return lambda event: seen.append(name)

    dispatch.install(View(sinks=[("sink", to("old"))]))
    kept = dispatch.emit
    dispatch.install(View(sinks=[("sink", to("new"))]))
    assert kept(1)
    assert (seen, dispatch.counts.accepted) == (["new"], 1)


async def test_a_route_goes_with_its_view() -> None:
    class Sink:
        def write(self, event: Any) -> None:
            """Nothing."""

    dispatch, sink = Dispatch(Counts()), Sink()
    gone = weakref.ref(sink)
    dispatch.install(View(sinks=[("sink", sink.write)]))
    dispatch.emit(1)
    del sink
    gc.disable()
    try:
        dispatch.install(View())
        dispatch.forget_left()
        assert gone() is None
    finally:
        gc.enable()


def test_a_shape_is_written_out_once() -> None:
    shape = Shape(1, (False, True), 2)
    assert shape.stages == 5
    assert maker(shape) is maker(Shape(1, (False, True), 2))

"""Lifecycle events: frozen plain records, a closed set."""

from __future__ import annotations

import dataclasses
import pickle
import typing

import pytest

from hot_reload import events
from hot_reload.events import LifecycleEvent, OperationEnded, OperationStarted, StageEntered
from hot_reload.outcome import Loaded, Operation, Stage

EVERY: list[LifecycleEvent] = [
    OperationStarted(1, Operation.LOAD, "a", 0.5),
    StageEntered(1, "a", Stage.READ, 0.5),
    OperationEnded(1, Operation.LOAD, "a", 0.75, Loaded(operation=Operation.LOAD, plugin="a")),
    OperationEnded(2, Operation.RELOAD, "a", 0.75, None),
]


def test_the_set_of_events_is_closed_and_all_of_it_is_here() -> None:
    defined = {
        value
        for value in vars(events).values()
        if isinstance(value, type) and value.__module__ == events.__name__
    }
    assert set(typing.get_args(LifecycleEvent)) == defined == {type(each) for each in EVERY}


@pytest.mark.parametrize("event", EVERY)
def test_events_are_frozen_plain_data(event: LifecycleEvent) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.plugin = "b"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(event)) == event
    assert not hasattr(event, "__dict__"), "slots keep a listener from hanging objects on it"


def test_every_event_tells_attempt_plugin_and_moment() -> None:
    for event in typing.get_args(LifecycleEvent):
        names = {field.name for field in dataclasses.fields(event)}
        assert {"attempt", "plugin", "at_seconds"} <= names

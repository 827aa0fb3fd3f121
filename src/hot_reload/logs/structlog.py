"""A processor for structlog: its event dicts become events of an engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from hot_reload.errors import EngineMisuse
from hot_reload.logs.emitting import EMITTING, is_emitting
from hot_reload.logs.event import event_of_dict
from hot_reload.logs.handler import Emitter


class HotReloadProcessor:
    """Gives each event dict to the sinks of an engine; put it last.

    ::

        structlog.configure(processors=[..., HotReloadProcessor(engine)])

    Nothing else prints the event then: it raises structlog's ``DropEvent``. With
    ``passing=True`` it returns the event dict for the processors after it. Safe from threads
    and tasks; never changes the event dict. It never re-enters: what a plugin logs while it is
    given an event is not made an event again, and counted in ``suppressed``.

    Raises:
        EngineMisuse: structlog is not installed.
    """

    def __init__(
        self, emitter: Emitter, *, passing: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._emitter = emitter
        self._passing = passing
        self._clock = clock
        self._drop = _drop_event()
        self.not_accepted = 0
        """Events that the engine did not take: it has no sink, or is closed."""
        self.suppressed = 0

    def __call__(
        self, logger: Any, method: str, event_dict: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        if is_emitting():
            self.suppressed += 1
        elif not self._emit(logger, method, event_dict):
            self.not_accepted += 1
        if not self._passing:
            raise self._drop
        return event_dict

    def _emit(self, logger: Any, method: str, event_dict: Mapping[str, Any]) -> bool:
        event = event_of_dict(
            event_dict,
            level=method,
            logger=getattr(logger, "name", "") or "structlog",
            at_seconds=self._clock(),
        )
        token = EMITTING.set(True)
        try:
            return self._emitter.emit(event)
        except EngineMisuse:  # a logger that is closed: no reason for the program's call to fail
            return False
        finally:
            EMITTING.reset(token)


def _drop_event() -> type[BaseException]:
    try:
        from structlog import DropEvent
    except ImportError:
        raise EngineMisuse(
            "the structlog processor needs structlog, which is not installed: "
            "python -m pip install 'pytest-hot-reload[structlog]'"
        ) from None
    return DropEvent

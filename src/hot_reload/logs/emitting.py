"""Whether an event is being delivered right now: what is logged meanwhile is about that event."""

from __future__ import annotations

from contextvars import ContextVar

from hot_reload.runtime.mailbox import IN_MAILBOX

# Set and reset by hand: a context manager would take longer than the delivery itself.
EMITTING: ContextVar[bool] = ContextVar("hot_reload_emitting", default=False)
"""Whether the present thread or task, or what started it, is delivering an event."""


def is_emitting() -> bool:
    """Whether one is delivered here, by a logger, the handler, the processor or a mailbox.

    Made an event of its own, what is logged then would be delivered, logged, and so on: with
    two sinks that log, twice as often each time.
    """
    return EMITTING.get() or IN_MAILBOX.get()

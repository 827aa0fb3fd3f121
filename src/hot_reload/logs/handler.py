"""A handler for the standard library's logging: its records become events of an engine."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from hot_reload.errors import EngineMisuse
from hot_reload.logs.emitting import EMITTING, is_emitting
from hot_reload.logs.event import event_of_dict, log_event

OWN_LOGGERS = ("hot_reload",)
"""The loggers of the engine and of its plugins: what they say of an event would be another."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_WRAPPED = frozenset({"_logger", "_name"})
"""What structlog puts on a record whose message is an event dict."""
_formatter = logging.Formatter()


class Emitter(Protocol):
    """What takes events: an ``Engine``, a ``HotLogger``, a ``SyncHotLogger``."""

    def emit(self, event: Any) -> bool:
        """Take ``event``, from any thread or task; False: it was not accepted."""


class HotReloadHandler(logging.Handler):
    """Gives each record to the sinks of an engine, as a dict (see ``hot_reload.logs.event``).

    ::

        logging.getLogger().addHandler(HotReloadHandler(engine))

    Safe from threads and tasks; holds no lock while an event is delivered. It never
    re-enters: what a plugin logs while it is given an event is not made an event again,
    nor is what the loggers named in ``ignored``, and those below them, say. Both are
    counted in ``suppressed``; records that the engine did not accept (it has no sink, or
    is closed) in ``not_accepted``. The counts are exact where one thread logs.
    """

    def __init__(
        self, emitter: Emitter, level: int | str = 0, *, ignored: Iterable[str] = OWN_LOGGERS
    ) -> None:
        super().__init__(level)
        self.suppressed = 0
        self.not_accepted = 0
        self._emitter = emitter
        self._ignored = tuple(ignored)

    def handle(self, record: logging.LogRecord) -> bool:
        """Filter ``record``, and emit it. Takes no lock.

        The lock of logging would be held while a producer waits at a gate, and whoever
        opens the gate could want to log.
        """
        kept = self.filter(record)
        if isinstance(kept, logging.LogRecord):
            record = kept
        if kept:
            self.emit(record)
        return bool(kept)

    def emit(self, record: logging.LogRecord) -> None:
        """Make ``record`` an event. What is wrong with it goes to ``handleError``."""
        if is_emitting() or self._is_ignored(str(record.name)):
            self.suppressed += 1
            return
        token = EMITTING.set(True)
        try:
            if not self._emitter.emit(event_of(record)):
                self.not_accepted += 1
        except EngineMisuse:  # a logger that is closed
            self.not_accepted += 1
        except Exception:
            self.handleError(record)
        finally:
            EMITTING.reset(token)

    def _is_ignored(self, name: str) -> bool:
        return any(name == each or name.startswith(f"{each}.") for each in self._ignored)


def event_of(record: logging.LogRecord) -> dict[str, Any]:
    """``record`` as a new dict: time, level, logger, message, exception, extra.

    Of one that structlog's ``ProcessorFormatter.wrap_for_formatter`` made it is what
    ``HotReloadProcessor`` makes of the event dict.

    Raises:
        Exception: its arguments do not fit its message.
    """
    extra = {key: each for key, each in vars(record).items() if key not in _STANDARD}
    if extra.keys() >= _WRAPPED:
        extra = {key: each for key, each in extra.items() if key not in _WRAPPED}
        if isinstance(record.msg, Mapping):
            return event_of_dict(
                {**extra, **record.msg},
                level=record.levelname,
                logger=record.name,
                at_seconds=record.created,
                exception=_exception(record),
            )
    return log_event(
        str(record.levelname),  # a record that came by a socket may have none, nor a name
        record.getMessage(),
        logger=str(record.name),
        at_seconds=record.created,
        exception=_exception(record),
        extra=extra,
    )


def _exception(record: logging.LogRecord) -> str | None:
    texts = []
    if record.exc_info and record.exc_info[1] is not None:
        # Not kept on the record, as formatters do: the text is not theirs to share.
        texts.append(_formatter.formatException(record.exc_info))
    elif record.exc_text:
        texts.append(record.exc_text)
    if record.stack_info:
        texts.append(record.stack_info)
    return "\n".join(texts) or None

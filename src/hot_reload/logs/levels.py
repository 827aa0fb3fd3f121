"""The methods of a logger by level, the same for both façades."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from hot_reload.logs.event import log_event, text_of, traceback_text


class LevelMethods:
    """``debug`` to ``critical``, and ``exception``: each makes an event and emits it.

    None of them waits for a swap. Each returns whether the event was accepted (see
    ``Engine.emit``); ``fields`` become the event's ``extra``. ``level`` is a word, or a number of
    the standard library; ``exc_info`` what that takes: an exception, what ``sys.exc_info``
    gives, or True for the one that is handled right now.

    Raises:
        EngineMisuse: the logger is closed.
    """

    name: str
    _clock: Callable[[], float]

    def emit(self, event: Any) -> bool:
        """Send ``event`` itself, as it is. From any thread or task."""
        raise NotImplementedError

    def log(
        self, level: str | int, message: str, /, *, exc_info: object = None, **fields: Any
    ) -> bool:
        return self.emit(
            log_event(
                level if type(level) is str else _word(level),
                message,
                logger=self.name,
                at_seconds=self._clock(),
                exception=None if exc_info is None else traceback_text(exc_info),
                extra=fields,
            )
        )

    def debug(self, message: str, /, **fields: Any) -> bool:
        return self.log("DEBUG", message, **fields)

    def info(self, message: str, /, **fields: Any) -> bool:
        return self.log("INFO", message, **fields)

    def warning(self, message: str, /, **fields: Any) -> bool:
        return self.log("WARNING", message, **fields)

    def error(self, message: str, /, **fields: Any) -> bool:
        return self.log("ERROR", message, **fields)

    def critical(self, message: str, /, **fields: Any) -> bool:
        return self.log("CRITICAL", message, **fields)

    def exception(self, message: str, error: BaseException | None = None, /, **fields: Any) -> bool:
        """An ERROR with the traceback of ``error``; None: of the exception handled right now.

        ``error=`` an exception means the same; anything else of this name is a field.
        """
        if error is None and isinstance(fields.get("error"), BaseException):
            error = fields.pop("error")
        fields.setdefault("exc_info", True if error is None else error)
        return self.log("ERROR", message, **fields)


def _word(level: object) -> str:
    try:
        return str(logging.getLevelName(level)) if isinstance(level, int) else text_of(level)
    except Exception:  # a number of more digits than Python writes out
        return text_of(level)

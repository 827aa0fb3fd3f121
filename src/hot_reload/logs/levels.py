"""The methods of a logger by level, the same for both façades."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from hot_reload.logs.event import log_event


class LevelMethods:
    """``debug`` to ``critical``, and ``exception``: each makes an event and emits it.

    None of them waits for a swap. Each returns whether the event was accepted (see
    ``Engine.emit``); ``fields`` become the event's ``extra``. ``exc_info`` is an exception.

    Raises:
        EngineMisuse: the logger is closed.
    """

    name: str
    _clock: Callable[[], float]

    def emit(self, event: Any) -> bool:
        """Send ``event`` itself, as it is. From any thread or task."""
        raise NotImplementedError

    def log(
        self, level: str, message: str, *, exc_info: BaseException | None = None, **fields: Any
    ) -> bool:
        exception = None
        if exc_info is not None:
            exception = "".join(traceback.format_exception(exc_info))
        return self.emit(
            log_event(
                level,
                message,
                logger=self.name,
                at_seconds=self._clock(),
                exception=exception,
                extra=fields,
            )
        )

    def debug(self, message: str, **fields: Any) -> bool:
        return self.log("DEBUG", message, **fields)

    def info(self, message: str, **fields: Any) -> bool:
        return self.log("INFO", message, **fields)

    def warning(self, message: str, **fields: Any) -> bool:
        return self.log("WARNING", message, **fields)

    def error(self, message: str, **fields: Any) -> bool:
        return self.log("ERROR", message, **fields)

    def critical(self, message: str, **fields: Any) -> bool:
        return self.log("CRITICAL", message, **fields)

    def exception(self, message: str, error: BaseException, **fields: Any) -> bool:
        """An ERROR with the traceback of ``error``."""
        return self.log("ERROR", message, exc_info=error, **fields)

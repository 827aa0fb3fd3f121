"""What a process has once and the census does not read: hooks, limits, filters of loggers."""

from __future__ import annotations

import logging

from hot_reload.source.process_state import ProcessState, undo

_PARTS = frozenset(
    {
        *("built-in", "sys.excepthook", "sys.displayhook", "sys.unraisablehook"),
        *("sys.stdin", "sys.stdout", "sys.stderr"),
        *("sys.breakpointhook", "threading.excepthook", "recursion limit", "switch interval"),
        *("garbage collection switch", "garbage collection threshold"),
        *("garbage collection debug flags", "default socket timeout", "decimal context"),
        *("function that shows warnings", "logger class", "log record factory"),
        *("filters of the root logger", "level up to which logging is disabled"),
        *("time zone", "asyncio event loop policy", "sys.argv", "HTTPS certificates"),
        *("limit of digits of an integer", "stack size of new threads"),
        *("sys.dont_write_bytecode", "sys.pycache_prefix"),
        *("logging.raiseExceptions", "logging.lastResort"),
    }
)
"""Of those that the engine looks after, by its names; the rest is in the census."""


class ProcessSettings:
    """How they were when this was made, until they are put back."""

    def __init__(self) -> None:
        self._state: ProcessState | None = ProcessState.capture()
        self._filters = {logger: list(logger.filters) for logger in _loggers()}

    def put_back(self) -> tuple[str, ...]:
        """Undo what has changed since, the latest first; gives each change as a sentence."""
        before, self._state = self._state, None  # it refers to every module that there was
        changes = before.changes_by_now() if before is not None else ()
        made = tuple(each for each in changes if each.part in _PARTS)
        texts = [each.text for each in made]
        undo(made)
        for logger in _loggers():
            known = self._filters.get(logger, [])
            for added in [each for each in logger.filters if each not in known]:
                kind = type(added)
                texts.append(
                    f"added a filter to the logger {logger.name!r}, "
                    f"{kind.__module__.partition('@')[0]}.{kind.__qualname__}"
                )
                logger.removeFilter(added)
        return tuple(texts)


def _loggers() -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.values())
    return [each for each in known if isinstance(each, logging.Logger)]

"""A filter against floods: one plugin that logs without end leaves the log to the others."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from hot_reload.errors import EngineMisuse
from hot_reload.policy.seconds import checked_seconds
from hot_reload.source.namespace import MARK

_PLUGINS = "hot_reload.plugin."
_log = logging.getLogger("hot_reload.flood")


class FloodFilter(logging.Filter):
    """Lets ``limit`` records of each plugin through in ``window_seconds``, and counts the others.

    ::

        handler.addFilter(FloodFilter(limit=100, window_seconds=1.0))

    A plugin's records are those of ``context.logger`` and of ``logging.getLogger(__name__)`` in
    its modules, and those of loggers below them; all of them count together. Other records pass.
    The first record that is left out is told of by a warning of the logger
    ``hot_reload.flood``, and so is how many there were, with the plugin's next record after
    the window. Safe from any thread. ``now`` gives seconds that never go back.

    Raises:
        EngineMisuse: the limit is no whole number of 1 or more, or the window is no positive,
            finite number.
    """

    def __init__(
        self,
        limit: int = 100,
        window_seconds: float = 1.0,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise EngineMisuse(f"limit is {limit!r}; give a whole number of 1 or more")
        if checked_seconds("window_seconds", window_seconds) == 0:
            raise EngineMisuse("window_seconds is 0; give a positive number")
        self.limit = limit
        self.window_seconds = window_seconds
        self._now = now
        self._lock = threading.RLock()  # a signal handler may log in mid-filter
        self._windows: dict[str, tuple[float, int]] = {}
        """For each plugin: when its window began, and how many records came in it."""
        self._suppressed: Counter[str] = Counter()

    @property
    def suppressed(self) -> Mapping[str, int]:
        """How many records of each plugin were left out so far."""
        with self._lock:
            return MappingProxyType(dict(self._suppressed))

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether ``record`` passes."""
        plugin = plugin_of(str(record.name))
        if plugin is None:
            return True
        with self._lock:
            began, count = self._windows.get(plugin, (self._now(), 0))
            late = self._now() - began >= self.window_seconds
            left_out = max(0, count - self.limit) if late else 0
            if late:
                began, count = self._now(), 0
            count += 1
            self._windows[plugin] = began, count
            passes = count <= self.limit
            if not passes:
                self._suppressed[plugin] += 1
        # Without the lock: what is logged here comes through this filter too.
        if left_out:
            _log.warning("%d records of plugin %r were left out", left_out, plugin)
        if count == self.limit + 1:
            _log.warning(
                "plugin %r floods the log: more than %d records in %g s; the others are left out, "
                "and counted",
                plugin,
                self.limit,
                self.window_seconds,
            )
        return passes


def plugin_of(logger: str) -> str | None:
    """The plugin that logs by the logger of this name; None: it is no plugin's.

    By its module's ``__name__`` a plugin is known as its file is.
    """
    if logger.startswith(_PLUGINS):
        return logger[len(_PLUGINS) :].partition(".")[0]
    top, mark, _ = logger.partition(MARK)
    return top if mark else None

"""Logging through plugins: façades, a handler, a structlog processor, sinks.

The names below are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hot_reload.logs.flood import FloodFilter as FloodFilter
    from hot_reload.logs.handler import HotReloadHandler as HotReloadHandler
    from hot_reload.logs.logger import HotLogger as HotLogger
    from hot_reload.logs.structlog import HotReloadProcessor as HotReloadProcessor
    from hot_reload.logs.sync_logger import SyncHotLogger as SyncHotLogger

_HOMES = {
    "FloodFilter": "hot_reload.logs.flood",
    "HotLogger": "hot_reload.logs.logger",
    "HotReloadHandler": "hot_reload.logs.handler",
    "HotReloadProcessor": "hot_reload.logs.structlog",
    "SyncHotLogger": "hot_reload.logs.sync_logger",
}

__all__ = ["FloodFilter", "HotLogger", "HotReloadHandler", "HotReloadProcessor", "SyncHotLogger"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)

"""The reference engine: plugins swapped while the program serves.

The names below are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hot_reload.manifest import Manifest as Manifest
    from hot_reload.outcome import Outcome as Outcome
    from hot_reload.outcome import Role as Role
    from hot_reload.outcome import Stage as Stage
    from hot_reload.plugin import Plugin as Plugin
    from hot_reload.runtime.context import PluginContext as PluginContext
    from hot_reload.runtime.engine import Engine as Engine
    from hot_reload.settings import Settings as Settings
    from hot_reload.watch.settings import WatchSettings as WatchSettings
    from hot_reload.watch.watcher import Watcher as Watcher

_HOMES = {
    "Engine": "hot_reload.runtime.engine",
    "Manifest": "hot_reload.manifest",
    "Outcome": "hot_reload.outcome",
    "Plugin": "hot_reload.plugin",
    "PluginContext": "hot_reload.runtime.context",
    "Role": "hot_reload.outcome",
    "Settings": "hot_reload.settings",
    "Stage": "hot_reload.outcome",
    "WatchSettings": "hot_reload.watch.settings",
    "Watcher": "hot_reload.watch.watcher",
}

__all__ = [
    "Engine",
    "Manifest",
    "Outcome",
    "Plugin",
    "PluginContext",
    "Role",
    "Settings",
    "Stage",
    "WatchSettings",
    "Watcher",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return __all__

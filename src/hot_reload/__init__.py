"""The reference engine: plugins swapped while the program serves.

The names below are loaded on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hot_reload.config.problem import ConfigError as ConfigError
    from hot_reload.config.secret import Secret as Secret
    from hot_reload.manifest import Manifest as Manifest
    from hot_reload.operate.audit import AuditLog as AuditLog
    from hot_reload.operate.diagnose import diagnose as diagnose
    from hot_reload.operate.health import Health as Health
    from hot_reload.operate.metrics import Metrics as Metrics
    from hot_reload.operate.state_files import StateFiles as StateFiles
    from hot_reload.operate.watchdog import Watchdog as Watchdog
    from hot_reload.outcome import Outcome as Outcome
    from hot_reload.outcome import Role as Role
    from hot_reload.outcome import Stage as Stage
    from hot_reload.plugin import Plugin as Plugin
    from hot_reload.runtime.acting import acting_as as acting_as
    from hot_reload.runtime.context import PluginContext as PluginContext
    from hot_reload.runtime.engine import Engine as Engine
    from hot_reload.settings import Settings as Settings
    from hot_reload.source.import_policy import ImportPolicy as ImportPolicy
    from hot_reload.watch.config.reloader import ConfigReloader as ConfigReloader
    from hot_reload.watch.settings import WatchSettings as WatchSettings
    from hot_reload.watch.watcher import Watcher as Watcher

_HOMES = {
    "AuditLog": "hot_reload.operate.audit",
    "ConfigError": "hot_reload.config.problem",
    "ConfigReloader": "hot_reload.watch.config.reloader",
    "Engine": "hot_reload.runtime.engine",
    "Health": "hot_reload.operate.health",
    "ImportPolicy": "hot_reload.source.import_policy",
    "Manifest": "hot_reload.manifest",
    "Metrics": "hot_reload.operate.metrics",
    "Outcome": "hot_reload.outcome",
    "Plugin": "hot_reload.plugin",
    "PluginContext": "hot_reload.runtime.context",
    "Role": "hot_reload.outcome",
    "Secret": "hot_reload.config.secret",
    "Settings": "hot_reload.settings",
    "Stage": "hot_reload.outcome",
    "StateFiles": "hot_reload.operate.state_files",
    "WatchSettings": "hot_reload.watch.settings",
    "Watchdog": "hot_reload.operate.watchdog",
    "Watcher": "hot_reload.watch.watcher",
    "acting_as": "hot_reload.runtime.acting",
    "diagnose": "hot_reload.operate.diagnose",
}

__all__ = [
    "AuditLog",
    "ConfigError",
    "ConfigReloader",
    "Engine",
    "Health",
    "ImportPolicy",
    "Manifest",
    "Metrics",
    "Outcome",
    "Plugin",
    "PluginContext",
    "Role",
    "Secret",
    "Settings",
    "Stage",
    "StateFiles",
    "WatchSettings",
    "Watchdog",
    "Watcher",
    "acting_as",
    "diagnose",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return __all__

"""Every wrong plugin: importing this module fills the list."""

from __future__ import annotations

import importlib

from hot_reload_conformance.specimens.plugin_specimen import PluginSpecimen, registered

_MODULES = (
    "plug_module",
    "plug_swap",
    "plug_hooks",
    "plug_state",
    "plug_sink",
    "plug_sending",
    "plug_starting",
    "plug_tolerant",
)

for _name in _MODULES:
    importlib.import_module(f"hot_reload_conformance.specimens.{_name}")

PLUGIN_SPECIMENS: tuple[PluginSpecimen, ...] = registered()

"""Locations: where the plugin of an entry lies."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

from hot_reload.config.problem import ConfigError, Problem, nearest
from hot_reload.watch.config.model import PluginEntry
from hot_reload.watch.roots import shown

GROUP = "hot_reload.plugins"


def locate(entry: PluginEntry) -> Path:
    """The module file or package directory of ``entry``. Nothing of the plugin is run.

    An entry point's parent packages are imported, as finding a module does.

    Raises:
        ConfigError: there is nothing at its path, or no such entry point.
    """
    if entry.path is not None:
        hint = "write the path of a .py file or a package directory"
        try:
            there = entry.path.exists()
        except OSError as error:  # a directory that may not be entered, a name that is too long
            text = f"{shown(str(entry.path))} cannot be looked at: {error.strerror}"
            raise _error(entry, "path", text, hint) from None
        if not there:
            raise _error(entry, "path", f"there is no {shown(str(entry.path))}", hint)
        return entry.path
    known = {each.name: each.value for each in importlib.metadata.entry_points(group=GROUP)}
    value = known.get(entry.entry_point)
    if value is None:
        guess = nearest(entry.entry_point, known)
        hint = f"did you mean {guess!r}?" if guess else "install the distribution that has it"
        text = f"no entry point {entry.entry_point!r} in the group {GROUP}"
        raise _error(entry, "entry_point", text, hint)
    module = value.partition(":")[0]
    try:
        found = importlib.util.find_spec(module)
    except Exception as error:  # a parent package may raise anything
        text = f"its module {module} cannot be found: {type(error).__name__}: {error}"
        raise _error(entry, "entry_point", text, "install it again") from None
    if found is None or found.origin is None:
        raise _error(entry, "entry_point", f"its module {module} is not there", "install it again")
    origin = Path(found.origin)
    return origin.parent if found.submodule_search_locations else origin


def _error(entry: PluginEntry, key: str, text: str, hint: str) -> ConfigError:
    return ConfigError([Problem(text=text, path=("plugins", entry.name, key), hint=hint)])

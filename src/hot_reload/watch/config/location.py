"""Locations: where the plugin of an entry lies."""

from __future__ import annotations

from pathlib import Path

from hot_reload.config.problem import ConfigError, Problem, nearest
from hot_reload.errors import EngineMisuse, SourceError
from hot_reload.source.installed import GROUP, find_plugin, installed_plugins
from hot_reload.watch.config.model import PluginEntry
from hot_reload.watch.roots import shown


def locate(entry: PluginEntry) -> Path:
    """The module file or package directory of ``entry``. Nothing of the plugin is run.

    Raises:
        ConfigError: there is nothing at its path, or no such entry point, or none in the range
            of versions that is asked for, or more than one.
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
        return entry.path.parent if entry.path.name == "__init__.py" else entry.path
    known = [each.name for each in installed_plugins()]
    if entry.entry_point not in known:
        guess = nearest(entry.entry_point, known)
        hint = f"did you mean {guess!r}?" if guess else "install the distribution that has it"
        text = f"no entry point {entry.entry_point!r} in the group {GROUP}"
        raise _error(entry, "entry_point", text, hint)
    try:
        return find_plugin(entry.entry_point, version=entry.version)
    except EngineMisuse as error:  # no range
        raise _error(entry, "version", str(error), "") from None
    except SourceError as error:
        key = "version" if entry.version else "entry_point"
        raise _error(entry, key, str(error), error.hint or "") from None


def _error(entry: PluginEntry, key: str, text: str, hint: str) -> ConfigError:
    return ConfigError([Problem(text=text, path=("plugins", entry.name, key), hint=hint)])

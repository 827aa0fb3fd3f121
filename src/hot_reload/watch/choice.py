"""What a host asks a watch to do, from four places with one precedence.

An argument wins over the environment, the environment over a settings file, the
file over the default. Nothing here reads a file: the caller gives what it holds.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from hot_reload.errors import EngineMisuse
from hot_reload.watch.settings import WatchSettings

PLUGIN_PATHS = "HOT_RELOAD_PLUGIN_PATHS"
"""Directories, separated like ``PATH``."""
ENABLED = "HOT_RELOAD_ENABLED"
DEBOUNCE_MS = "HOT_RELOAD_DEBOUNCE_MS"
"""The quiet period in milliseconds."""

DEFAULT_PATHS = (Path("plugins"),)
FILE_KEYS = ("plugin_paths", "enabled", "debounce_ms")

_WORDS = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WatchChoice:
    """What was chosen, and by what: ``origins`` has the words for each field."""

    plugin_paths: tuple[Path, ...]
    enabled: bool
    debounce_ms: float
    origins: Mapping[str, str]

    def settings(self, base: WatchSettings | None = None) -> WatchSettings:
        """``base`` with the chosen quiet period; its longest wait grows where it has to."""
        base = base or WatchSettings()
        quiet = self.debounce_ms / 1000
        return replace(
            base, quiet_seconds=quiet, max_wait_seconds=max(base.max_wait_seconds, quiet)
        )


def choose_watch(
    *,
    plugin_paths: Sequence[str | Path] | None = None,
    enabled: bool | None = None,
    debounce_ms: float | None = None,
    environment: Mapping[str, str],
    file: Mapping[str, Any] | None = None,
) -> WatchChoice:
    """Choose each field: argument, ``environment``, ``file``, default, in this order.

    ``environment`` is ``os.environ`` in a program. A variable that is set and empty counts
    as not set. ``file`` may have the keys in ``FILE_KEYS`` and no others.

    Raises:
        EngineMisuse: a value that counts is malformed; names where it stands.
    """
    held = dict(file or {})
    for key in held:
        if key not in FILE_KEYS:
            raise EngineMisuse(
                f"the settings file has the unknown key {key!r}; known: {', '.join(FILE_KEYS)}"
            )
    paths, paths_from = _first(
        ("argument plugin_paths", plugin_paths, _paths),
        (PLUGIN_PATHS, environment.get(PLUGIN_PATHS) or None, _split),
        ("plugin_paths of the settings file", held.get("plugin_paths"), _paths),
        default=DEFAULT_PATHS,
    )
    on, on_from = _first(
        ("argument enabled", enabled, _switch),
        (ENABLED, environment.get(ENABLED) or None, _word),
        ("enabled of the settings file", held.get("enabled"), _switch),
        default=True,
    )
    quiet, quiet_from = _first(
        ("argument debounce_ms", debounce_ms, _milliseconds),
        (DEBOUNCE_MS, environment.get(DEBOUNCE_MS) or None, _milliseconds_text),
        ("debounce_ms of the settings file", held.get("debounce_ms"), _milliseconds),
        default=WatchSettings().quiet_seconds * 1000,
    )
    origins = {"plugin_paths": paths_from, "enabled": on_from, "debounce_ms": quiet_from}
    return WatchChoice(paths, on, quiet, origins)


def _first(*places: tuple[str, Any, Any], default: T) -> tuple[T, str]:
    for place, value, read in places:
        if value is not None:
            return read(place, value), place
    return default, "default"


def _paths(place: str, value: object) -> tuple[Path, ...]:
    whole = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
    if not whole or not value or not all(each and isinstance(each, (str, Path)) for each in value):  # type: ignore[attr-defined]  # a sequence, by the line above
        raise EngineMisuse(f"{place} is {value!r}; give a list of one or more directories")
    return tuple(Path(each) for each in value)  # type: ignore[attr-defined]  # the same


def _split(place: str, value: str) -> tuple[Path, ...]:
    # An empty entry of PATH means the working directory; here it is a slip, such as a final ":".
    found = tuple(Path(each) for each in value.split(os.pathsep) if each.strip())
    if not found:
        raise EngineMisuse(f"{place} is {value!r}; give directories, separated by {os.pathsep!r}")
    return found


def _switch(place: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise EngineMisuse(f"{place} is {value!r}; give true or false")
    return value


def _word(place: str, value: str) -> bool:
    word = _WORDS.get(value.strip().lower())
    if word is None:
        raise EngineMisuse(f"{place} is {value!r}; give one of {', '.join(_WORDS)}")
    return word


def _milliseconds(place: str, value: object) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0:  # type: ignore[arg-type, operator]  # a number, by the line above
        raise EngineMisuse(f"{place} is {value!r}; give milliseconds, 0 or more, such as 100")
    return float(value)  # type: ignore[arg-type]  # the same


def _milliseconds_text(place: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise EngineMisuse(f"{place} is {value!r}; give milliseconds, 0 or more, such as 100")
    return number

"""What a caller gives to an engine, checked before anything is done with it."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from hot_reload.errors import EngineMisuse
from hot_reload.manifest import NAME_PATTERN

_Kind = TypeVar("_Kind")


def given_name(name: object) -> str:
    """The name of a plugin that is asked for. It may be one that nobody has.

    Raises:
        EngineMisuse: it is no string.
    """
    if not isinstance(name, str):
        raise EngineMisuse(f"name is {name!r:.80}; give the plugin's name, a string")
    return name


def given_names(names: Iterable[str]) -> list[str]:
    """Each name once.

    Raises:
        EngineMisuse: it is one string, or something in it is none.
    """
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise EngineMisuse(f"names is {names!r:.80}; give a list, such as [{names!r:.80}]")
    return list(dict.fromkeys([given_name(each) for each in names]))


def new_name(name: str | None) -> str | None:
    """The name that a plugin is to go by; None: its own.

    Raises:
        EngineMisuse: nobody can have it.
    """
    if name is not None and not NAME_PATTERN.fullmatch(given_name(name)):
        raise EngineMisuse(
            f"name {name!r:.80} is malformed; use 1 to 64 of a-z, 0-9, _ and -, and begin with a "
            "letter or a digit"
        )
    return name


def given_path(path: str | Path) -> Path:
    """The absolute path; of a package's ``__init__.py`` it is the package's.

    Raises:
        EngineMisuse: it is none, or empty, which would mean the working directory.
    """
    text = os.fspath(path) if isinstance(path, (str, os.PathLike)) else None
    if not isinstance(text, str) or not text:
        raise EngineMisuse(
            f"path is {path!r:.80}; give the path of a .py file or of a package's directory"
        )
    given = Path(text).absolute()
    return given.parent if given.name == "__init__.py" else given


def given_config(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """A copy of its own; of None, an empty one.

    Raises:
        EngineMisuse: it is no mapping, or something in it cannot be copied.
    """
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise EngineMisuse(f"config is a {type(config).__name__}; give a mapping")
    try:
        return copy.deepcopy(dict(config))
    except Exception as error:  # whatever is in there
        why = f"{type(error).__name__}: {error}"
    raise EngineMisuse(f"config cannot be copied ({why}); give plain data")


def given_configs(configs: Mapping[str, Mapping[str, Any] | None]) -> dict[str, dict[str, Any]]:
    """Copies of the configurations, by the plugins' names.

    Raises:
        EngineMisuse: it is no mapping of names to mappings.
    """
    if not isinstance(configs, Mapping):
        raise EngineMisuse(
            f"configs is a {type(configs).__name__}; give a mapping of names to configurations, "
            'such as {"counter": {"limit": 3}}'
        )
    return {given_name(name): given_config(config) for name, config in configs.items()}


def given_one_of(kind: type[_Kind], value: _Kind | None, what: str) -> _Kind:
    """``value``, or a ``kind`` with its defaults where it is None.

    Raises:
        EngineMisuse: it is no ``kind``.
    """
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise EngineMisuse(f"{what} is a {type(value).__name__}; give a {kind.__name__}(...)")
    return value


def given_callback(callback: object, what: str) -> None:
    """
    Raises:
        EngineMisuse: ``callback`` cannot be called, or is ``async def``: nobody would await it.
    """
    if not callable(callback):
        raise EngineMisuse(f"{what} is a {type(callback).__name__}; give a function")
    if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(
        getattr(callback, "__call__", None)  # noqa: B004 - its own, to look at, not to call
    ):
        raise EngineMisuse(
            f"{what} is async, and is called where nothing can wait for it; give a function that "
            "starts a task or puts what it is told into a queue"
        )

"""The sinks that come with the library; each is a plugin of one file, loaded by its path."""

from __future__ import annotations

from pathlib import Path

from hot_reload.errors import EngineMisuse

NAMES = ("stream", "rotating_file", "sqlite", "http")


def path(name: str) -> Path:
    """The file of the sink ``name`` (``rotating-file`` is the same as ``rotating_file``).

    Raises:
        EngineMisuse: there is no such sink; the message names those that there are.
    """
    stem = name.replace("-", "_")
    if stem not in NAMES:
        raise EngineMisuse(f"no sink {name!r} comes with the library; these do: {', '.join(NAMES)}")
    return Path(__file__).with_name(f"{stem}.py")

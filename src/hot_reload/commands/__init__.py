"""Commands from plugins, in applications of Click and of Typer.

The names below are loaded on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hot_reload.commands.group import CommandGroup as CommandGroup
    from hot_reload.commands.typer_application import typer_group as typer_group

_HOMES = {
    "CommandGroup": "hot_reload.commands.group",
    "typer_group": "hot_reload.commands.typer_application",
}

__all__ = ["CommandGroup", "typer_group"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)

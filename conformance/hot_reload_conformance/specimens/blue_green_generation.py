"""A generation of the blue-green host: one loaded version, and the error that names it."""

from __future__ import annotations

import asyncio
from typing import Any


class HostError(Exception):
    """An operation that was refused or failed; names the plugin and the stage."""


class Generation:
    """One loaded version: its module, its plugin object, what it was loaded from."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.module_name = f"{name.replace('/', '.')}@{number}"
        self.plugin: Any = None
        self.enabled = True
        self.calls = 0
        self.sha256 = ""
        self.carried = False
        self.idle = asyncio.Event()
        self.idle.set()

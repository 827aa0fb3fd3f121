"""Forks: a lock that another thread held stays held in a forked child, for ever.

Whoever has one is known here by a weak reference alone: what Python is told of forks it never
forgets, and it must not keep an old generation of sinks in memory.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forkable(Protocol):
    """What has something to do in a forked child before anything else of it runs."""

    def forked(self) -> None:
        """Called in the child, on its only thread. Must not raise."""


_known: weakref.WeakSet[Forkable] = weakref.WeakSet()


def call_in_children(holder: Forkable) -> None:
    """Let ``holder.forked`` be called in each child that is forked while ``holder`` is alive."""
    _known.add(holder)


def _in_child() -> None:
    for each in list(_known):
        each.forked()


os.register_at_fork(after_in_child=_in_child)

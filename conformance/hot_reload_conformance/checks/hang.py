"""Hooks that do not end by themselves: a ``Hang`` for good, a ``Stand`` until it is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hot_reload_conformance import probe
from hot_reload_conformance.recording import Recording


def hang(
    at: probe.Probe,
    *,
    swallows: bool = False,
    undrivable: Callable[[], object] | None = None,
) -> Hang:
    """What an action returns that shall not end until the case does, or until it is cancelled.

    With ``swallows`` its own cancellation doesn't end it either. In a hook that runs
    in a worker thread it blocks that thread. ``undrivable`` is called where the hook
    is a synchronous one in the event loop's thread, which cannot be shown to hang.
    """
    return Hang(at.recording, swallows, undrivable)


@dataclass(frozen=True, slots=True)
class Hang:
    recording: Recording
    swallows: bool
    undrivable: Callable[[], object] | None
    blocks_thread: ClassVar[bool] = True
    """In a worker thread it is that thread that hangs."""

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            self.recording.released.wait()
            return
        waiting = asyncio.Event()
        self.recording.hanging.append(waiting)
        while not self.recording.released.is_set():
            try:
                yield from waiting.wait().__await__()
            except asyncio.CancelledError:
                if not self.swallows or self.recording.released.is_set():
                    raise
            except GeneratorExit:
                # The probe drives an action in a synchronous hook one step far, then gives up.
                if self.undrivable is not None:
                    self.undrivable()
                raise


@dataclass(slots=True)
class Stand:
    """An action that waits until ``let_go`` is set; its cancellation ends it, or not even that.

    What a ``Hang`` is for checks that end their hooks themselves, so that a host without
    deadlines can be closed all the same. Coroutine hooks only: ``undrivable`` turns true in a
    synchronous one.
    """

    swallows: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    undrivable: bool = False

    def __call__(self, _: probe.Probe) -> Stand:
        return self

    def __await__(self) -> Generator[Any, Any, None]:
        self.arrived.set()
        while not self.let_go.is_set():
            try:
                yield from self.let_go.wait().__await__()
            except asyncio.CancelledError:
                if not self.swallows:
                    raise
            except GeneratorExit:
                self.undrivable = True
                raise

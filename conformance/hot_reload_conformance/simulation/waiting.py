"""Waiting: where a task stands, in words."""

from __future__ import annotations

import asyncio
from types import FrameType
from typing import Any

_OWN = __file__.rpartition("/")[0] + "/"


def where(task: asyncio.Task[Any]) -> str:
    """``reload of 'a' in reload (host.py:12) < hook (host.py:30)``: outermost last."""
    frames: list[str] = []
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame: FrameType | None = getattr(awaited, "cr_frame", None) or getattr(
            awaited, "gi_frame", None
        )
        if frame is not None and not frame.f_code.co_filename.startswith(_OWN):
            name = frame.f_code.co_filename.rpartition("/")[2]
            frames.append(f"{frame.f_code.co_name} ({name}:{frame.f_lineno})")
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    place = " < ".join(frames[::-1][:4]) or "its first step"
    return f"{task.get_name()!r} in {place}"

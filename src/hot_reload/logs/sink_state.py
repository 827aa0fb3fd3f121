"""The state that the sinks of the library hand on: how much has been written."""

from __future__ import annotations

from typing import Any


def written_in(state: Any) -> int:
    """How many events earlier generations wrote.

    Raises:
        ValueError: ``state`` is not of this form; nothing may be applied then.
    """
    written = state.get("written") if isinstance(state, dict) else None
    if type(written) is not int or written < 0:
        raise ValueError("the state has no whole number 'written'")
    return written

"""What a host logged and printed during a check, as it stands below the check's story.

A check makes many hosts, and each says the same as the one before.
"""

from __future__ import annotations

from itertools import groupby

MAX_LINES = 16
FIRST = 4


def cut(text: str) -> str:
    """``text``, its repeated lines told once, and of many lines the first and the last ones."""
    lines: list[str] = []
    for each, group in groupby(text.splitlines()):
        times = len(list(group))
        lines.append(f"{each}  (×{times})" if times > 1 and each.strip() else each)
    if len(lines) > MAX_LINES:
        left_out = len(lines) - MAX_LINES + 1  # the line that says so is one of them
        lines[FIRST : FIRST + left_out] = [f"… {left_out} more lines (-vv shows all) …"]
    return "\n".join(lines)

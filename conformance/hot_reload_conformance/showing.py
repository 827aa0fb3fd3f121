"""Lines with meaning, shown by click."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hot_reload_conformance.report.markup import Line

_CLICK = {"bad": "red", "good": "green", "warn": "yellow", "code": "cyan"}


def show(lines: list[Line]) -> None:
    """Print ``lines``, in colours where there are any."""
    for each in lines:
        for text, style in each:
            click.secho(
                text,
                nl=False,
                fg=_CLICK.get(style),
                bold=style in ("bad", "head") or None,
                dim=style == "quiet" or None,
            )
        click.echo()


def unicode_shown() -> bool:
    """Whether the terminal can show what is beyond ASCII."""
    return "utf" in (sys.stdout.encoding or "").lower()

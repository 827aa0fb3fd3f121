"""Commands of plugins in an application that the host has in Typer."""

from __future__ import annotations

import asyncio
from typing import Any

import click
import typer
import typer.core

from hot_reload.commands.foreign import foreign_command
from hot_reload.commands.group import CommandGroup
from hot_reload.runtime.engine import Engine


def typer_group(
    engine: Engine, *, loop: asyncio.AbstractEventLoop | None = None
) -> type[typer.core.TyperGroup]:
    """The class of an application whose commands are those of the live plugins, beside its own.

    ::

        app = typer.Typer(cls=typer_group(engine))

        @app.callback()
        def main() -> None: ...

    They are as ``CommandGroup`` has them, which says what ``loop`` is for. Without a callback,
    and with fewer than two commands of its own, Typer makes no group of an application.
    """
    plugins = CommandGroup(engine, loop=loop)

    class PluginCommands(typer.core.TyperGroup):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            own: Any = self.commands
            plugins.commands = own  # these names are taken

        def list_commands(self, ctx: Any) -> list[str]:
            """Its own in the order of their making, then those of plugins, sorted."""
            own = super().list_commands(ctx)
            return [*own, *(each for each in plugins.list_commands(ctx) if each not in own)]

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """The command of that name as it is now; one that cannot be had tells why."""
            try:
                found: Any = plugins.get_command(_NOWHERE, cmd_name)
            except click.UsageError as error:
                ctx.fail(error.format_message())
            # Typer's help shows a command's own name, whatever it goes by here.
            if found is None or (isinstance(found, _OURS) and found.name == cmd_name):
                return found
            return foreign_command(typer.core.TyperCommand, cmd_name, found)

    return PluginCommands


_OURS: Any = typer.core.TyperCommand.__bases__[0]
"""The commands of the Click that Typer runs on, its own or the other one."""
_NOWHERE = click.Context(click.Command("plugins"))
"""A context of the other Click: Typer's means nothing to it."""

"""A command of one Click, run in an application of another.

Newer releases of Typer bring a Click of their own: its errors and exits mean nothing to an
application of ``click``, nor the other way round, and would end it with a traceback.
"""

from __future__ import annotations

import functools
from typing import Any


def foreign_command(kind: type[Any], name: str, command: Any) -> Any:
    """``command`` as a ``kind``, the class of commands of the application that it is for.

    Its arguments are its own affair: it parses them, prints its help and its errors in its own
    manner, and its exit status becomes that of the application. ``Context.obj`` is handed on;
    what it returns is not. An exception that is none of Click's passes as it is.
    """
    return _foreign(kind)(  # type: ignore[arg-type]  # a class can be hashed
        name,
        help=command.help,
        short_help=command.short_help,
        hidden=command.hidden,
        deprecated=command.deprecated,
        add_help_option=False,  # the foreign one has its own
    )._of(command)


@functools.cache
def _foreign(kind: Any) -> Any:
    class Foreign(kind):  # type: ignore[misc]  # a class that only the caller knows
        _command: Any

        def _of(self, command: Any) -> Foreign:
            self._command = command
            return self

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            ctx.args = list(args)
            return ctx.args  # type: ignore[no-any-return]

        def invoke(self, ctx: Any) -> None:
            try:
                self._command.main(args=ctx.args, prog_name=ctx.command_path, obj=ctx.obj)
            except SystemExit as end:
                if not isinstance(end.code, int):
                    raise  # with a text: the command's own
                if end.code:
                    ctx.exit(end.code)

    return Foreign

"""Commands that plugins add to a Click (or Typer) application, looked up as they are used.

A plugin of the role ``command`` has a method ``commands(self)`` that gives its commands: a
mapping of names to functions, Click commands or Typer applications, or a sequence of Click
commands. A function becomes a command: its docstring is the help, its parameters are arguments
and, where they have a default, options.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import click

from hot_reload.commands.foreign import foreign_command
from hot_reload.errors import EngineMisuse, PluginFault
from hot_reload.outcome import Role
from hot_reload.runtime.engine import Engine

METHOD = "commands"


class CommandConflict(PluginFault):
    """Two plugins add a command of one name, or one adds what the application has itself."""

    cure = "Rename the command in one of the plugins that the message names, or unload it."


class CommandGroup(click.Group):
    """A group whose commands are those of the live plugins, beside its own.

    ::

        app = CommandGroup(engine, name="app")
        app.main(["greet", "Ada"], standalone_mode=False)

    Asked anew each time: after a reload the new commands answer, and those that are gone are
    gone. Commands that the group was given itself (``@app.command()``) come first; a plugin
    cannot take their names. A name that two plugins add answers with neither, and says why.

    Use it on the engine's event loop or in another thread. A function that is ``async def``
    runs on the engine's loop, so only another thread can wait for it. What was looked up runs
    to its end in the generation that it was found in.
    """

    def __init__(
        self,
        engine: Engine,
        name: str | None = None,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(name, **settings)
        self._engine = engine
        self._loop = loop or _running_loop()

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all commands, sorted, each once."""
        return sorted({*super().list_commands(ctx), *self._found()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name as it is now.

        Raises:
            click.UsageError: two plugins add it, or its plugin is not as it should be.
        """
        owners = self._found().get(cmd_name, {})
        own = super().get_command(ctx, cmd_name)
        if own is None and not owners:
            return None
        try:
            _check_conflict(cmd_name, own, owners)
            if own is not None:
                return own
            [(plugin, thing)] = owners.items()
            return _command(cmd_name, plugin, thing, self._loop)
        except PluginFault as fault:
            hint = f". {fault.hint}" if fault.hint else ""
            raise click.UsageError(f"{fault}{hint}", ctx) from None

    def conflicts(self) -> tuple[CommandConflict, ...]:
        """Every name that answers with an error, and the plugins that add it. For a check at
        the start, or after each reload."""
        found: list[CommandConflict] = []
        for name, owners in sorted(self._found().items()):
            try:
                _check_conflict(name, self.commands.get(name), owners)
            except CommandConflict as conflict:
                found.append(conflict)
        return tuple(found)

    def _found(self) -> dict[str, dict[str, Any]]:
        """Each name with the plugins that add it, and what they add."""
        found: dict[str, dict[str, Any]] = {}
        for plugin in self._engine.names:
            with contextlib.suppress(EngineMisuse):  # it is gone, or failed
                status = self._engine.status(plugin)
                if Role.COMMAND in status.roles and status.enabled:
                    cause = partial(self._engine.cause_of, plugin)
                    for name, thing in _given(plugin, self._engine.plugin(plugin), cause).items():
                        found.setdefault(name, {})[plugin] = thing
        return found


def _check_conflict(name: str, own: click.Command | None, owners: Mapping[str, Any]) -> None:
    plugins = " and ".join(repr(each) for each in owners)
    if own is not None and owners:
        raise CommandConflict(
            f"command {name!r} of the application is added by {plugins} too",
            hint="rename the command in the plugin",
        )
    if len(owners) > 1:
        raise CommandConflict(
            f"command {name!r} is added by {plugins}", hint="rename it in one of them"
        )


class _Odd(Exception):
    """What is wrong with what a plugin gave, in words of this module's own."""


def _given(plugin: str, live: Any, cause_of: Callable[[BaseException], str]) -> dict[str, Any]:
    """What ``plugin`` adds, by name; what it does wrong stands under the plugin's own name."""
    method = getattr(live, METHOD, None)
    try:
        if not callable(method):
            raise _Odd(f"it has no method {METHOD}()")
        given = method()
        if isinstance(given, Mapping):
            return {str(name): thing for name, thing in given.items()}
        if isinstance(given, Sequence) and not isinstance(given, str):
            return dict(_named(each) for each in given)
        raise _Odd(f"{METHOD}() gave {type(given).__name__}, not a mapping or a sequence")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = str(error) if isinstance(error, _Odd) else cause_of(error)
        # Only text: a kept exception would keep the generation alive.
        return {plugin: PluginFault(f"the commands of plugin {plugin!r} cannot be had: {reason}")}


def _named(command: Any) -> tuple[str, Any]:
    if not isinstance(command, click.Command) or not command.name:
        # Its text is the plugin's: it may show what the configuration keeps secret.
        kind = type(command).__name__
        raise _Odd(f"{METHOD}() gave a sequence with a {kind}, which has no name")
    return command.name, command


def _command(
    name: str, plugin: str, thing: Any, loop: asyncio.AbstractEventLoop | None
) -> click.Command:
    if isinstance(thing, PluginFault):
        raise thing
    if isinstance(thing, click.Command):
        return thing
    if any(each.__module__.partition(".")[0] == "typer" for each in type(thing).__mro__):
        return _typer_command(name, thing)
    if callable(thing):
        return _from_function(name, plugin, thing, loop)
    raise PluginFault(
        f"command {name!r} of plugin {plugin!r} is a {type(thing).__name__}",
        hint="give a function, a click.Command or a typer.Typer",
    )


def _typer_command(name: str, thing: Any) -> click.Command:
    """Of a Typer application, or of a command of one."""
    import typer
    import typer.main

    made: Any = typer.main.get_command(thing) if isinstance(thing, typer.Typer) else thing
    # Of Typer's own Click, where it brings one, whose errors and exits ours does not know.
    own = isinstance(made, click.Command)
    return made if own else foreign_command(click.Command, name, made)  # type: ignore[no-any-return]


def _from_function(
    name: str, plugin: str, function: Callable[..., Any], loop: asyncio.AbstractEventLoop | None
) -> click.Command:
    @click.pass_context
    def call(context: click.Context, /, **values: Any) -> Any:
        answer = _called(name, function, values, loop)
        if answer is not None:
            click.echo(answer)
        return answer

    return click.Command(
        name, params=_parameters(name, plugin, function), callback=call, help=function.__doc__
    )


def _called(name: str, function: Callable[..., Any], values: Mapping[str, Any], loop: Any) -> Any:
    if not inspect.iscoroutinefunction(function):
        return function(**values)
    if loop is None or not loop.is_running() or _running_loop() is loop:
        raise click.UsageError(
            f"command {name!r} is async def: run the application in another thread than the "
            "engine's event loop, and give CommandGroup(engine, loop=...)"
        )
    return asyncio.run_coroutine_threadsafe(function(**values), loop).result()


def _parameters(name: str, plugin: str, function: Callable[..., Any]) -> list[click.Parameter]:
    try:
        hints = typing.get_type_hints(function)
    except Exception:
        hints = {}  # a name that is only there for type checkers
    made: list[click.Parameter] = []
    for each in inspect.signature(function).parameters.values():
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY):
            bare = each.replace(default=each.empty, annotation=each.empty)
            raise PluginFault(
                f"command {name!r} of plugin {plugin!r} has the parameter {bare}, which has no "
                "place in a command",
                hint="give a click.Command instead of a function",
            )
        kind = hints.get(each.name)
        kind = kind if kind in (str, int, float, bool) else None
        if each.default is each.empty:
            made.append(click.Argument([each.name], type=kind or str))
        else:
            flag = isinstance(each.default, bool)
            option = each.name.replace("_", "-")
            spelling = f"--{option}/--no-{option}" if flag else f"--{option}"
            made.append(
                click.Option(
                    [spelling, each.name],
                    default=each.default,
                    type=None if flag else kind,
                    show_default=True,
                )
            )
    return made


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

"""The one table of hooks, and how a plugin's hooks are found in it.

Every hook is optional, may be ``def`` or ``async def``, and goes by the names
that the common plugin systems use for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType, MethodType
from typing import Any

from hot_reload.errors import ManifestError
from hot_reload.outcome import Stage


@dataclass(frozen=True, slots=True, eq=False)  # each is the only one of its kind
class Hook:
    """One row: the name, the other names it goes by, the stage that calls it, its arguments."""

    name: str
    stage: Stage
    aliases: tuple[str, ...] = ()
    arguments: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


SETUP = Hook("setup", Stage.SETUP, ("setup_async", "initialize"))
START = Hook("start", Stage.START)
GET_RELOAD_STATE = Hook("get_reload_state", Stage.CAPTURE, ("get_persistent_state",))
SET_RELOAD_STATE = Hook(
    "set_reload_state", Stage.RESTORE, ("restore_persistent_state",), arguments=1
)
MIGRATE_STATE = Hook("migrate_state", Stage.MIGRATE, arguments=2)
"""``migrate_state(state, version)``: the state of the old version, as the new one wants it."""
ADOPT_CONNECTION = Hook("adopt_connection", Stage.ADOPT, arguments=2)
"""``adopt_connection(connection_id, connection)``: it is this generation's from now on."""
HEALTH_CHECK = Hook("health_check", Stage.HEALTH)
ON_RELOAD = Hook("on_reload", Stage.ON_RELOAD, ("on_reload_async",))
FLUSH = Hook("flush", Stage.FLUSH, ("drain",))
STOP = Hook("stop", Stage.STOP, ("shutdown",))
TEARDOWN = Hook("teardown", Stage.TEARDOWN, ("teardown_async",))

TABLE: tuple[Hook, ...] = (
    SETUP,
    START,
    GET_RELOAD_STATE,
    MIGRATE_STATE,
    SET_RELOAD_STATE,
    ADOPT_CONNECTION,
    HEALTH_CHECK,
    ON_RELOAD,
    FLUSH,
    STOP,
    TEARDOWN,
)


_ROWS = tuple((hook, hook.names) for hook in TABLE)


@dataclass(frozen=True, slots=True)
class BoundHooks:
    """The hooks that one plugin object has, by canonical name."""

    by_name: Mapping[str, Callable[..., Any]]

    def get(self, hook: Hook) -> Callable[..., Any] | None:
        return self.by_name.get(hook.name)

    def has(self, hook: Hook) -> bool:
        return hook.name in self.by_name


def bind(plugin: object) -> BoundHooks:
    """Find the hooks of ``plugin``, inherited ones too.

    Raises:
        ManifestError: a hook's name is taken by something that cannot be called,
            by a generator, by two of its names at once, or needs other arguments
            than the table gives it.
    """
    found: dict[str, Callable[..., Any]] = {}
    for hook, names in _ROWS:
        present = [name for name in names if getattr(plugin, name, None) is not None]
        if not present:
            continue
        method = getattr(plugin, present[0])
        # Bound methods are made anew by each getattr: compared by value, and not
        # hashed, since an attribute that is no method may be unhashable.
        if len(present) > 1 and any(getattr(plugin, name) != method for name in present[1:]):
            raise ManifestError(
                f"{type(plugin).__name__} has {' and '.join(present)}, which are names of one hook",
                hint="keep one of them",
            )
        _check(plugin, present[0], method, hook)
        found[hook.name] = method
    return BoundHooks(found)


def _check(plugin: object, name: str, method: object, hook: Hook) -> None:
    where = f"{type(plugin).__name__}.{name}"
    if not callable(method):
        raise ManifestError(
            f"hook {where} is a {type(method).__name__}, not callable",
            hint=f"make it a method, or rename it: {name!r} is the name of a hook",
        )
    check_call(
        f"hook {where}",
        method,
        hook.arguments,
        hint=f"it is called with {hook.arguments} argument(s) besides self",
    )


def check_call(what: str, method: Any, arguments: int, *, hint: str) -> None:
    """
    Raises:
        ManifestError: ``method`` is a generator, or cannot be called with so many arguments.
    """
    if _plainly_fits(method, arguments):
        return
    if inspect.isgeneratorfunction(method) or inspect.isasyncgenfunction(method):
        raise ManifestError(
            f"{what} is a generator: it would never run", hint="let it return; remove the yield"
        )
    check_arguments(what, method, arguments, hint=hint)


def check_arguments(what: str, method: Any, arguments: int, *, hint: str) -> None:
    """
    Raises:
        ManifestError: ``method`` cannot be called with so many arguments.
    """
    if _plainly_fits(method, arguments):
        return
    try:
        inspect.signature(method).bind(*[None] * arguments)
    except TypeError as error:
        raise ManifestError(f"{what} does not fit: {error}", hint=hint) from None
    except ValueError:
        return  # a built-in without a signature: the call itself will tell


def _plainly_fits(method: object, arguments: int) -> bool:
    """Whether ``method`` is an ordinary one that can be called so; False says nothing.

    ``inspect.signature`` takes longer for the hooks of a small plugin than its compilation.
    """
    function = getattr(method, "__func__", None)
    if type(method) is not MethodType or type(function) is not FunctionType or vars(function):
        return False  # vars: a wrapper says there what its signature is
    code = function.__code__
    if code.co_flags & _GENERATES or code.co_kwonlyargcount:
        return False
    given, optional = arguments + 1, len(function.__defaults__ or ())
    return code.co_argcount - optional <= given <= code.co_argcount


_GENERATES = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR

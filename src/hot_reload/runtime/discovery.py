"""Finding the plugin in a module: ``register``, then a class, then ``create``."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from hot_reload.errors import NoPluginError
from hot_reload.hooks import TABLE
from hot_reload.manifest import ROLE_METHOD
from hot_reload.plugin import Plugin
from hot_reload.runtime.context import PluginContext

_OWN_METHODS = frozenset(ROLE_METHOD.values()) | {name for hook in TABLE for name in hook.names}


def find(module: ModuleType, app: object) -> tuple[Callable[[PluginContext], Any], list[type]]:
    """A function of the plugin's context that makes the plugin of ``module``, and the classes
    of it that fit.

    What the function returns may be awaitable: ``register`` and ``create`` may be ``async def``.
    Nothing of the module is called here.

    Raises:
        NoPluginError: there is none, or two classes and nothing that chooses.
    """
    register = getattr(module, "register", None)
    classes = candidates(module)
    if inspect.isfunction(register):
        _check(register, 2, "def register(app, context)")
        return lambda context: register(app, context), classes
    if len(classes) > 1:
        names = " and ".join(sorted(each.__qualname__ for each in classes))
        raise NoPluginError(
            f"two plugins in one module: {names}, and nothing that chooses",
            file=module.__file__,
            hint="write def register(app, context) that returns one of them, or take one out",
        )
    if classes:
        return _constructor(classes[0]), classes
    create = getattr(module, "create", None)
    if inspect.isfunction(create):
        _check(create, 1, "def create(config)")
        return lambda context: create(context.config), classes
    unfinished = [each for each in _own_classes(module) if inspect.isabstract(each)]
    if unfinished and any(_fits(each, declared=True) for each in unfinished):
        kind = unfinished[-1]
        lacks = ", ".join(sorted(kind.__abstractmethods__))  # type: ignore[attr-defined]
        raise NoPluginError(
            f"class {kind.__qualname__} is abstract: it lacks {lacks}",
            file=module.__file__,
            hint="write these methods, or a class of it that has them",
        )
    raise NoPluginError(
        "no plugin in the module",
        file=module.__file__,
        hint='write a class with version = "1.0" and a method such as write(self, event) or '
        "handle(self, request); or def register(app, context); or def create(config)",
    )


def _check(function: FunctionType, arguments: int, wanted: str) -> None:
    """
    Raises:
        NoPluginError: ``function`` cannot be called with so many arguments; with its line.
    """
    code = function.__code__
    if code.co_argcount == arguments and not code.co_kwonlyargcount:
        return  # quicker than a signature
    try:
        # What a wrapper is called with, not what it wraps: it may add an argument of its own.
        inspect.signature(function, follow_wrapped=False).bind(*[None] * arguments)
    except TypeError as error:
        raise NoPluginError(
            f"{function.__name__}() does not fit: {error}",
            file=code.co_filename,
            line=code.co_firstlineno,
            hint=f"write {wanted} and return the plugin",
        ) from None


def candidates(module: ModuleType) -> list[type]:
    """The classes of the module's own that fit; a base that another one extends is none."""
    declared = hasattr(module, "PLUGIN_META") or hasattr(module, "PLUGIN_METADATA")
    fitting = [
        each
        for each in _own_classes(module)
        if not inspect.isabstract(each) and _fits(each, declared)
    ]
    unique = list(dict.fromkeys(fitting))
    if len(unique) < 2:
        return unique
    return [
        each
        for each in unique
        if not any(other is not each and issubclass(other, each) for other in unique)
    ]


def _own_classes(module: ModuleType) -> list[type]:
    own_top = module.__name__
    return [
        each
        for each in vars(module).values()
        if isinstance(each, type)
        and (each.__module__ == own_top or each.__module__.startswith(f"{own_top}."))
    ]


def _fits(candidate: type, declared: bool) -> bool:
    if issubclass(candidate, Plugin):
        return True
    if issubclass(candidate, BaseException):
        return False
    if hasattr(candidate, "version") or hasattr(candidate, "metadata"):
        return True
    return declared and any(callable(getattr(candidate, name, None)) for name in _OWN_METHODS)


def _constructor(kind: type) -> Callable[[PluginContext], Any]:
    """How ``kind`` is called: with its config, its context, both or nothing, by their names."""
    plain = _plainly_given(kind)
    if plain is not None:
        return lambda context: kind(**{name: _GIVEN[name](context) for name in plain})
    try:
        parameters = list(inspect.signature(kind).parameters.values())
    except (TypeError, ValueError):
        return lambda context: kind()
    unnamed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    wanted = [each for each in parameters if each.kind not in unnamed]
    strange = [
        each.name for each in wanted if each.default is each.empty and each.name not in _GIVEN
    ]
    if strange:
        raise NoPluginError(
            f"class {kind.__qualname__} cannot be constructed: it wants {', '.join(strange)}",
            hint="a constructor is given config and context, by these names; for anything else "
            "write def register(app, context) and return the plugin",
        )

    def construct(context: PluginContext) -> Any:
        positional, named = [], {}
        for each in wanted:
            if each.name in _GIVEN:
                value = _GIVEN[each.name](context)
                if each.kind is each.POSITIONAL_ONLY:
                    positional.append(value)
                else:
                    named[each.name] = value
        return kind(*positional, **named)

    return construct


def _plainly_given(kind: type) -> tuple[str, ...] | None:
    """What an ordinary constructor wants, where it wants nothing strange; None: it has to be asked.

    ``inspect.signature`` would be a good part of the time that a small plugin's reload takes.
    """
    init = kind.__init__  # type: ignore[misc]  # looked at, not called
    made_plainly = getattr(kind, "__new__", None) is object.__new__
    if type(kind) is not type or not made_plainly:
        return None
    if init is object.__init__:
        return ()
    if type(init) is not FunctionType or vars(init) or hasattr(kind, "__signature__"):
        return None
    code = init.__code__
    if code.co_flags & _VARIABLE or code.co_kwonlyargcount or code.co_posonlyargcount:
        return None
    names = code.co_varnames[1 : code.co_argcount]
    return names if _GIVEN.keys() >= set(names) else None


_VARIABLE = inspect.CO_VARARGS | inspect.CO_VARKEYWORDS
_GIVEN: Mapping[str, Callable[[PluginContext], Any]] = {
    "config": lambda context: context.config,
    "context": lambda context: context,
    "ctx": lambda context: context,
}
"""What a constructor may ask for, by the parameter's name."""

"""The parts of a process that an import can change for everyone, each read in microseconds.

Values are compared by identity where they are objects: their classes may be a plugin's
own, and no code of it may run here. Nothing of a value is shown that may be a secret.
"""

from __future__ import annotations

import builtins
import decimal
import gc
import locale
import logging
import operator
import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from hot_reload.source.namespace import is_elsewhere

Step: TypeAlias = Callable[[], object]
Comparison: TypeAlias = Iterator[tuple[str, Step]]


def identical(old: Sequence[Any], new: Sequence[Any]) -> bool:
    return len(old) == len(new) and all(map(operator.is_, old, new))


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a process has once.

    ``compare`` is asked only if ``same`` says no, and yields a sentence and the way back
    for each difference. ``look`` gives what ``read`` does, but for a comparison at once: it
    need not be a copy.
    """

    name: str
    read: Callable[[], Any]
    compare: Callable[[Any, Any], Comparison]
    same: Callable[[Any, Any], bool]
    look: Callable[[], Any] | None = None


def value(name: str, read: Callable[[], Any], write: Callable[[Any], object]) -> Part:
    def compare(old: Any, new: Any) -> Comparison:
        yield f"changed the {name} from {old!r:.80} to {new!r:.80}", lambda: write(old)

    return Part(name, read, compare, operator.eq)


def attribute(name: str, owner: Any, attribute: str) -> Part:
    def compare(old: Any, new: Any) -> Comparison:
        yield f"replaced {name} by {_kind(new)}", lambda: setattr(owner, attribute, old)

    return Part(name, partial(getattr, owner, attribute, None), compare, operator.is_)


def setting(name: str, read: Callable[[], Any], write: Callable[[Any], object]) -> Part:
    """Like a value, for objects: they are told by their kind only."""

    def compare(old: Any, new: Any) -> Comparison:
        yield f"set the {name} to {_kind(new)}", lambda: write(old)

    return Part(name, read, compare, operator.is_)


def _sequence(name: str, get: Callable[[], MutableSequence[Any]]) -> Part:
    def compare(old: Sequence[Any], new: Sequence[Any]) -> Comparison:
        added = [each for each in new if not _holds(old, each)]
        gone = [each for each in old if not _holds(new, each)]

        def restore() -> None:
            get()[:] = old

        parts = [f"added {_entry(each)}" for each in added] + [
            f"removed {_entry(each)}" for each in gone
        ]
        yield f"{name}: {', '.join(parts) or 'changed the order'}", restore

    return Part(name, lambda: tuple(get()), compare, identical)


def _holds(values: Sequence[Any], wanted: object) -> bool:
    return any(each is wanted for each in values)


def _kind(value: object) -> str:
    """A name for an object without running code of its class."""
    named = value if isinstance(value, _NAMED) else type(value)
    return f"{named.__module__}.{named.__qualname__}"


_NAMED = (type, type(_holds), type(len))


def _entry(value: object) -> str:
    return repr(value) if type(value) is str else _kind(value)


# -- working directory, umask, environment, locale ---------------------------------------


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # it was deleted; there is nothing to go back to


def _go_back(directory: str | None) -> None:
    if directory is None:
        raise FileNotFoundError("the working directory was deleted before the import")
    os.chdir(directory)


def _umask() -> int | None:
    # os.umask() would set it for a moment, for every thread; the kernel also just tells.
    try:
        descriptor = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        _, found, rest = os.read(descriptor, 1024).partition(b"\nUmask:")
    finally:
        os.close(descriptor)
    return int(rest.split(None, 1)[0], 8) if found else None


def _set_umask(mask: int | None) -> None:
    if mask is not None:
        os.umask(mask)


def _environment() -> dict[str, str]:
    kept = getattr(os.environ, "_data", None)  # a copy of os.environ would decode every value
    return dict(os.environ if kept is None else kept)


def _compare_environment(old: Mapping[Any, Any], new: Mapping[Any, Any]) -> Comparison:
    for name in [*old, *(each for each in new if each not in old)]:
        if old.get(name) == new.get(name):
            continue
        verb = "removed" if name not in new else "changed" if name in old else "set"
        shown = os.fsdecode(name)
        value = old.get(name)

        def restore(shown: str = shown, value: Any = value) -> None:
            if value is None:
                os.environ.pop(shown, None)
            else:
                os.environ[shown] = os.fsdecode(value)

        yield f"{verb} the environment variable {shown!r}", restore


# -- signals, modules, builtins ----------------------------------------------------------

_SIGNALS = tuple(int(each) for each in signal.valid_signals())
_getsignal = sys.modules["_signal"].getsignal
"""``signal.getsignal`` makes an enum of each answer: twenty times slower."""


def _signals() -> tuple[Any, ...]:
    return tuple(map(_getsignal, _SIGNALS))


def _compare_signals(old: Sequence[Any], new: Sequence[Any]) -> Comparison:
    for number, before, after in zip(_SIGNALS, old, new, strict=True):
        if before is after:
            continue
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"

        def restore(number: int = number, handler: Any = before) -> None:
            signal.signal(number, handler)

        yield f"replaced the handler of {name}", restore


def _compare_modules(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    for name, module in old.items():
        if new.get(name) is module or is_elsewhere(name):
            continue
        verb = "replaced" if name in new else "removed"

        def restore(name: str = name, module: Any = module) -> None:
            sys.modules[name] = module

        yield f"{verb} the module {name!r} in sys.modules", restore


def _same_modules(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether all of ``old`` stand in ``new`` where they stood: a dict puts later ones last.

    By place and not by name, since there may be ten thousand of them. False may be wrong.
    """
    try:
        # Values by identity alone: one that was put in another's place may claim to equal it.
        if len(old) > len(new) or not all(map(operator.is_, old.values(), new.values())):
            return False
        names = [*new]
        del names[len(old) :]
        return [*old] == names
    except Exception:  # another thread imports something meanwhile, or a key is no string
        return False


def same_builtins(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return len(old) == len(new) and _same_modules(old, new)


def compare_builtins(old: Mapping[str, Any], new: Mapping[str, Any]) -> Comparison:
    for name in [*old, *(each for each in new if each not in old)]:
        if old.get(name, _ABSENT) is new.get(name, _ABSENT):
            continue
        verb = "removed" if name not in new else "replaced" if name in old else "added"

        def restore(name: str = name) -> None:
            if name in old:
                setattr(builtins, name, old[name])
            else:
                delattr(builtins, name)

        yield f"{verb} the built-in {name!r}", restore


_ABSENT = object()


# -- warnings, decimals ------------------------------------------------------------------


def _compare_filters(old: Sequence[Any], new: Sequence[Any]) -> Comparison:
    def restore() -> None:
        # Leaving it makes Python forget what it decided by the filters as they were.
        with warnings.catch_warnings():
            pass
        warnings.filters[:] = old  # type: ignore[index]
        with warnings.catch_warnings():
            pass

    yield f"changed the warnings filters ({len(old)} before, {len(new)} now)", restore


def _set_showwarning(old: Any) -> None:
    # logging remembers whether it took the function over, apart from the function itself.
    logging.captureWarnings(getattr(old, "__module__", "") == "logging")
    warnings.showwarning = old


def _decimals() -> tuple[Any, ...]:
    context = decimal.getcontext()
    # Its flags are left out: arithmetic raises them.
    traps = tuple(map(context.traps.__getitem__, _TRAPS))
    return (context.prec, context.rounding, context.Emin, context.Emax, traps)


def _set_decimals(value: tuple[Any, ...]) -> None:
    context = decimal.getcontext()
    context.prec, context.rounding, context.Emin, context.Emax, traps = value
    for kind, on in zip(_TRAPS, traps, strict=True):
        context.traps[kind] = on


_TRAPS = tuple(decimal.getcontext().traps)


def _gc_switch(on: bool) -> None:
    (gc.enable if on else gc.disable)()


# -- finders -----------------------------------------------------------------------------

_NAMESPACE = "hot_reload.source.namespace"


def _finders() -> tuple[Any, ...]:
    # The namespace's own finder comes and goes with the generations.
    return tuple([each for each in sys.meta_path if type(each).__module__ != _NAMESPACE])


def _compare_finders(old: Sequence[Any], new: Sequence[Any]) -> Comparison:
    added = [each for each in new if not _holds(old, each) and not _is_of_a_library(each)]
    gone = [each for each in old if not _holds(new, each)]

    def restore() -> None:
        for each in added:
            sys.meta_path[:] = [other for other in sys.meta_path if other is not each]
        sys.meta_path.extend(each for each in old if not _holds(sys.meta_path, each))

    parts = [f"added {_kind(e)}" for e in added] + [f"removed {_kind(e)}" for e in gone]
    if parts:
        yield f"sys.meta_path: {', '.join(parts)}", restore


def _is_of_a_library(finder: object) -> bool:
    """Whether its class lives in a module that stays: a library's, which needs its finder."""
    owner = finder.__module__ if isinstance(finder, type) else type(finder).__module__
    return "@g" not in owner and owner in sys.modules


# -- the table ---------------------------------------------------------------------------

_root = logging.getLogger()

PARTS: tuple[Part, ...] = (
    value("working directory", _working_directory, _go_back),
    value("umask", _umask, _set_umask),
    value(
        "locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda old: locale.setlocale(locale.LC_ALL, old),
    ),
    Part("environment variable", _environment, _compare_environment, operator.eq),
    Part("signal handler", _signals, _compare_signals, identical),
    _sequence("sys.path", lambda: sys.path),
    _sequence("sys.path_hooks", lambda: sys.path_hooks),
    Part("sys.meta_path", _finders, _compare_finders, identical),
    Part(
        "module in sys.modules",
        lambda: sys.modules.copy(),
        _compare_modules,
        _same_modules,
        look=lambda: sys.modules,
    ),
    Part(
        "built-in",
        lambda: vars(builtins).copy(),
        compare_builtins,
        same_builtins,
        look=lambda: vars(builtins),
    ),
    *(
        attribute(f"sys.{name}", sys, name)
        for name in ("stdin", "stdout", "stderr", "excepthook", "displayhook", "unraisablehook")
    ),
    attribute("sys.breakpointhook", sys, "breakpointhook"),
    attribute("threading.excepthook", threading, "excepthook"),
    setting("trace function", sys.gettrace, sys.settrace),
    setting("profile function", sys.getprofile, sys.setprofile),
    value("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    value("switch interval", sys.getswitchinterval, sys.setswitchinterval),
    value("garbage collection switch", gc.isenabled, _gc_switch),
    value("garbage collection threshold", gc.get_threshold, lambda old: gc.set_threshold(*old)),
    value("garbage collection debug flags", gc.get_debug, gc.set_debug),
    value("default socket timeout", socket.getdefaulttimeout, socket.setdefaulttimeout),
    value("decimal context", _decimals, _set_decimals),
    Part("warnings filters", lambda: tuple(warnings.filters), _compare_filters, identical),
    setting("function that shows warnings", lambda: warnings.showwarning, _set_showwarning),
    _sequence("handlers of the root logger", lambda: _root.handlers),
    _sequence("filters of the root logger", lambda: _root.filters),
    value("level of the root logger", lambda: _root.level, _root.setLevel),
    value("level up to which logging is disabled", lambda: _root.manager.disable, logging.disable),
    setting("logger class", logging.getLoggerClass, logging.setLoggerClass),
    setting("log record factory", logging.getLogRecordFactory, logging.setLogRecordFactory),
)

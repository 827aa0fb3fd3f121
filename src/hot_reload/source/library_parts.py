"""The parts of a process that libraries keep: asyncio, ssl, multiprocessing and the like.

They are as ``process_parts`` has them. A module that nobody has imported has nothing to be
changed, and is not imported for it. What a library sets up by itself as it is first used is
no change.
"""

from __future__ import annotations

import _tracemalloc as _tracing  # tracemalloc itself takes a while to import
import asyncio
import asyncio.events
import faulthandler
import logging
import operator
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence, Set
from functools import partial
from typing import Any

from hot_reload.source.process_parts import Comparison, Part, attribute, identical, setting, value

_events: Any = asyncio.events


def _lazy(
    name: str, module: str, attribute_name: str, default: Callable[[Any], object], told: str
) -> Part:
    """An attribute of a module that may not be there yet; ``default``: what it is given by that
    module itself."""

    def read() -> Any:
        return getattr(sys.modules.get(module), attribute_name, None)

    def compare(old: Any, new: Any) -> Comparison:
        owner = sys.modules.get(module)
        if owner is None or (old is None and (new is None or new is default(owner))):
            return
        yield told, lambda: setattr(owner, attribute_name, default(owner) if old is None else old)

    return Part(name, read, compare, operator.is_)


def _policy() -> Any:
    return getattr(_events, "_event_loop_policy", None)


def _compare_policies(old: Any, new: Any) -> Comparison:
    kind = type(new)
    if old is None and kind.__module__.startswith("asyncio."):
        return  # asyncio makes its own as somebody first asks for it
    yield (
        f"set the asyncio event loop policy to {kind.__module__}.{kind.__qualname__}",
        lambda: setattr(_events, "_event_loop_policy", old),
    )


_LOOP = ("exception handler", "task factory", "debug")


def _loop() -> tuple[Any, ...]:
    loop = asyncio._get_running_loop()
    if loop is None:
        return (None,)
    return (loop, loop.get_exception_handler(), loop.get_task_factory(), loop.get_debug())


def _compare_loops(old: Sequence[Any], new: Sequence[Any]) -> Comparison:
    if old[0] is not new[0]:
        return
    for name, before, after in zip(_LOOP, old[1:], new[1:], strict=True):
        if before is not after:
            write = getattr(old[0], f"set_{name.replace(' ', '_')}")
            yield f"changed the {name} of the running event loop", partial(write, before)


def _compare_arguments(old: Sequence[str], new: Sequence[str]) -> Comparison:
    def restore() -> None:
        sys.argv[:] = old

    yield "changed sys.argv", restore  # which may hold a password


def _zone() -> tuple[Any, ...]:
    return (time.tzname, time.timezone, time.daylight)


def _compare_zones(old: Sequence[Any], new: Sequence[Any]) -> Comparison:
    # It follows the environment, which is put back before this.
    yield f"changed the time zone from {old[0][0]!r:.40} to {new[0][0]!r:.40}", time.tzset


def _alarm() -> bool:
    return bool(signal.getitimer(signal.ITIMER_REAL)[0])


def _compare_alarms(old: bool, new: bool) -> Comparison:
    if new:  # one that was set before may have gone off meanwhile
        stop = partial(signal.setitimer, signal.ITIMER_REAL, 0)
        yield "set an alarm, which ends a process that does not expect it", stop


_KINDS = ("AS", "CORE", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC", "STACK")
_LIMITS = tuple([each for each in _KINDS if hasattr(resource, f"RLIMIT_{each}")])
_numbers = tuple([getattr(resource, f"RLIMIT_{name}") for name in _LIMITS])


def _limits() -> tuple[tuple[int, int], ...]:
    return tuple(map(resource.getrlimit, _numbers))


def _compare_limits(old: Sequence[Any], new: Sequence[Any]) -> Comparison:
    for name, number, before, after in zip(_LIMITS, _numbers, old, new, strict=True):
        if before != after:
            yield (
                f"changed the resource limit {name} from {before} to {after}",
                partial(resource.setrlimit, number, before),
            )


def _loggers() -> tuple[Set[str], Set[str]]:
    """The loggers that there are, and those that are disabled."""
    loggers = logging.root.manager.loggerDict.copy()
    # By their own dictionaries: a class of loggers may be a plugin's.
    disabled = [name for name, each in loggers.items() if each.__dict__.get("disabled")]
    return loggers.keys(), frozenset(disabled)


def _same_loggers(old: Sequence[Set[str]], new: Sequence[Set[str]]) -> bool:
    return old[1] == new[1]


def _compare_loggers(old: Sequence[Set[str]], new: Sequence[Set[str]]) -> Comparison:
    names = sorted((new[1] & old[0]) - old[1])
    if not names:
        return

    def restore() -> None:
        for name in names:
            logging.getLogger(name).disabled = False

    text = f"disabled the logger {names[0]!r}"
    if len(names) > 1:
        text = (
            f"disabled {len(names)} loggers, such as {names[0]!r}; disable_existing_loggers is "
            "the default of logging.config"
        )
    yield text, restore


def _fault_handler(on: bool) -> None:
    (faulthandler.enable if on else faulthandler.disable)()


def _memory_tracing(on: bool) -> None:
    (_tracing.start if on else _tracing.stop)()


def _trace_new_threads(hook: Any) -> None:
    threading.settrace(hook)


LIBRARY_PARTS: tuple[Part, ...] = (
    # Put back after the environment: what is changed last is put back first.
    Part("time zone", _zone, _compare_zones, operator.eq),
    Part("asyncio event loop policy", _policy, _compare_policies, operator.is_),
    Part("running event loop", _loop, _compare_loops, identical),
    Part("sys.argv", lambda: tuple(sys.argv), _compare_arguments, operator.eq),
    Part("alarm", _alarm, _compare_alarms, operator.eq),
    Part("resource limit", _limits, _compare_limits, operator.eq),
    _lazy(
        "HTTPS certificates",
        "ssl",
        "_create_default_https_context",
        lambda ssl: ssl.create_default_context,
        "replaced the function that makes ssl's default context for HTTPS",
    ),
    value("fault handler", faulthandler.is_enabled, _fault_handler),
    value("tracing of memory", _tracing.is_tracing, _memory_tracing),
    value(
        "limit of digits of an integer",
        sys.get_int_max_str_digits,
        sys.set_int_max_str_digits,
    ),
    value("stack size of new threads", threading.stack_size, threading.stack_size),
    setting("trace function of new threads", threading.gettrace, _trace_new_threads),
    setting("profile function of new threads", threading.getprofile, threading.setprofile),
    attribute("sys.dont_write_bytecode", sys, "dont_write_bytecode"),
    attribute("sys.pycache_prefix", sys, "pycache_prefix"),
    Part("logger", _loggers, _compare_loggers, _same_loggers),
    attribute("logging.raiseExceptions", logging, "raiseExceptions"),
    attribute("logging.lastResort", logging, "lastResort"),
)

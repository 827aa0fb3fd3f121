"""Who keeps an object alive: the way from it to something that nobody collects, in words."""

from __future__ import annotations

import asyncio
import gc
import inspect
import logging
import sys
import threading
from collections.abc import Container
from types import FrameType, ModuleType
from typing import Any

_LEVELS = 16
_WIDTH = 200


def holder_of(thing: object, own_modules: Container[str]) -> str:
    """What outside of ``own_modules`` holds ``thing``, directly or through others.

    ``"the dict 'dispatch_table' of module 'copyreg'"``, ``"the running task 'poll'"``.
    Walks through the whole heap once for each level: for failures, not for loops.
    """
    module_dicts = {
        id(vars(module)): name
        for name, module in list(sys.modules.items())
        if isinstance(module, ModuleType)
    }
    owners = {id(vars(owner)): owner for owner in _never_given_up()}
    # Whoever asks holds it too.
    seen = {id(thing), id(_current_task())}
    level: list[Any] = [thing]
    ours = {id(level), id(seen), id(module_dicts), id(owners)}
    for _ in range(_LEVELS):
        found = gc.get_referrers(*level)
        ours.add(id(found))
        following: list[Any] = []
        ours.add(id(following))
        referrer = owner = None
        for referrer in found:
            if id(referrer) in seen or id(referrer) in ours or _is_of_the_kit(referrer):
                continue
            seen.add(id(referrer))
            name = module_dicts.get(id(referrer))
            owner = owners.get(id(referrer), referrer)
            words = _terminal(owner, name, level, own_modules)
            if words:
                return words
            following.append(referrer)
        del found, referrer, owner
        level = following[:_WIDTH]
        ours.add(id(level))
        if not level:
            break
    return _thread_holding(own_modules) or (
        "something that Python's garbage collector does not see, "
        "such as an atexit callback or an extension module"
    )


def _terminal(
    referrer: Any, module_name: str | None, level: list[Any], own_modules: Container[str]
) -> str | None:
    if isinstance(referrer, asyncio.Task) and not referrer.done():
        return f"the running task {referrer.get_name()!r}"
    if isinstance(referrer, asyncio.TimerHandle) and not referrer.cancelled():
        return "a timer that is still armed"
    if isinstance(referrer, threading.Thread) and referrer.is_alive():
        return f"the running thread {referrer.name!r}"
    if isinstance(referrer, FrameType) and not _is_of_the_kit(referrer):
        code = referrer.f_code
        return f"a call of {code.co_qualname}() that has not ended ({code.co_filename})"
    if isinstance(referrer, logging.Logger | asyncio.AbstractEventLoop):
        return _kept_by(referrer, {id(each) for each in level})
    if module_name is None or module_name in own_modules:
        return None
    held = {id(each): each for each in level}
    for key, value in referrer.items():
        if id(value) in held:
            kind = type(value).__name__
            return f"the {kind} {key!r} of module {module_name!r}"
    return None


def _never_given_up() -> list[logging.Logger | asyncio.AbstractEventLoop]:
    """What these hold stays, whoever else holds them."""
    found: list[logging.Logger | asyncio.AbstractEventLoop] = [logging.root]
    known = list(logging.root.manager.loggerDict.values())
    found += [each for each in known if isinstance(each, logging.Logger)]
    loop = asyncio._get_running_loop()
    return [*found, loop] if loop is not None and hasattr(loop, "__dict__") else found


_OF_A_LOOP = {
    "_task_factory": "the task factory",
    "_exception_handler": "the exception handler",
    "_default_executor": "the default executor",
}
"""What a plugin may set in a loop; the handler is often somebody else's already."""


def _kept_by(owner: logging.Logger | asyncio.AbstractEventLoop, held: set[int]) -> str:
    """In which attribute, where it is seen: the level may have the dict of all of them."""
    attributes = vars(owner)
    keys = [key for key, value in attributes.items() if id(value) in held]
    if isinstance(owner, asyncio.AbstractEventLoop):
        set_there = [key for key in _OF_A_LOOP if attributes.get(key) is not None]
        for key in [each for each in _OF_A_LOOP if each in keys] or set_there:
            return f"{_OF_A_LOOP[key]} of the event loop"
        return "the event loop"
    known = [key for key in ("filters", "handlers") if key in keys or attributes.get(key)]
    for key in keys or known:
        what = f"a {key[:-1]}" if key in known else f"the attribute {key!r}"
        return f"{what} of the logger {owner.name!r}"
    return f"the logger {owner.name!r}"


def _thread_holding(own_modules: Container[str]) -> str | None:
    """Since Python 3.11 the locals of a running frame are unknown to the collector."""
    for thread in threading.enumerate():
        frame = sys._current_frames().get(thread.ident or 0)
        while frame is not None:
            if frame.f_globals.get("__name__") in own_modules:
                return f"the running thread {thread.name!r}"
            frame = frame.f_back
    return None


def _current_task() -> object:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None  # no loop runs here


_OURS = frozenset({"hot_reload", "hot_reload_conformance", "hot_reload_fixtures"})
_RUNNERS = frozenset({"_pytest", "pytest", "pluggy", "asyncio"})


def _is_of_the_kit(referrer: Any) -> bool:
    """Frames and coroutines of the kit, the engine and the runner: they hold what they look at."""
    frame = getattr(referrer, "cr_frame", None) if inspect.iscoroutine(referrer) else referrer
    if not isinstance(frame, FrameType):
        return False
    top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return top in _OURS or top in _RUNNERS

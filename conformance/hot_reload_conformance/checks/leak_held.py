"""LEAK, in words: the chain of holders from what should be gone to something that stays."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from types import CellType, FrameType, FunctionType, MethodType, ModuleType, TracebackType
from typing import Any

from hot_reload_conformance.adapter import HostAdapter

_LEVELS = 12
_WIDTH = 200
_ENDS_SHOWN = 2
"""Of a long chain, the steps told at either end."""
_CONTAINERS = (list, tuple, set, frozenset, deque)


def held_by(thing: object) -> str:
    """What holds ``thing``, from it outwards; "" where the garbage collector shows nothing.

    ``"a list in attribute 'history' of _Host"``. The chain ends at a module's name, at a
    running task or thread, or at the adapter, which holds the host anyway. Walks through
    the whole heap once for each level: for failures, not for loops.
    """
    gc.unfreeze()  # what is frozen is no referrer to the collector
    return _in_words(_chain(thing))


def _chain(thing: object) -> list[Any]:
    """``thing`` and its holders, the last one staying of its own; only ``thing``: none found."""
    spaces = {
        id(vars(module)) for module in list(sys.modules.values()) if isinstance(module, ModuleType)
    }
    objects: dict[int, Any] = {id(thing): thing}
    held: dict[int, int] = {}
    """Holder → what it holds, by id."""
    level: list[Any] = [thing]
    ours = {id(objects), id(level)}
    for _ in range(_LEVELS):
        # One by one would be a walk for each: who holds which is found out below.
        found = gc.get_referrers(*level)
        ours |= {id(found), id(sys._getframe())}
        below = {id(each): id(each) for each in level}
        following: list[Any] = []
        ours.add(id(following))
        for holder in found:
            if id(holder) in objects or id(holder) in ours or _is_the_kits(holder):
                continue
            held_one = next((below[id(e)] for e in gc.get_referents(holder) if id(e) in below), 0)
            if not held_one:
                continue
            objects[id(holder)] = holder
            held[id(holder)] = held_one
            following.append(holder)
            if id(holder) in spaces or holder is sys.modules or _stays(holder):
                return _way(holder, held, objects)
        del found
        level = following[:_WIDTH]
        ours.add(id(level))
        if not level:
            break
    return [thing]


def _way(last: object, held: dict[int, int], objects: dict[int, Any]) -> list[Any]:
    way = [last]
    while id(way[-1]) in held:
        way.append(objects[held[id(way[-1])]])
    return way[::-1]


def _stays(holder: object) -> bool:
    if isinstance(holder, asyncio.Future):
        return not holder.done()
    if isinstance(holder, asyncio.TimerHandle):
        return not holder.cancelled()
    if isinstance(holder, threading.Thread):
        return holder.is_alive()
    return isinstance(holder, HostAdapter)


def _is_the_kits(holder: Any) -> bool:
    """Frames and objects of the kit and of the runner: they hold what they look at."""
    if inspect.iscoroutine(holder):
        holder = holder.cr_frame
    if isinstance(holder, FrameType):
        module = str(holder.f_globals.get("__name__", ""))
        return _is_of_the_kit(module) or module.partition(".")[0] in ("_pytest", "pluggy")
    if isinstance(holder, asyncio.Task):
        return holder is _current_task()
    if isinstance(holder, (HostAdapter, BaseException, ModuleType, type, FunctionType)):
        return False
    return _is_of_the_kit(str(getattr(type(holder), "__module__", "")))


def _is_of_the_kit(module: str) -> bool:
    """Its own hosts and adapters are judged like anybody's."""
    top, _, rest = module.partition(".")
    return top == "hot_reload_conformance" and rest.partition(".")[0] not in (
        "specimens",
        "adapters",
        "hosts",
    )


def _current_task() -> object:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None  # no loop runs here


def _in_words(chain: Sequence[Any]) -> str:
    steps = list(_steps(chain))
    if len(steps) > 1 and isinstance(chain[-1], HostAdapter):
        steps.pop()  # every host is held by its adapter
    if len(steps) > 2 * _ENDS_SHOWN + 1:
        steps = [*steps[:_ENDS_SHOWN], ("…", False), *steps[-_ENDS_SHOWN:]]
    text = ""
    before_contains = False
    for words, contains in steps:
        text += f"{' in ' if before_contains else ', held by '}{words}" if text else words
        before_contains = contains
    return text


def _steps(chain: Sequence[Any]) -> Iterator[tuple[str, bool]]:
    """Each holder in words, and whether it is a bare container, told as being in the next."""
    place = 0
    while place + 1 < len(chain):
        thing, holder = chain[place : place + 2]
        owner = chain[place + 2] if place + 2 < len(chain) else None
        place += 1
        if isinstance(holder, dict) and owner is not None and _names_of(owner) is holder:
            yield _attribute(thing, owner), False
            place += 1
        elif not isinstance(holder, (CellType, TracebackType, FrameType)) or owner is None:
            yield _holder(thing, holder)
        elif isinstance(holder, FrameType):
            # Said whole: the traceback behind it adds nothing to this.
            yield _local(thing, holder), False


def _holder(thing: Any, holder: Any) -> tuple[str, bool]:
    kind = type(holder)
    if holder is sys.modules:
        return f"sys.modules, as {_key(thing, holder)}", False
    if isinstance(holder, dict):
        if "__name__" in holder and holder is _names_of(sys.modules.get(str(holder["__name__"]))):
            return f"the global {_key(thing, holder)} of module {holder['__name__']!r}", False
        return f"a dict, under {_key(thing, holder)},", True
    if isinstance(holder, _CONTAINERS):
        return f"a {kind.__name__}", True
    return _runs(holder) or _of_code(thing, holder) or _attribute(thing, holder), False


def _runs(holder: Any) -> str:
    if isinstance(holder, asyncio.Task):
        return f"the {'ended' if holder.done() else 'running'} task {holder.get_name()!r}"
    if isinstance(holder, asyncio.TimerHandle):
        return "a timer that is still armed"
    if isinstance(holder, threading.Thread) and holder.is_alive():
        return f"the running thread {holder.name!r}"
    if inspect.iscoroutine(holder) or inspect.isgenerator(holder):
        return f"a call of {holder.__qualname__}() that has not ended"
    return ""


def _of_code(thing: Any, holder: Any) -> str:
    if isinstance(holder, MethodType):
        return f"the bound method {holder.__func__.__qualname__}"
    if isinstance(holder, FunctionType):
        return f"the function {holder.__qualname__}()"
    if isinstance(holder, FrameType):
        return _local(thing, holder)
    if isinstance(holder, BaseException):
        how = "the traceback of " if isinstance(thing, TracebackType) else ""
        return f"{how}the exception {type(holder).__name__}"
    if isinstance(holder, ModuleType):
        return f"module {holder.__name__!r}"
    if type(holder) is thing:
        return f"an instance of {thing.__qualname__}"
    return ""


def _local(thing: object, frame: FrameType) -> str:
    name = next((key for key, value in frame.f_locals.items() if value is thing), "")
    return f"{f'the local {name!r}' if name else 'a local'} of {frame.f_code.co_qualname}()"


def _attribute(thing: object, owner: Any) -> str:
    """Named after the attribute of ``owner`` that is ``thing``; without it, after its class."""
    what = f"class {owner.__qualname__}" if isinstance(owner, type) else type(owner).__qualname__
    if isinstance(owner, ModuleType):
        return f"the global {_key(thing, vars(owner))} of module {owner.__name__!r}"
    for name, value in _attributes(owner):
        if value is thing:
            return f"attribute {name!r} of {what}"
    return f"a {what}" if not isinstance(owner, type) else what


def _attributes(owner: object) -> Iterator[tuple[str, Any]]:
    yield from dict(_names_of(owner) or {}).items()
    for each in type(owner).__mro__:
        slots = vars(each).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            try:
                yield name, object.__getattribute__(owner, name)
            except AttributeError:
                continue  # it was never set, or goes by its mangled name


def _names_of(owner: object) -> Any:
    """The dict behind the attributes of ``owner``; None: it has none. Runs no code of its."""
    if isinstance(owner, type):
        return next(iter(gc.get_referents(vars(owner))), None)
    try:
        return object.__getattribute__(owner, "__dict__")
    except AttributeError:
        return None


def _key(thing: object, holder: dict[Any, Any]) -> str:
    found = next((key for key, value in holder.items() if value is thing), "one of its keys")
    return f"{found!r:.60}"

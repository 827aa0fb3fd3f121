"""Blame: whose line an exception came from, the adapter's or its host's.

An exception out of an adapter's method may be the host's answer ("no such plugin") or a
mistake of the adapter. Either way its author wants the line of his own file.
"""

from __future__ import annotations

import dis
import inspect
import os
import traceback
from collections.abc import Sequence
from types import CodeType

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench.hearing import in_words
from hot_reload_conformance.verdict import KitError

_PORT = inspect.getsourcefile(HostAdapter)
_KIT = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_BROKEN = (AttributeError, NameError, TypeError)
_NO_ANSWER = (LookupError, AssertionError)
_RAISES = ("RAISE_VARARGS", "RERAISE")


def files_of(adapter: type[HostAdapter]) -> frozenset[str]:
    """The files in which ``adapter`` and the classes above it stand, the port's own left out."""
    files: set[str] = set()
    for each in adapter.__mro__:
        if issubclass(each, HostAdapter) and each is not HostAdapter:
            try:
                file = inspect.getsourcefile(each)
            except TypeError:  # made in an interactive session
                continue
            if file:
                files.add(file)
    return frozenset(files - {_PORT})


def place(adapter: type[HostAdapter], error: BaseException) -> str:
    """``file:line, in method()``: the adapter's deepest line on the way of ``error``; "": none."""
    files = files_of(adapter)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in files:
            return f"{frame.filename}:{frame.lineno}, in {frame.name}()"
    return ""


def at(adapter: type[HostAdapter], error: BaseException) -> str:
    """``place``, as it follows in a message; "": the adapter has no line in it."""
    where = place(adapter, error)
    return f" ({where})" if where else ""


def raised_by(adapter: type[HostAdapter], error: BaseException, *, answers: bool = False) -> str:
    """The place where ``adapter`` itself raised ``error`` by mistake; "": the host raised it.

    ``answers``: of a method that only has to answer, as ``call`` does. In ``load`` or ``reload``
    a ``KeyError`` may well be how the host, or the adapter for it, says "no such plugin".
    """
    codes = [frame.f_code for frame, _ in traceback.walk_tb(error.__traceback__)]
    if not codes or codes[-1].co_filename not in files_of(adapter):
        return ""
    wrong = isinstance(error, _BROKEN) and _behind_the_adapter(adapter, codes)
    lacks = answers and isinstance(error, _NO_ANSWER) and _of_the_adapter(adapter, codes[-1])
    return place(adapter, error) if wrong or lacks else ""


def blame_adapter(
    adapter: type[HostAdapter], error: BaseException, what: str, *, answers: bool = False
) -> None:
    """Return if it was the host that raised ``error``, as its answer to ``what``.

    Raises:
        KitError: ``adapter`` itself broke, or has no such method.
    """
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, NotImplementedError) and frames and frames[-1].filename == _PORT:
        raise KitError(f"your adapter does not implement {what}") from error
    if isinstance(error, KitError):
        raise KitError(f"your adapter's {what}: {error}") from error
    where = raised_by(adapter, error, answers=answers)
    if where:
        raise KitError(f"your adapter's {what} raised {in_words(error)} at {where}") from error


def _behind_the_adapter(adapter: type[HostAdapter], codes: Sequence[CodeType]) -> bool:
    """Whether the deepest method on the way is the adapter's.

    A host may stand in the adapter's file, and break; a mere function there is whoever's whose
    method called it.
    """
    for code in reversed(codes):
        if _of_the_adapter(adapter, code):
            return True
        if "." in code.co_qualname.rpartition("<locals>.")[2]:
            return False
    return True


def _of_the_adapter(adapter: type[HostAdapter], code: CodeType) -> bool:
    return any(code.co_qualname.startswith(f"{each.__qualname__}.") for each in adapter.__mro__)


def slip(adapter: type[HostAdapter], error: BaseException) -> str:
    """The place where ``error`` came up in ``adapter`` and no ``raise`` made it; "": elsewhere.

    It may be the refusal that is meant, a name that is in no dict say, or a mistake: its author
    is to know that it was not the host.
    """
    frames = list(traceback.walk_tb(error.__traceback__))
    code = frames[-1][0].f_code if frames else None
    if code is None or code.co_filename not in files_of(adapter):
        return ""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or dis.opname[code.co_code[trace.tb_lasti]] in _RAISES:
        return ""
    if not _of_the_adapter(adapter, code):
        return ""  # a host may stand in the adapter's file
    return f"{os.path.basename(code.co_filename)}:{trace.tb_lineno}, in {code.co_name}()"


def of_the_kit(adapter: type[HostAdapter], error: BaseException) -> bool:
    """Whether ``error`` is the kit's own: its deepest line is not reached through the adapter."""
    files = files_of(adapter)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename in files:
            return False
        if os.path.abspath(frame.filename).startswith(_KIT):
            return True
    return True

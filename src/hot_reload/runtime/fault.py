"""What a plugin raised, turned into words: nothing of the plugin is kept alive by them."""

from __future__ import annotations

import traceback
from collections.abc import Collection, Container
from dataclasses import dataclass
from types import AsyncGeneratorType, CoroutineType, GeneratorType, TracebackType
from typing import Any

from hot_reload.config.secret import conceal
from hot_reload.errors import HookFailed, PluginFault
from hot_reload.outcome import Failure, Stage
from hot_reload.source.namespace import as_written, missing_of_a_plugin

CAUSE_LIMIT = 500
TRACEBACK_LIMIT = 8_000
PATH_LIMIT = 4_096
AWAITED_LIMIT = 100
GROUPS_LIMIT = 100
_FRAMES = ("cr_frame", "gi_frame", "ag_frame")
_AWAITED = ("cr_await", "gi_yieldfrom", "ag_await")


@dataclass(slots=True)
class Origin:
    """Whose code runs: its source files, and what must not be told of its configuration."""

    files: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    top: str = ""
    """By which name its modules are imported, as its author writes it."""


def hook_failed(error: BaseException, what: str, origin: Origin) -> HookFailed:
    """A fault that says what ``what`` raised and where in the plugin's own files.

    The exception itself, its traceback and so the plugin's frames are not referred to, and
    secrets are masked.
    """
    file, line = _place(error.__traceback__, origin.files)
    first = _place(_first_in(error).__traceback__, origin.files)
    if first[0] is not None:  # a group's own is the line that waited for its tasks
        file, line = first
    if file is None and error.__cause__ is not None:  # a StopIteration that left a coroutine
        file, line = _place(error.__cause__.__traceback__, origin.files)
    return HookFailed(
        f"{what} raised {cause_of(error, origin.secrets)}",
        file=file,
        line=line,
        hint=_hint(error, origin),
        traceback_text=_formatted(error, origin.secrets),
    )


def closed_from_outside(error: BaseException) -> bool:
    """Whether the coroutine that caught ``error`` is being closed, as where its loop has ended.

    Nothing that it called has raised it then. Asked in the ``except`` that caught it.
    """
    trace = error.__traceback__
    return isinstance(error, GeneratorExit) and trace is not None and trace.tb_next is None


def standing(awaited: object, origin: Origin) -> tuple[str | None, int | None]:
    """Where in the plugin's own source a coroutine waits now: its innermost such line."""
    found: tuple[str | None, int | None] = (None, None)
    for _ in range(AWAITED_LIMIT):
        frame = _first(awaited, _FRAMES)
        if frame is not None and frame.f_code.co_filename in origin.files:
            found = (frame.f_code.co_filename, frame.f_lineno)
        awaited = _first(awaited, _AWAITED)
        if awaited is None:
            break
    return found


def _first(thing: object, names: tuple[str, ...]) -> Any:
    """The first of these attributes that a coroutine or generator has; of others, None."""
    if not isinstance(thing, (CoroutineType, GeneratorType, AsyncGeneratorType)):
        return None
    return next((getattr(thing, each) for each in names if hasattr(thing, each)), None)


def _hint(error: BaseException, origin: Origin) -> str | None:
    name = str(error.name) if isinstance(error, ModuleNotFoundError) else ""
    lacks = missing_of_a_plugin(name)
    if lacks is not None:
        return lacks
    top = name.partition(".")[0]
    if not top or top != origin.top:
        return None
    return (
        f"a generation's own modules have names of their own: write `import {top}`, or "
        'importlib.import_module(".name", __package__), where a string names them'
    )


def failure_of(stage: Stage, fault: PluginFault) -> Failure:
    """``fault`` as the plain record that an outcome holds."""
    return Failure(
        stage=stage,
        cause=shown(str(fault), CAUSE_LIMIT),
        file=None if fault.file is None else shown(fault.file, PATH_LIMIT),
        line=fault.line,
        traceback="\n".join(
            shown(line, TRACEBACK_LIMIT) for line in fault.traceback_text.split("\n")
        ),
        hint=None if fault.hint is None else shown(fault.hint, CAUSE_LIMIT),
        hangs_on_others=fault.hangs_on_others,
    )


def cause_of(error: BaseException, secrets: Collection[str] = ()) -> str:
    """``type: text`` on one line, trimmed, with control characters shown, and no secret."""
    try:
        text = str(error)
    except BaseException as broken:  # a plugin's __str__ may raise anything
        text = f"(its text cannot be shown: __str__ raised {type(broken).__name__})"
    if isinstance(error, ImportError):
        text = as_written(text)
    first = _first_in(error)
    if first is not error and not isinstance(first, BaseExceptionGroup):
        # A group says only how many there are: what went wrong is in them.
        text += f", first of them {cause_of(first, secrets)}"
    text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    # Before it is trimmed: what is left of a secret would not be found.
    return shown(conceal(text, secrets), CAUSE_LIMIT)


def _first_in(error: BaseException) -> BaseException:
    """The first exception in a group, such as a TaskGroup raises; of any other, itself."""
    for _ in range(GROUPS_LIMIT):
        if not isinstance(error, BaseExceptionGroup):
            break
        # By the class of all groups: a plugin's own may give anything.
        error = BaseExceptionGroup.exceptions.__get__(error)[0]
    return error


def shown(text: str, limit: int) -> str:
    """``text`` on one line, cut at ``limit``, with control characters shown."""
    # Escape sequences in a message would act on the terminal that shows the log.
    text = "".join(each if each.isprintable() else _escaped(each) for each in text[: limit + 1])
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def _place(trace: TracebackType | None, sources: Container[str]) -> tuple[str | None, int | None]:
    """The innermost frame that lies in the plugin's own source."""
    found: tuple[str | None, int | None] = (None, None)
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file in sources:
            found = (file, trace.tb_lineno)
        trace = trace.tb_next
    return found


def _formatted(error: BaseException, secrets: Collection[str]) -> str:
    try:
        text = "".join(traceback.format_exception(error))
    except BaseException:  # the same broken __str__, met by an older traceback module
        text = f"(the traceback of a {type(error).__name__} cannot be shown)\n"
    return conceal(text, secrets)[-TRACEBACK_LIMIT:]

"""What an import changes in the process that is not its own: seen, told and undone.

A module that changes the working directory, a signal handler or ``sys.path`` as it is
imported changes them for the host and every other plugin. Here a photograph is taken
before and compared after; it costs tens of microseconds, so each reload can afford it.

Seen is what the parts below name, and no more: a host's function that was replaced, or
a value inside a host's object, is not. Nor can it be told who changed something: what
another thread changes during the import counts as the import's.
"""

from __future__ import annotations

import atexit
import builtins
import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from hot_reload.errors import ImportRefused
from hot_reload.source.library_parts import LIBRARY_PARTS
from hot_reload.source.process_parts import PARTS, Step, compare_builtins, same_builtins

TOLD_LIMIT = 20

_EVERY = (*LIBRARY_PARTS, *PARTS)


class StatePolicy(enum.Enum):
    """What becomes of the changes that an import made. After a failed one they are undone."""

    REPORT = "report"
    UNDO = "undo"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise than it was, and how to put it back.

    ``part`` is what it belongs to ("environment variable"), ``text`` a sentence on it that
    shows no environment variable's value.
    """

    part: str
    text: str
    _restore: Step = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.text


class ProcessState:
    """A photograph of what a process has one of. Keep it only as long as the import lasts.

    It refers to every module and handler that was there, so it would keep an old
    generation alive.
    """

    __slots__ = ("_atexit_callbacks", "_builtins", "_values")

    def __init__(self, values: tuple[Any, ...], atexit_callbacks: int) -> None:
        self._values = values
        self._atexit_callbacks = atexit_callbacks
        self._builtins = _builtins.copy()

    @classmethod
    def capture(cls) -> ProcessState:
        """Look at every part; on the thread that will import."""
        return cls(tuple([part.read() for part in _EVERY]), _atexit_count())

    def changes_since(self, before: ProcessState, *, own: str = "") -> tuple[Change, ...]:
        """What is otherwise in this state than in ``before``.

        ``own`` is the name of the generation's top module: of the functions to be called at
        exit only those of its own count, since libraries register theirs once and need them.
        """
        return before._differences(self._values, self._atexit_callbacks, own)

    def changes_by_now(self, *, own: str = "") -> tuple[Change, ...]:
        """What is otherwise at this moment, which is looked at without a photograph."""
        now = [part.read() if part.look is None else part.look() for part in _EVERY]
        return self._differences(now, _atexit_count(), own)

    def _differences(
        self, now: Iterable[Any], atexit_callbacks: int, own: str
    ) -> tuple[Change, ...]:
        found: list[Change] = []
        for part, old, new in zip(_EVERY, self._values, now, strict=True):
            if old is not new and not part.same(old, new):
                found += [Change(part.name, text, undo) for text, undo in part.compare(old, new)]
        if own and atexit_callbacks > self._atexit_callbacks:
            found += _registered_at_exit(own)
        return tuple(found)

    def mend_builtins(self) -> tuple[Change, ...]:
        """Put the built-ins back that are not what they were, but for new ones; what it did."""
        # No name of the built-ins may be used here: each may be the one that is broken.
        now = _builtins.copy()
        _builtins.update(self._builtins)
        if same_builtins(self._builtins, now):
            return ()
        return tuple(
            [
                Change("built-in", text, _nothing)
                for text, _ in compare_builtins(self._builtins, now)
                if not text.startswith("added")
            ]
        )


def changes(before: ProcessState, after: ProcessState, *, own: str = "") -> tuple[Change, ...]:
    """See ``ProcessState.changes_since``."""
    return after.changes_since(before, own=own)


def undo(made: tuple[Change, ...]) -> tuple[str, ...]:
    """Put everything back; the last change first. What could not be, in words."""
    failed: list[str] = []
    for change in reversed(made):
        try:
            change._restore()
        except Exception as error:  # a directory that is gone, a signal on another thread
            failed.append(f"{change.text}{_NOT_PUT_BACK}: {type(error).__name__}")
    return tuple(reversed(failed))


class Watch:
    """A context manager around one import, which must not await inside.

    Afterwards ``remarks`` says what the import changed and whether that was undone. What a
    failing import changed is undone under every policy: it leaves nothing behind. So are
    built-ins that it replaced or removed, which the host could not go on without.

    Leaving it raises ``ImportRefused`` if the policy refuses changes and there are some;
    they are undone.
    """

    def __init__(self, policy: StatePolicy, *, own: str, file: str) -> None:
        self._policy = policy
        self._own = own
        self._file = file
        self._before: ProcessState | None = None
        self.made: tuple[Change, ...] = ()
        self.remarks: tuple[str, ...] = ()

    def __enter__(self) -> Watch:
        self._before = ProcessState.capture()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        before, self._before = self._before, None
        assert before is not None, "it was not entered"
        broken = before.mend_builtins()  # first: the rest of this could not do without them
        self.made = broken + before.changes_by_now(own=self._own)
        if not self.made:
            return
        undoes = kind is not None or self._policy is not StatePolicy.REPORT
        left = undo(self.made) if undoes else ()
        self.remarks = _told(self.made, left, undone=self.made if undoes else broken)
        if kind is None and self._policy is StatePolicy.REFUSE:
            raise ImportRefused(
                f"the import changed the process: {'; '.join(self.remarks)}",
                file=self._file,
                hint="do it in start() and undo it in stop(), or leave it to the host",
            )


def _told(
    made: tuple[Change, ...], left: tuple[str, ...], *, undone: tuple[Change, ...]
) -> tuple[str, ...]:
    not_undone = {text.partition(_NOT_PUT_BACK)[0] for text in left}
    told = [
        f"{each}; undone" if each in undone else each.text
        for each in made
        if each.text not in not_undone
    ]
    told += left
    if len(told) > TOLD_LIMIT:
        told[TOLD_LIMIT:] = [f"and {len(told) - TOLD_LIMIT} changes more"]
    return tuple(told)


_NOT_PUT_BACK = " and could not be put back"
_builtins = vars(builtins)


def _nothing() -> None:
    """It was put back at once."""


def _atexit_count() -> int:
    count: Callable[[], int] = getattr(atexit, "_ncallbacks", int)
    return count()


def _registered_at_exit(own: str) -> list[Change]:
    # atexit shows its callbacks to nobody, but unregister() compares each with its argument.
    spy = _Spy()
    atexit.unregister(spy)
    mine = [each for each in spy.compared_with if _is_of(each, own)]
    return [
        Change(
            "function at exit",
            f"registered {getattr(each, '__qualname__', type(each).__name__)} to be called at exit",
            lambda each=each: atexit.unregister(each),  # type: ignore[misc]
        )
        for each in mine
    ]


def _is_of(function: object, own: str) -> bool:
    module = getattr(function, "__module__", None)
    return isinstance(module, str) and (module == own or module.startswith(f"{own}."))


class _Spy:
    """Equal to nothing, and remembers what it was compared with."""

    def __init__(self) -> None:
        self.compared_with: list[object] = []

    def __call__(self) -> None:
        """Never called: it is not registered."""

    def __eq__(self, other: object) -> bool:
        self.compared_with.append(other)
        return False

    __hash__ = object.__hash__

"""What a plugin raised, in words: one line, trimmed, safe to print, holding nothing."""

from __future__ import annotations

import asyncio
import gc
import traceback
import weakref
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.errors import (
    CycleError,
    HookFailed,
    ManifestError,
    MissingDependency,
    NotAdmitted,
    PluginFault,
)
from hot_reload.outcome import RolledBack, Stage
from hot_reload.runtime.fault import (
    AWAITED_LIMIT,
    CAUSE_LIMIT,
    TRACEBACK_LIMIT,
    Origin,
    cause_of,
    failure_of,
    hook_failed,
    standing,
)
from hot_reload_fixtures import UnprintableFault

ESCAPES = "\x1b[2J\x07\x9b\u202e\n\r\t\x7f\ud800"


def caught(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as raised:
        return raised


def test_I2_a_cause_is_one_printable_line_and_trimmed() -> None:
    cause = cause_of(ValueError(f"first{ESCAPES}second"))
    assert cause.startswith("ValueError: first\\x1b[2J")
    assert cause.endswith("second")
    assert cause.isprintable()
    long = cause_of(ValueError("x" * 1_000_000))
    assert len(long) == CAUSE_LIMIT
    assert long.endswith("…")
    assert cause_of(ValueError()) == "ValueError"


def test_I7_an_exception_whose_str_raises_anything() -> None:
    class Worse(Exception):
        def __str__(self) -> str:
            raise SystemExit

    assert "__str__ raised RuntimeError" in cause_of(UnprintableFault("x"))
    assert "__str__ raised SystemExit" in cause_of(Worse())


def test_a_fault_points_at_the_innermost_line_of_the_plugins_own() -> None:
    source = "def outer():\n    inner()\ndef inner():\n    int('x')\n"
    space: dict[str, object] = {}
    exec(compile(source, "/plugins/p.py", "exec"), space)
    try:
        space["outer"]()  # type: ignore[operator]
    except ValueError as error:
        fault = hook_failed(error, "start", Origin(frozenset({"/plugins/p.py"})))
        elsewhere = hook_failed(error, "start", Origin(frozenset({"/plugins/other.py"})))
    assert (fault.file, fault.line) == ("/plugins/p.py", 4)
    assert (elsewhere.file, elsewhere.line) == (None, None)
    assert "invalid literal" in fault.traceback_text


def test_a_traceback_that_cannot_be_formatted(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: BaseException) -> list[str]:
        raise RuntimeError

    monkeypatch.setattr(traceback, "format_exception", broken)
    fault = hook_failed(caught(ValueError("x")), "start", Origin())
    assert "cannot be shown" in fault.traceback_text


def test_a_fault_holds_neither_the_exception_nor_its_frames() -> None:
    class Thing:
        pass

    def failing() -> HookFailed:
        thing = Thing()
        watched.append(weakref.ref(thing))
        return hook_failed(caught(ValueError(thing)), "start", Origin())

    watched: list[weakref.ref[Thing]] = []
    fault = failing()
    gc.collect()
    assert watched[0]() is None
    assert "ValueError" in str(fault)


def test_every_text_of_a_failure_is_safe_to_print() -> None:
    fault = PluginFault(
        f"cause {ESCAPES}",
        file=f"/plugins/{ESCAPES}.py",
        line=3,
        hint=f"pip install {ESCAPES}",
        traceback_text=f"line one\nline {ESCAPES.replace(chr(10), '')}\n",
    )
    failure = failure_of(Stage.START, fault)
    for text in (failure.cause, failure.file, failure.hint, str(failure)):
        assert text
        assert text.isprintable()
    assert failure.traceback.startswith("line one\nline ")
    assert all(line.isprintable() for line in failure.traceback.split("\n"))


def test_what_a_fault_does_not_say_is_not_made_up() -> None:
    failure = failure_of(Stage.READ, PluginFault("no"))
    assert (failure.file, failure.line, failure.hint, failure.traceback) == (None, None, None, "")


async def test_a_stop_iteration_that_left_a_coroutine_has_its_place() -> None:
    """Python turns it into a RuntimeError that was raised nowhere in the plugin."""

    async def start() -> None:
        raise StopIteration

    raised: BaseException | None = None
    try:
        await start()
    except RuntimeError as error:
        raised = error
    assert raised is not None
    place = raised.__traceback__
    assert place is not None
    raised.__traceback__ = None  # as for the engine, of which no frame is the plugin's
    fault = hook_failed(raised, "start", Origin(frozenset({__file__})))
    assert (fault.file, fault.line) == (__file__, start.__code__.co_firstlineno + 1)


def test_a_module_of_its_own_that_is_named_by_a_string() -> None:
    error = ModuleNotFoundError("No module named 'chat'", name="chat.words")
    fault = hook_failed(caught(error), "handle", Origin(top="chat"))
    assert "importlib.import_module" in str(fault.hint)
    assert hook_failed(caught(error), "handle", Origin(top="other")).hint is None
    assert (
        hook_failed(caught(ModuleNotFoundError("none")), "handle", Origin(top="chat")).hint is None
    )


async def test_h4_the_line_of_a_hook_that_waits_is_looked_for_so_deep_and_no_deeper() -> None:
    """Each level awaits the next one; what is found by then is told."""

    async def outer(left: int) -> None:
        if left:
            return await outer(left - 1)
        return await inner()

    async def inner() -> None:
        await asyncio.Event().wait()

    for levels, found in ((3, inner), (2 * AWAITED_LIMIT, outer)):
        waiting = outer(levels)
        waiting.send(None)
        file, line = standing(waiting, Origin(frozenset({__file__})))
        waiting.close()
        assert file == __file__
        start = found.__code__.co_firstlineno
        assert line == start + (1 if found is inner else 2)


def test_of_a_group_the_first_exception_is_told_with_its_line() -> None:
    """A TaskGroup says only how many there were."""
    source = (
        "import asyncio\n"
        "async def fails():\n"
        "    raise ValueError('boom')\n"
        "async def start():\n"
        "    async with asyncio.TaskGroup() as group:\n"
        "        group.create_task(fails())\n"
    )
    names: dict[str, Any] = {}
    exec(compile(source, "/plugins/p.py", "exec"), names)
    with pytest.raises(ExceptionGroup) as raised:
        asyncio.run(names["start"]())
    fault = hook_failed(raised.value, "start", Origin(frozenset({"/plugins/p.py"})))
    assert "(1 sub-exception), first of them ValueError: boom" in str(fault)
    assert (fault.file, fault.line) == ("/plugins/p.py", 3)


def test_i14_groups_within_groups_end() -> None:
    error: Exception = ValueError("deep")
    for _ in range(3):
        error = ExceptionGroup("g", [error])
    assert cause_of(error).endswith(", first of them ValueError: deep")
    for _ in range(100_000):
        error = ExceptionGroup("g", [error])
    assert cause_of(error) == "ExceptionGroup: g (1 sub-exception)"
    while isinstance(error, ExceptionGroup):  # taken apart: the interpreter recurses otherwise
        error = error.exceptions[0]


@pytest.mark.parametrize("before", [0, 480, 495, 500])
def test_c11_a_secret_that_the_limit_of_a_text_cuts_is_in_no_part_of_it(before: int) -> None:
    secret = "hunter2-and-more-of-it"
    origin = Origin(secrets=frozenset({secret}))
    for text in ("x" * before + secret, secret + "x" * (TRACEBACK_LIMIT - 12)):
        try:
            raise ExceptionGroup("several", [ValueError(text)])
        except ExceptionGroup as error:
            fault = hook_failed(error, "start", origin)
        told = f"{fault} {fault.traceback_text}"
        assert not any(part in told for part in ("hunt", "of-it"))


async def test_c11_a_secret_in_an_answer_of_health_check_is_not_told(tmp_path: Path) -> None:
    plugin = tmp_path / "sick.py"
    plugin.write_text(
        "class Sick:\n    version = '1'\n"
        "    def __init__(self, config): self.told = {'healthy': False, 'x': 'y' * PAD, **config}\n"
        "    def health_check(self): return self.told\n"
    )
    source = plugin.read_text()
    async with Engine() as engine:
        for pad in (0, 150, 160):
            plugin.write_text(source.replace("PAD", str(pad)))
            outcome = await engine.load(plugin, config={"api_token": "hunter2-and-more"})
            assert isinstance(outcome, RolledBack)
            assert outcome.failure.stage is Stage.HEALTH
            assert "'healthy': False" in outcome.failure.cause
            assert "hunt" not in repr(outcome)


@pytest.mark.parametrize("stage", [Stage.METADATA, Stage.COMMIT])
def test_hr_watch_10_a_failure_says_whether_it_hangs_on_other_plugins(stage: Stage) -> None:
    on_others = [MissingDependency("a", "b"), CycleError(("a", "b")), NotAdmitted("taken")]
    own = [ManifestError("no version"), HookFailed("no"), PluginFault("no")]
    assert all(failure_of(stage, fault).hangs_on_others for fault in on_others)
    assert not any(failure_of(stage, fault).hangs_on_others for fault in own)

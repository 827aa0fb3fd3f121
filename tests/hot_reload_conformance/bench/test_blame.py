"""Blame: an adapter's own mistakes are told from what its host answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench import blame
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Verdict


class Host:
    def answer(self, error: BaseException) -> None:
        raise error

    def runs(self, module: object) -> None:
        module.setup()  # type: ignore[attr-defined]

    def runs_it_by_a_function(self, module: object) -> None:
        _run(module)


def _run(module: object) -> None:
    module.setup()  # type: ignore[attr-defined]


class Wrong(BlueGreenAdapter):
    def mistake(self, error: BaseException) -> None:
        raise error

    def asks(self, error: BaseException) -> None:
        Host().answer(error)

    def breaks(self) -> None:
        self.hots()  # type: ignore[attr-defined]

    def breaks_in_a_function(self) -> None:
        _run(self)

    def breaks_in_what_it_hands_over(self) -> None:
        sorted([1, 2], key=lambda each: each.size)  # type: ignore[attr-defined]

    def has_run(self, method: Callable[..., None]) -> None:
        method(Host(), object())

    def asks_wrongly(self) -> None:
        Host().answer()  # type: ignore[call-arg]


def _raised(run: object, *arguments: object) -> BaseException:
    try:
        run(*arguments)  # type: ignore[operator]
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def _line(method: object) -> int:
    return int(method.__code__.co_firstlineno) + 1  # type: ignore[attr-defined]


def test_the_place_is_the_adapters_own_deepest_line() -> None:
    error = _raised(Wrong().asks, ValueError("no"))
    # The host stands in the same file here, and its line is deeper.
    assert blame.place(Wrong, error) == f"{__file__}:{_line(Host.answer)}, in answer()"
    error = _raised(Wrong().mistake, ValueError("no"))
    assert blame.at(Wrong, error) == f" ({__file__}:{_line(Wrong.mistake)}, in mistake())"


def test_no_place_where_the_adapter_has_no_line_in_it() -> None:
    error = _raised(int, "x")
    assert blame.place(BlueGreenAdapter, error) == ""
    assert blame.at(BlueGreenAdapter, error) == ""


@pytest.mark.parametrize("error", [KeyError("a"), IndexError("a"), AssertionError("a")])
def test_a_look_up_that_fails_is_a_mistake_only_where_an_answer_is_due(error: Exception) -> None:
    raised = _raised(Wrong().mistake, error)
    assert blame.raised_by(Wrong, raised, answers=True)
    # In load() and reload() it may be how "no such plugin" is said.
    assert not blame.raised_by(Wrong, raised)


def test_what_a_host_in_the_adapters_file_raises_is_its_answer() -> None:
    assert not blame.raised_by(Wrong, _raised(Wrong().asks, KeyError("a")), answers=True)
    assert not blame.raised_by(Wrong, _raised(Wrong().asks, ValueError("a")), answers=True)


def test_a_wrong_name_is_a_mistake_everywhere() -> None:
    error = _raised(Wrong().breaks)
    assert "hots" in str(error)
    assert blame.raised_by(Wrong, error) == f"{__file__}:{_line(Wrong.breaks)}, in breaks()"


@pytest.mark.parametrize(
    "mistake",
    [Wrong.breaks_in_a_function, Wrong.breaks_in_what_it_hands_over, Wrong.asks_wrongly],
)
def test_so_it_is_in_a_function_that_the_adapter_uses(mistake: Callable[[Wrong], None]) -> None:
    assert blame.raised_by(Wrong, _raised(mistake, Wrong()))


@pytest.mark.parametrize("method", [Host.runs, Host.runs_it_by_a_function])
def test_a_host_in_the_adapters_file_may_break_as_well(method: Callable[..., None]) -> None:
    error = _raised(Wrong().has_run, method)
    assert "no attribute 'setup'" in str(error)
    assert not blame.raised_by(Wrong, error)
    assert not blame.raised_by(Wrong, error, answers=True)


def test_a_host_beside_its_adapter_that_breaks_is_what_is_judged() -> None:
    class Breaks(BlueGreenAdapter):
        async def reload(self, ref: str) -> None:
            Host().runs(object())

    check = next(each for each in host_checks() if each.clause.code == "HR-SWAP-01")
    result = run_host_check(HostSubject(Breaks), check)
    assert result.verdict is Verdict.FAIL
    assert "AttributeError: 'object' object has no attribute 'setup'" in result.reason


def test_an_error_behind_the_adapter_is_not_the_kits() -> None:
    assert not blame.of_the_kit(Wrong, _raised(Wrong().mistake, ValueError("no")))
    assert blame.of_the_kit(BlueGreenAdapter, _raised(blame.place, BlueGreenAdapter, None))


def test_an_adapter_made_in_a_session_has_no_file() -> None:
    made = type("Made", (HostAdapter,), {"__module__": "builtins"})
    assert blame.files_of(made) == frozenset()


class Slips(Wrong):
    live: ClassVar[dict[str, str]] = {}
    order: ClassVar[list[str]] = []

    def looks_up(self) -> None:
        self.live["alpha"]

    def removes(self) -> None:
        self.order.remove("alpha")


def test_what_comes_up_in_the_adapter_itself_is_told_from_what_it_raises_or_asks_for() -> None:
    for method in (Slips.looks_up, Slips.removes):
        expected = f"test_blame.py:{_line(method)}, in {method.__name__}()"
        assert blame.slip(Slips, _raised(method, Slips())) == expected
    assert not blame.slip(Slips, _raised(Slips().mistake, KeyError("alpha")))  # its refusal
    assert not blame.slip(Slips, _raised(Slips().asks, KeyError("alpha")))
    assert not blame.slip(Slips, _raised(int, "x"))


def test_the_story_says_where_the_adapter_itself_failed() -> None:
    class LooksUp(BlueGreenAdapter):
        live: ClassVar[dict[str, str]] = {}

        async def reload(self, ref: str) -> None:
            self.live[ref]

    check = next(each for each in host_checks() if each.clause.code == "HR-SWAP-13")
    result = run_host_check(HostSubject(LooksUp), check)
    assert result.verdict is Verdict.FAIL
    found = result.findings[0]
    assert "KeyError: 'alpha' (raised by your adapter itself, at test_blame.py:" in str(found.story)

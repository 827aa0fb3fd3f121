"""Which statement a mutant changes, and whether it ran."""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path
from types import ModuleType

import pytest
from tests.mutation.reach import Place, Tracer, at_import, places

MADE = '''\
class Box:
    def xǁBoxǁput__mutmut_orig(self, items, most=3):
        """Put them in."""
        kept = list(items)
        if len(kept) > most:
            raise ValueError(
                "too many",
                most,
            )
        try:
            kept.sort()
        except TypeError:
            return None
        return kept

    def xǁBoxǁput__mutmut_1(self, items, most=3):
        """Put them in."""
        kept = None
        if len(kept) > most:
            raise ValueError(
                "too many",
                most,
            )
        try:
            kept.sort()
        except TypeError:
            return None
        return kept

    def xǁBoxǁput__mutmut_2(self, items, most=3):
        """Put them in."""
        kept = list(items)
        if len(kept) >= most:
            raise ValueError(
                "too many",
                most,
            )
        try:
            kept.sort()
        except TypeError:
            return None
        return kept

    def xǁBoxǁput__mutmut_3(self, items, most=3):
        """Put them in."""
        kept = list(items)
        if len(kept) > most:
            raise ValueError(
                "too many",
                )
        try:
            kept.sort()
        except TypeError:
            return None
        return kept

    def xǁBoxǁput__mutmut_4(self, items, most=3):
        """Put them in."""
        kept = list(items)
        if len(kept) > most:
            raise ValueError(
                "too many",
                most,
            )
        try:
            kept.sort()
        except ValueError:
            return None
        return kept
'''
BODY = (3, 14)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    file = tmp_path / "made.py"
    file.write_text(MADE, encoding="utf-8")
    return file


def imported(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("made", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def place(made: Path, number: int) -> Place:
    return places(made)[f"xǁBoxǁput__mutmut_{number}"]


@pytest.mark.parametrize(
    ("number", "statement"),
    [(1, (4, 4)), (2, (5, 5)), (3, (6, 9)), (4, BODY)],
    ids=["a line", "the head of an if", "one of several lines", "behind except"],
)
def test_the_smallest_statement_that_holds_the_change(
    made: Path, number: int, statement: tuple[int, int]
) -> None:
    found = place(made, number)
    assert (found.function, found.statement) == (BODY, statement)


def test_the_diff_is_of_the_changed_lines(made: Path) -> None:
    lines = place(made, 2).diff.splitlines()
    assert [line for line in lines if line[0] in "+-"][2:] == [
        "-if len(kept) > most:",
        "+if len(kept) >= most:",
    ]


def test_what_ran_and_what_was_only_entered(made: Path) -> None:
    box = imported(made).Box()
    with Tracer(made.parent) as tracer:
        box.xǁBoxǁput__mutmut_orig([2, 1])
    assert [place(made, each).ran(tracer.lines) for each in (1, 2, 3, 4)] == [
        True,
        True,
        False,
        True,
    ]
    assert all(place(made, each).entered(tracer.lines) for each in (1, 2, 3, 4))
    assert not any(place(made, each).entered(frozenset()) for each in (1, 2, 3, 4))


def test_lines_of_other_threads_and_of_no_other_folder_are_seen(
    made: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    box = imported(made).Box()
    for folder, ran in ((made.parent, True), (tmp_path_factory.mktemp("other"), False)):
        with Tracer(folder) as tracer:
            thread = threading.Thread(target=box.xǁBoxǁput__mutmut_orig, args=([2, 1],))
            thread.start()
            thread.join()
        assert place(made, 1).ran(tracer.lines) is ran


def test_what_runs_at_import_is_found_in_a_process_of_its_own(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.write_text(MADE + "\n\nBox().xǁBoxǁput__mutmut_orig([1])\n", encoding="utf-8")
    root = Path(__file__).resolve().parent.parent.parent
    monkeypatch.setenv("PYTHONPATH", f"{made.parent}:{root}")
    lines = at_import(made.parent, "made")
    assert place(made, 1).ran(lines)
    assert not place(made, 3).ran(lines)

"""Which statement each mutant changes, and which statements ran: who can see a mutant at all."""

from __future__ import annotations

import ast
import difflib
import json
import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

Lines = frozenset[tuple[str, int]]
"""Lines that ran: the file and the number."""
_MADE = re.compile(r"(?P<function>.+)__mutmut_(?P<which>orig|\d+)$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mutant differs from the original, in the file that mutmut wrote.

    Both spans are first and last line; the statement's is the function's body where the change is
    in no single statement: behind ``except``, as a rule.
    """

    file: str
    function: tuple[int, int]
    statement: tuple[int, int]
    diff: str

    def entered(self, lines: Lines) -> bool:
        """Whether the function that holds it ran."""
        return self._among(self.function, lines)

    def ran(self, lines: Lines) -> bool:
        """Whether the statement did."""
        return self._among(self.statement, lines)

    def _among(self, span: tuple[int, int], lines: Lines) -> bool:
        return any((self.file, line) in lines for line in range(span[0], span[1] + 1))


class Tracer:
    """Collects the lines of the files below ``folder`` that run while it is entered, in threads
    that begin meanwhile as well."""

    def __init__(self, folder: Path) -> None:
        self._prefix = f"{folder}/"
        self._lines: set[tuple[str, int]] = set()
        self._before: tuple[Any, Any] = (None, None)

    @property
    def lines(self) -> Lines:
        return frozenset(self._lines)

    def __enter__(self) -> Tracer:
        self._before = sys.gettrace(), threading.gettrace()
        threading.settrace(self._called)
        sys.settrace(self._called)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        sys.settrace(self._before[0])
        threading.settrace(self._before[1])

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._went if frame.f_code.co_filename.startswith(self._prefix) else None

    def _went(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event == "line":
            self._lines.add((frame.f_code.co_filename, frame.f_lineno))
        return self._went


def places(file: Path) -> dict[str, Place]:
    """The place of every mutant in ``file``, by its name without the module."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    originals: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = {}
    found: dict[str, Place] = {}
    for node, name, which in _made(ast.parse(text)):
        if which == "orig":  # it stands before its mutants
            originals[name] = node
            continue
        original = originals[name]
        last = original.end_lineno or original.lineno
        body = (original.body[0].lineno, last)
        before, after = lines[original.lineno : last], lines[node.lineno : node.end_lineno]
        found[f"{name}__mutmut_{which}"] = Place(
            file=str(file),
            function=body,
            statement=_statement(original, _changed(before, after, original.lineno + 1)) or body,
            diff=_diff(before, after),
        )
    return found


def _made(tree: ast.AST) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            made = _MADE.match(node.name)
            if made is not None:
                yield node, made["function"], made["which"]


def _changed(before: list[str], after: list[str], first: int) -> tuple[int, int]:
    """The first and the last line that differ, where ``before`` begins in line ``first``; the line
    with the name, which always differs, is not among them."""
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    rest = 0
    while rest < min(len(before), len(after)) - same and before[-1 - rest] == after[-1 - rest]:
        rest += 1
    return first + same, max(first + same, first + len(before) - 1 - rest)


def _diff(before: list[str], after: list[str]) -> str:
    found = difflib.unified_diff(_dedented(before), _dedented(after), lineterm="", n=2)
    return "\n".join(found)


def _dedented(lines: list[str]) -> list[str]:
    return textwrap.dedent("\n".join(lines)).split("\n")


def at_import(folder: Path, module: str) -> Lines:
    """The lines of the files below ``folder`` that run as ``module`` is imported, found out in a
    process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTING, str(folder), module],
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    return frozenset((file, line) for file, line in json.loads(done.stdout.splitlines()[-1]))


_IMPORTING = """
import importlib, json, pathlib, sys
from tests.mutation.reach import Tracer
with Tracer(pathlib.Path(sys.argv[1])) as tracer:
    importlib.import_module(sys.argv[2])
print(json.dumps(sorted(tracer.lines)))
"""


def _statement(function: ast.AST, changed: tuple[int, int]) -> tuple[int, int] | None:
    """The smallest statement of ``function`` that holds these lines: of one with a body its head
    alone."""
    best: tuple[int, int] | None = None
    for node in ast.walk(function):
        if not isinstance(node, ast.stmt) or node is function:
            continue
        body = getattr(node, "body", None)
        last = max(node.lineno, body[0].lineno - 1) if body else node.end_lineno or node.lineno
        holds = node.lineno <= changed[0] and changed[1] <= last
        if holds and (best is None or last - node.lineno <= best[1] - best[0]):
            best = (node.lineno, last)
    return best

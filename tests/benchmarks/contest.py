"""Contenders that take turns, each in a process of its own: what one of them patches or leaks
slows no other, and what slows the machine for a while slows them all.

The driver asks one child after the other for one turn, and changes who begins with every
round. A child that cannot import its peer says so, and how to install it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[2]


class Contender(Protocol):
    """One way to do the work. Its constructor is given a folder and the name of a workload."""

    label: str
    install: str
    """What ``pip install`` has to be given for it; empty: nothing."""

    def turn(self, number: int) -> dict[str, float]:
        """Do it once; what was measured, by kind."""

    def close(self) -> None:
        """Let go of what it holds."""


@dataclass
class Measured:
    """What the turns of one contender came to; ``missing``: how to install what it needs."""

    label: str
    missing: str = ""
    turns: dict[str, list[float]] = field(default_factory=dict)

    def median(self, kind: str) -> float | None:
        return statistics.median(self.turns[kind]) if self.turns.get(kind) else None


def contest(contenders: Sequence[str], workload: str, rounds: int, warm_up: int) -> list[Measured]:
    """Let ``contenders`` (``module:Class``) take turns; ``warm_up`` rounds do not count."""
    with contextlib.ExitStack() as stack:
        children = []
        for each in contenders:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            children.append(_Child(each, workload, folder))
            stack.callback(children[-1].end)
        for number in range(1, rounds + warm_up + 1):
            order = children if number % 2 else children[::-1]
            for child in order:
                child.turn(number, counts=number > warm_up)
        return [child.measured for child in children]


class _Child:
    def __init__(self, contender: str, workload: str, folder: str) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.contest", contender, workload, folder]
        self._process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.measured = Measured(**self._read())

    def turn(self, number: int, *, counts: bool) -> None:
        if self.measured.missing:
            return
        assert self._process.stdin is not None
        print(number, file=self._process.stdin, flush=True)
        for kind, value in self._read().items():
            if counts:
                self.measured.turns.setdefault(kind, []).append(value)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(map(str, self._process.args[2:]))} ended early")  # type: ignore[index]
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        self._process.communicate("")


def serve(contender: str, workload: str, folder: str) -> None:
    """The child's side: a turn for each line that comes in."""
    module, _, name = contender.partition(":")
    kind = getattr(importlib.import_module(module), name)
    answers = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # a peer that prints would garble them
        try:
            contestant = kind(Path(folder), workload)
        except ImportError:
            if not kind.install:
                raise
            missing = f"not installed: python -m pip install {kind.install}"
            print(json.dumps({"label": kind.label, "missing": missing}), file=answers, flush=True)
            return
        print(json.dumps({"label": kind.label}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(contestant.turn(int(line))), file=answers, flush=True)
        contestant.close()


if __name__ == "__main__":
    serve(*sys.argv[1:])

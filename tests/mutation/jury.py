"""The jury: each mutant in a process of its own, and the cases that can see it until one is red."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from tests.mutation.cases import Case, Tried, silent
from tests.mutation.reach import Lines, Place

HANG_SECONDS = 60.0
"""More than the cases of a mutant took: it hangs. The kit's own deadlines end most long before."""


def say(**facts: object) -> None:
    """One line of JSON, for ``mutate.py``."""
    print(json.dumps(facts), flush=True)


@dataclass(frozen=True, slots=True)
class Running:
    """A process that tries one mutant."""

    name: str
    pid: int
    reading: int
    started: float
    deadline: float


class Jury:
    """Judges mutants, up to ``--jobs`` at a time, and says how each fared.

    ``found`` is what ``every`` case did on the engine as it is; ``imported`` are the lines that
    ran as the engine was imported.
    """

    def __init__(
        self,
        every: Sequence[Case],
        found: Sequence[Tried],
        where: dict[str, Place],
        imported: Lines,
        options: argparse.Namespace,
    ) -> None:
        self._every = every
        self._found = found
        self._where = where
        self._imported = imported
        self._options = options
        self._kills: Counter[str] = Counter()
        self._running: dict[int, Running] = {}

    def judge(self, names: Sequence[str]) -> None:
        """Judge all of them, in their order."""
        for name in names:
            while len(self._running) >= self._options.jobs:
                self._wait()
            chosen = self._chosen(self._where[name])
            if chosen:
                self._start(name, chosen)
            else:
                self._tell(name, self._unreached(self._where[name]), {"cases": 0})
        while self._running:
            self._wait()

    def _chosen(self, place: Place) -> list[int]:
        """The numbers of the cases that can see it, in the order in which they are to run."""
        everything = place.ran(self._imported)
        able: dict[str, list[int]] = {}
        for number, did in enumerate(self._found):
            if everything or place.ran(did.lines):
                able.setdefault(self._every[number].check.id, []).append(number)
        thin: int = self._options.thin
        some = [of[:: -(-len(of) // thin) if thin else 1] for of in able.values()]
        return sorted((number for of in some for number in of), key=self._promise)

    def _promise(self, number: int) -> float:
        """What a case costs; one that killed others is the first to be tried."""
        return self._found[number].seconds / (1 + self._kills[self._every[number].name])

    def _unreached(self, place: Place) -> str:
        entered = any(place.entered(did.lines) for did in self._found)
        return "survived" if entered else "no tests"

    def _start(self, name: str, chosen: list[int]) -> None:
        started = time.monotonic()
        seconds = 6 * sum(self._found[each].seconds for each in chosen) + HANG_SECONDS
        reading, writing = os.pipe()
        pid = os.fork()
        if not pid:
            os.setpgid(0, 0)
            os.environ["MUTANT_UNDER_TEST"] = name
            if self._where[name].ran(self._imported):
                self._anew(name, chosen, writing)
            attempt(name, [self._every[each] for each in chosen], writing)
        os.close(writing)
        self._running[reading] = Running(name, pid, reading, started, started + seconds)

    def _anew(self, name: str, chosen: list[int], writing: int) -> NoReturn:
        """Become a process that imports everything with this mutant."""
        os.set_inheritable(writing, True)
        what = ["--alone", name, "--into", str(writing), "--thin", str(self._options.thin)]
        numbers = ",".join(str(each) for each in chosen)
        module = ["-m", "tests.mutation.contract"]
        os.execv(sys.executable, [sys.executable, *module, *what, "--cases", numbers])

    def _wait(self) -> None:
        now = time.monotonic()
        patience = max(0.0, min(each.deadline for each in self._running.values()) - now)
        ready, _, _ = select.select(list(self._running), [], [], patience)
        overdue = [each for each in self._running.values() if each.deadline <= time.monotonic()]
        for each in [self._running[reading] for reading in ready] or overdue:
            del self._running[each.reading]
            self._end(each, hangs=not ready)

    def _end(self, each: Running, *, hangs: bool) -> None:
        told = b"" if hangs else _all(each.reading)
        os.close(each.reading)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.pid, signal.SIGKILL)  # and what it left behind
        os.waitpid(each.pid, 0)
        facts: dict[str, object] = json.loads(told) if told.endswith(b"}") else {}
        status = "timeout" if hangs else str(facts.pop("status", "crashed"))
        if "by" in facts:
            self._kills[str(facts["by"])] += 1
        facts["seconds"] = round(time.monotonic() - each.started, 3)
        self._tell(each.name, status, facts)

    def _tell(self, name: str, status: str, facts: dict[str, object]) -> None:
        say(name=name, status=status, diff=self._where[name].diff, **facts)


def attempt(name: str, chosen: Sequence[Case], writing: int) -> NoReturn:
    """In a process of its own: run the cases until one is red, write what came of it, and end."""
    os.environ["MUTANT_UNDER_TEST"] = name
    facts: dict[str, object] = {"status": "survived", "cases": len(chosen)}
    try:
        with silent():
            for case in chosen:
                red = case.red()
                if red:
                    facts |= {"status": "killed", "by": case.name, "reason": red[:300]}
                    break
        os.write(writing, json.dumps(facts).encode())
    finally:
        os._exit(0)  # whatever it raised: nothing that this process was forked from goes on in it


def _all(reading: int) -> bytes:
    """What the process wrote: at most one piece, shorter than what a pipe takes at once."""
    return os.read(reading, 65536)

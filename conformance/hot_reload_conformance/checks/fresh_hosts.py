"""Fresh hosts for a simulation that asks for more of its subjects than the invariants do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from hot_reload_conformance.bench.isolation import recording_installed
from hot_reload_conformance.recording import Recording
from hot_reload_conformance.simulation.subject import Subject, SubjectFactory
from hot_reload_conformance.simulation.workdir import Workdir

S = TypeVar("S", bound=Subject)


def fresh_hosts(make: Callable[[Recording, Path], S], seen: Callable[[S], None]) -> SubjectFactory:
    """Subjects that ``make`` makes, each with an empty folder and a recording of its own.

    ``seen`` is shown each of them after its run, if that was not broken off.
    """
    place = Workdir()

    @contextlib.contextmanager
    def fresh() -> Iterator[Subject]:
        with place.entered() as workdir, recording_installed() as recording:
            subject = make(recording, workdir)
            yield subject
            seen(subject)

    return fresh

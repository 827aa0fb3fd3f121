"""A fault at every line of load, swap and rollback: what is left of the engine after each.

    TMPDIR=/dev/shm python -m tests.campaigns.fault_at_every_line [--scene reload]
        [--fault MemoryError] [--first-arrivals]

Each line of ``hot_reload`` that a scene's operation runs is a point, and again where it is come
to by another way: see ``injector``. There an exception is raised, as by a signal, a full
memory or a bug in the engine; then the engine has to be whole: the old generation or the new
one serves, alone; each that was started was stopped once, or serves; no event is lost; nothing
is held; the next reload works; it closes. Prints the points and every line that was not survived.

What is no point, and why:

- The way out of a ``with`` on a thread's lock, in ``runtime/dispatch.py``: ``Counts.accepted``,
  ``drop``, ``error``, ``filter``, ``dropped_total``; ``Gate.close``, ``pass_``, ``open``. A tracer
  sees the line of the ``with`` a second time, outside of what it protects and before ``__exit__``
  is called: an exception there leaves any lock locked, whatever is written around it. Only
  a tracer can raise there. Python looks for signals after calls and at jumps back, and between
  the block and ``__exit__`` there is neither, nor anything that takes memory.
- ``emit`` in a producer's own call: what is raised there reaches the producer, not the swap. The
  delivery of what waited at a gate is the swap's, and a point. So it is with ``Services.call``,
  ``use`` and ``_ask`` and what they call themselves (``Leases``, ``Inside``, ``CallGates.passed``):
  what is raised there reaches the caller. That it holds up no reload is a test of its own, in
  ``tests/hot_reload/faults/test_every_line.py``.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import dataclasses
import gc
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.campaigns.fault_scenes import MARK, SCENES, Run, Scene
from tests.campaigns.injector import Injector, Point

FAULTS: tuple[type[BaseException], ...] = (
    Exception,
    KeyboardInterrupt,
    asyncio.CancelledError,
    MemoryError,
)


@dataclasses.dataclass(frozen=True)
class Violation:
    """One point that was not survived, and what was wrong afterwards."""

    scene: str
    fault: str
    point: Point
    what: str

    def __str__(self) -> str:
        return f"{self.point}, {self.fault} in {self.scene}: {self.what}"


def points_of(scene: Scene, directory: Path) -> list[Point]:
    """The lines that the scene's operation runs, in the order in which it comes to them."""
    injector = Injector()
    problems = Run(scene, directory)(injector)
    assert not problems, (scene.name, problems)
    return injector.points


def campaign(
    scenes: Sequence[Scene] = SCENES,
    faults: Sequence[type[BaseException]] = FAULTS,
    *,
    stride: int = 1,
    offset: int = 0,
    first_arrivals: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[int, list[Violation]]:
    """How many faults were raised, at each ``stride``-th point, and those not survived.

    ``first_arrivals``: each line once, however many ways there are to it.
    """
    tried, violations = 0, []
    logging.getLogger("hot_reload").disabled = True
    gc.collect()
    gc.freeze()
    try:
        with warnings.catch_warnings():
            # That nobody awaited a coroutine; whoever records the warning keeps its frame.
            warnings.simplefilter("ignore", RuntimeWarning)
            for scene in scenes:
                with tempfile.TemporaryDirectory() as directory:
                    points = points_of(scene, Path(directory))
                    if first_arrivals:
                        points = [each for each in points if each.arrival == 1]
                    points = points[offset % stride :: stride]
                    for kind in faults:
                        for point in points:
                            injector = Injector(point, kind(MARK))
                            found = Run(scene, Path(directory))(injector)
                            tried += injector.fired
                            if found:
                                what = "; ".join(found)
                                violations.append(Violation(scene.name, kind.__name__, point, what))
                                tell(f"not survived: {violations[-1]}")
                        tell(f"{scene.name}, {kind.__name__}: {len(points)} points")
    finally:
        gc.unfreeze()
        logging.getLogger("hot_reload").disabled = False
    return tried, violations


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stride", type=int, default=1)
    parser.add_argument("--scene", choices=[each.name for each in SCENES])
    parser.add_argument("--fault", choices=[each.__name__ for each in FAULTS])
    parser.add_argument("--first-arrivals", action="store_true", help="each line once")
    chosen = parser.parse_args()
    began = time.perf_counter()
    tried, violations = campaign(
        [each for each in SCENES if chosen.scene in (None, each.name)],
        [each for each in FAULTS if chosen.fault in (None, each.__name__)],
        stride=chosen.stride,
        first_arrivals=chosen.first_arrivals,
        tell=lambda line: print(line, flush=True),
    )
    lines = collections.defaultdict(list)
    for each in violations:
        lines[each.point[:2]].append(each)
    for _, found in sorted(lines.items()):
        print(f"{len(found):3d} {found[0]}")
    seconds = time.perf_counter() - began
    print(f"{tried} faults, {len(violations)} not survived, at {len(lines)} lines, {seconds:.0f} s")


if __name__ == "__main__":
    main()

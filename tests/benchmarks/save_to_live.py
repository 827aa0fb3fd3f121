"""From the save of a file to the new version's first answer, beside the plain recipe.

Run it with ``python tests/benchmarks/save_to_live.py``. It saves a plugin many times, in
turns: watched by this project's watcher, and by ``watchfiles.awatch`` with
``importlib.reload``. Printed are medians in milliseconds and the ratio of the two, taken
in one run on one machine; only the ratio is worth comparing between machines.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType

import watchfiles

from hot_reload import Engine
from hot_reload.events import OperationEnded
from hot_reload.watch.settings import WatchSettings
from hot_reload.watch.watcher import Watcher
from hot_reload_fixtures import SaveStyle, save

PATIENCE_SECONDS = 20.0
STYLES = (SaveStyle.IN_PLACE, SaveStyle.RENAME, SaveStyle.BACKUP_RENAME)

SOURCE = """
class Counter:
    name, version = "counter", "1"

    def handle(self, request):
        return {answer:>8}
"""


def text(answer: int) -> bytes:
    return (SOURCE.format(answer=answer) + "# padding\n" * 45).encode()


async def watched(
    root: Path, saves: int, style: SaveStyle, quiet_seconds: float
) -> tuple[list[float], int]:
    """Seconds from each save to the first new answer, and how many reloads there were."""
    path = root / "counter.py"
    save(path, text(0))
    settings = WatchSettings(
        quiet_seconds=quiet_seconds, cooldown_seconds=0, limit=1_000_000, sweep_seconds=1
    )
    moved, reloads = asyncio.Event(), 0

    def heard(event: object) -> None:
        nonlocal reloads
        reloads += isinstance(event, OperationEnded)
        moved.set()

    async with Engine() as engine:
        engine.listen(heard)
        watcher = Watcher(engine, [root], settings=settings)
        await watcher.start()
        while watcher.health.degraded or not engine.names:  # noqa: ASYNC110  # health has no event
            await asyncio.sleep(0.01)
        before, spent = reloads, []
        for answer in range(1, saves + 1):
            # A pause, as between two saves of a person.
            await asyncio.sleep(0.05 + quiet_seconds)
            began = time.perf_counter()
            save(path, text(answer), style)
            while await engine.call(None) != [answer]:
                moved.clear()
                await moved.wait()
            spent.append(time.perf_counter() - began)
        await watcher.stop()
        return spent, reloads - before


async def recipe(root: Path, saves: int, style: SaveStyle) -> list[float]:
    """The same with ``watchfiles.awatch`` and ``importlib.reload``, both as they come."""
    path = root / "recipe.py"
    save(path, text(0))
    sys.path.insert(0, str(root))
    importlib.invalidate_caches()
    module = importlib.import_module("recipe")
    moved, stop = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(_follow(module, root, moved, stop))
    try:
        await asyncio.sleep(0.3)  # it does not tell when it stands
        spent = []
        for answer in range(1, saves + 1):
            await asyncio.sleep(0.15)
            began = time.perf_counter()
            # Another size each time: importlib would take a file of one size for unchanged.
            save(path, text(answer) + b"#" * answer, style)
            while module.Counter().handle(None) != answer:
                moved.clear()
                await moved.wait()
            spent.append(time.perf_counter() - began)
        return spent
    finally:
        stop.set()
        await task
        sys.path.remove(str(root))
        del sys.modules["recipe"]


async def _follow(
    module: ModuleType, root: Path, moved: asyncio.Event, stop: asyncio.Event
) -> None:
    async for _ in watchfiles.awatch(root, stop_event=stop):
        with contextlib.suppress(Exception):  # a save that is torn: the next event reloads
            importlib.reload(module)
        moved.set()


async def in_fresh_root(measure: Callable[[Path], Awaitable[object]]) -> object:
    with tempfile.TemporaryDirectory() as folder:
        async with asyncio.timeout(PATIENCE_SECONDS * 10):
            return await measure(Path(folder))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--saves", type=int, default=30, help="saves of each style")
    parser.add_argument("--quiet-ms", type=float, nargs="*", default=[1, 5, 100])
    options = parser.parse_args()
    print(f"{'style':<22}{'quiet ms':>9}{'median ms':>11}{'reloads/save':>14}{'x recipe':>10}")
    for style in STYLES:
        plain = await in_fresh_root(lambda root, s=style: recipe(root, options.saves, s))  # type: ignore[misc]  # mypy infers no default of a lambda
        assert isinstance(plain, list)
        base = statistics.median(plain)
        print(f"{style.value:<22}{'awatch':>9}{base * 1000:>11.1f}{'':>14}{1:>10.2f}")
        for quiet in options.quiet_ms:
            found = await in_fresh_root(
                lambda root, s=style, q=quiet: watched(root, options.saves, s, q / 1000)  # type: ignore[misc]  # the same
            )
            assert isinstance(found, tuple)
            spent, reloads = found
            median = statistics.median(spent)
            print(
                f"{style.value:<22}{quiet:>9g}{median * 1000:>11.1f}"
                f"{reloads / options.saves:>14.2f}{median / base:>10.2f}"
            )


if __name__ == "__main__":
    asyncio.run(main())

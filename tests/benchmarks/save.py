"""From a save to the first new answer: ``save_to_live.py``, as one of the groups."""

from __future__ import annotations

import asyncio
import statistics

from tests.benchmarks.save_to_live import in_fresh_root, recipe, watched
from tests.benchmarks.table import Table

from hot_reload_fixtures import SaveStyle


def tables(scale: float = 1.0) -> list[Table]:
    return [asyncio.run(_table(max(3, int(30 * scale))))]


async def _table(saves: int) -> Table:
    style = SaveStyle.IN_PLACE
    plain = await in_fresh_root(lambda root: recipe(root, saves, style))
    assert isinstance(plain, list)
    base = statistics.median(plain)
    rows = [["awatch + importlib.reload, as they come", f"{base * 1000:.1f}", "1.00", ""]]
    for quiet in (0.001, 0.005, 0.1):
        found = await in_fresh_root(lambda root, q=quiet: watched(root, saves, style, q))  # type: ignore[misc]
        assert isinstance(found, tuple)
        median = statistics.median(found[0])
        label = f"this project, quiet period {quiet * 1000:g} ms"
        cells = [f"{median * 1000:.1f}", f"{median / base:.2f}", f"{found[1] / saves:.2f}"]
        rows.append([label, *cells])
    return Table("Save to live, wall", ("", "median ms", "x recipe", "reloads/save"), rows)

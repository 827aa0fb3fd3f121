"""From a save to the first new answer: ``save_to_live.py``, as one of the groups."""

from __future__ import annotations

import asyncio
import importlib.util
import statistics

from tests.benchmarks.restart import restarted
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
    if importlib.util.find_spec("uvicorn"):
        # A restart takes long enough to be seen from fewer of them.
        server = await in_fresh_root(lambda root: restarted(root, max(3, saves // 3), style))
        assert isinstance(server, list)
        median = statistics.median(server)
        cells = [f"{median * 1000:.1f}", f"{median / base:.2f}", "1.00"]
        rows.append(["uvicorn --reload, over HTTP", *cells])
    else:
        missing = "not installed: python -m pip install uvicorn"
        rows.append(["uvicorn --reload, over HTTP", missing, "", ""])
    for quiet in (0.001, 0.005, 0.1):
        found = await in_fresh_root(lambda root, q=quiet: watched(root, saves, style, q))  # type: ignore[misc]
        assert isinstance(found, tuple)
        median = statistics.median(found[0])
        label = f"this project, quiet period {quiet * 1000:g} ms"
        cells = [f"{median * 1000:.1f}", f"{median / base:.2f}", f"{found[1] / saves:.2f}"]
        rows.append([label, *cells])
    return Table("Save to live, wall", ("", "median ms", "x recipe", "reloads/save"), rows)

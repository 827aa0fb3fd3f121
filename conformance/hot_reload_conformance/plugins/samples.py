"""The fixtures' sample plugins as subjects, each with what its author would say of it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from hot_reload_conformance.subject import PluginSubject, PluginUnderTest
from hot_reload_fixtures.samples import SAMPLES


async def _count(plugin: Any) -> None:
    plugin.handle({"command": "add", "counter": "visits", "by": 2})


async def _rows(plugin: Any) -> Sequence[Any]:
    # Through a connection of one's own: what the plugin says of itself proves nothing.
    with contextlib.closing(sqlite3.connect(plugin.path)) as database:
        rows = database.execute("SELECT event FROM events ORDER BY id").fetchall()
    return [json.loads(text) for (text,) in rows]


async def _locate(plugin: Any) -> None:
    event = plugin.enrich({"address": "192.0.2.7"})
    if event.get("country") != "CH":
        raise AssertionError(f"192.0.2.7 is in CH, by the sample's own table, not in {event!r}")


SAMPLE_PLUGINS: tuple[PluginUnderTest, ...] = (
    PluginUnderTest(
        path=SAMPLES / "counter.py",
        name="counter",
        described=True,
        subject=PluginSubject(
            exercise=_count, states=[{"schema": 1, "counts": {}}, {"schema": 1, "counts": {"a": 3}}]
        ),
    ),
    PluginUnderTest(
        path=SAMPLES / "sqlite_sink.py",
        name="sqlite-sink",
        described=True,
        subject=PluginSubject(
            config=lambda folder: {"path": str(folder / "events.db"), "batch_size": 4},
            observe=_rows,
        ),
    ),
    PluginUnderTest(
        path=SAMPLES / "geo",
        name="geo",
        described=True,
        subject=PluginSubject(
            # A table of its own, so that its refreshing task runs.
            config=lambda folder: {"table": str(SAMPLES / "geo" / "networks.csv")},
            exercise=_locate,
        ),
    ),
)

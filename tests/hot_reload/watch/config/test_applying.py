"""A plan's steps are done in order, and undone when one fails (F51, HR-CONF-03)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hot_reload.watch.config.applying import Applying
from hot_reload.watch.config.model import PluginEntry
from hot_reload.watch.config.plan import Load, Plan, Reconfigure, Replace, Switch, Unload


@pytest.fixture
async def engine(desk: Any) -> Any:
    """``a`` serves, ``off`` is disabled, ``sink`` is the last of its kind and cannot go."""
    for name, text in (("a", ""), ("off", ""), ("sink", "# a sink")):
        await desk.engine.load(desk.plugin(name, text), name=name, config={"step": 1})
    await desk.engine.disable("off")
    desk.plugin("new")
    return desk.engine


def entry(engine: Any, name: str, step: int = 1) -> PluginEntry:
    return PluginEntry(name=name, path=engine.paths.get(name), config={"step": step})


def paths(engine: Any) -> dict[str, Path]:
    folder: Path = engine.paths["a"].parent
    return {name: folder / f"{name}.py" for name in ("a", "off", "sink", "new")}


@pytest.mark.parametrize("kind", ["load", "replace", "enable", "disable", "reconfigure", "unload"])
async def test_f51_each_step_is_undone_when_a_later_one_fails(engine: Any, kind: str) -> None:
    a, off, new = entry(engine, "a"), entry(engine, "off"), entry(engine, "new")
    step: Any = {
        "load": Load(new),
        "replace": Replace(a, PluginEntry(name="a", path=paths(engine)["new"], config={})),
        "enable": Switch("off", True),
        "disable": Switch("a", False),
        "reconfigure": Reconfigure({"a": a}, {"a": entry(engine, "a", step=2)}),
        "unload": Unload(off),
    }[kind]
    before = engine.state
    work = Applying(engine, paths(engine))
    assert not await work.apply(Plan((step, Unload(entry(engine, "sink")))))
    assert work.undone
    assert engine.state == before
    assert work.failed is not None
    assert work.failed.plugin == "sink"
    assert await Applying(engine, paths(engine)).apply(Plan((step,)))
    assert engine.state != before


async def test_f51_what_cannot_be_undone_is_said(engine: Any) -> None:
    """The host gave ``a`` its first config, which nobody here knows."""
    step = Reconfigure({}, {"a": entry(engine, "a", step=2)})
    work = Applying(engine, paths(engine))
    assert not await work.apply(Plan((step, Unload(entry(engine, "sink")))))
    assert not work.undone

"""The filter against floods."""

from __future__ import annotations

import logging

import pytest

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.logs import FloodFilter
from hot_reload.logs.flood import plugin_of
from hot_reload_fixtures import ManualClock, PluginDirectory

CHATTY = """
import logging

class Chatty:
    version = "1.0"

    def __init__(self, context):
        self.context = context

    def handle(self, count):
        for number in range(count):
            self.context.logger.warning("own %d", number)
            logging.getLogger(__name__).warning("by name %d", number)
            logging.getLogger(__name__ + ".below").warning("below %d", number)
"""


class Kept(logging.Handler):
    """Keeps the messages that pass its filters."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def kept(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Kept:
    handler = Kept()
    handler.addFilter(FloodFilter(limit=10, window_seconds=2.0, now=clock.now))
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    return handler


def flood_of(handler: Kept) -> FloodFilter:
    (found,) = handler.filters
    assert isinstance(found, FloodFilter)
    return found


async def test_r7_a_log_flood_of_a_plugin_is_limited_and_counted(
    hot_reload_dir: PluginDirectory, kept: Kept, clock: ManualClock
) -> None:
    async with Engine() as engine:
        await engine.load(hot_reload_dir.write("chatty", CHATTY))
        await engine.call(1_000)
        logging.getLogger("host").warning("the host is heard")
        of_plugin = [each for each in kept.messages if each.split()[0] in ("own", "by", "below")]
        assert len(of_plugin) == 10
        assert flood_of(kept).suppressed == {"chatty": 2_990}
        assert "the host is heard" in kept.messages
        (told,) = (each for each in kept.messages if "floods the log" in each)
        assert told.startswith("plugin 'chatty' floods the log: more than 10 records in 2 s")

        clock.advance(2.0)
        kept.messages.clear()
        await engine.call(1)
        assert kept.messages == [
            "2990 records of plugin 'chatty' were left out",
            "own 0",
            "by name 0",
            "below 0",
        ]


async def test_r7_a_quiet_plugin_is_heard_beside_a_loud_one(
    hot_reload_dir: PluginDirectory, kept: Kept, clock: ManualClock
) -> None:
    async with Engine() as engine:
        await engine.load(hot_reload_dir.write("chatty", CHATTY))
        await engine.load(hot_reload_dir.write("quiet", CHATTY))
        await engine.call(500, plugin="chatty")
        kept.messages.clear()
        await engine.call(3, plugin="quiet")
        assert len(kept.messages) == 9
        await engine.reload("chatty", force=True)
        await engine.call(1, plugin="chatty")
        assert len(kept.messages) == 9, "a reload is no way around the limit"


def test_what_is_within_the_limit_passes_for_ever(clock: ManualClock) -> None:
    flood = FloodFilter(limit=2, window_seconds=1.0, now=clock.now)
    record = logging.makeLogRecord({"name": "hot_reload.plugin.geo"})
    for _ in range(50):
        assert flood.filter(record)
        clock.advance(0.5)
    assert flood.suppressed == {}


@pytest.mark.parametrize(
    ("logger", "plugin"),
    [
        ("hot_reload.plugin.geo", "geo"),
        ("hot_reload.plugin.geo.cache", "geo"),
        ("geo@g3", "geo"),
        ("geo@g3x2.cache", "geo"),
        ("hot_reload", None),
        ("hot_reload.flood", None),
        ("root", None),
        ("", None),
    ],
)
def test_whose_a_logger_is(logger: str, plugin: str | None) -> None:
    assert plugin_of(logger) == plugin


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"limit": 0}, "limit is 0"),
        ({"limit": True}, "limit is True"),
        ({"window_seconds": 0}, "window_seconds is 0"),
        ({"window_seconds": float("nan")}, "window_seconds is nan"),
    ],
)
def test_bad_limits_are_refused(given: dict[str, float], says: str) -> None:
    with pytest.raises(EngineMisuse, match=says):
        FloodFilter(**given)  # type: ignore[arg-type]

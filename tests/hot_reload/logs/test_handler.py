"""The handler for the standard library's logging, and the processor for structlog."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Iterator
from logging.handlers import QueueHandler, QueueListener
from queue import SimpleQueue
from typing import Any

import pytest
import structlog

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.logs import FloodFilter, HotReloadHandler, HotReloadProcessor
from hot_reload_fixtures import PluginDirectory


class Recording(Engine):
    """An engine on which the sinks of these tests keep what they got."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Any] = []

    async def __aenter__(self) -> Recording:
        await super().__aenter__()
        return self


def sink(body: str = "self.engine.got.append(event)", asynchronous: bool = False) -> str:
    return f"""
import logging
class Sink:
    version = "1"
    def __init__(self, context): self.engine = context.engine
    {"async " if asynchronous else ""}def write(self, event):
        {body}
"""


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.Logger("shop.orders", level=logging.DEBUG)
    yield logger
    for each in logger.handlers:
        each.close()


async def test_f34_a_record_becomes_a_plain_event(
    hot_reload_dir: PluginDirectory, logger: logging.Logger
) -> None:
    async with Recording() as engine:
        await engine.load(hot_reload_dir.write("sink", sink()))
        logger.addHandler(HotReloadHandler(engine, "INFO"))
        logger.debug("too low")
        try:
            raise ValueError("no stock")
        except ValueError:
            logger.exception("order %d failed", 7, extra={"customer": {"id": 3}})
        (event,) = engine.got
        assert event["message"] == "order 7 failed"
        assert (event["level"], event["logger"]) == ("ERROR", "shop.orders")
        assert event["extra"] == {"customer": {"id": 3}}
        assert event["exception"].endswith("ValueError: no stock")
        assert set(event) == {"time", "level", "logger", "message", "exception", "extra"}


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_f34_what_a_sink_logs_of_an_event_makes_no_event(
    asynchronous: bool, hot_reload_dir: PluginDirectory, logger: logging.Logger
) -> None:
    async with Recording() as engine:
        # Bounded, so that a loop that is not broken fails and does not run for ever.
        body = """self.engine.got.append(event)
        if len(self.engine.got) < 20: self.engine.logger.warning('written')"""
        await engine.load(hot_reload_dir.write("sink", sink(body, asynchronous)))
        engine.logger = logger  # type: ignore[attr-defined]
        handler = HotReloadHandler(engine)
        logger.addHandler(handler)
        for number in range(3):
            logger.info("event %d", number)
            await engine.settle()
        assert [each["message"] for each in engine.got] == ["event 0", "event 1", "event 2"]
        assert handler.suppressed == 3


async def test_f34_the_engine_does_not_log_into_itself(hot_reload_dir: PluginDirectory) -> None:
    async with Recording() as engine:
        await engine.load(hot_reload_dir.write("sink", sink()))
        handler = HotReloadHandler(engine)
        for name, taken in (("hot_reload.plugin.x", False), ("hot_reload_app", True)):
            handler.handle(logging.LogRecord(name, 20, "", 1, "m", (), None))
            assert (len(engine.got), handler.suppressed) == (int(taken), 1)


async def test_f34_threads_log_beside_a_reload(
    hot_reload_dir: PluginDirectory, logger: logging.Logger
) -> None:
    def produce(first: int) -> None:
        for number in range(first, first + 200):
            logger.info("%d", number)

    async with Recording() as engine:
        path = hot_reload_dir.write("sink", sink())
        await engine.load(path)
        logger.addHandler(HotReloadHandler(engine))
        producing = asyncio.gather(*(asyncio.to_thread(produce, n) for n in (0, 1000, 2000)))
        for _ in range(5):
            assert (await engine.reload("sink", force=True)).success
        await producing
        seen = [int(each["message"]) for each in engine.got]
        for first in (0, 1000, 2000):
            assert [n for n in seen if first <= n < first + 200] == [*range(first, first + 200)]


async def test_f34_no_lock_is_held_while_an_event_is_delivered(
    hot_reload_dir: PluginDirectory, logger: logging.Logger
) -> None:
    """Another thread that logs meanwhile gets on, as it has to where the first waits for it."""
    async with Recording() as engine:
        body = "self.engine.deliver(event)"
        await engine.load(hot_reload_dir.write("sink", sink(body)))

        def deliver(event: Any) -> None:
            engine.got.append(event["message"])
            if event["message"] == "first":
                import threading

                other = threading.Thread(target=logger.info, args=("second",))
                other.start()
                other.join(10)
                assert not other.is_alive()

        engine.deliver = deliver  # type: ignore[attr-defined]
        logger.addHandler(HotReloadHandler(engine))
        logger.info("first")
        assert engine.got == ["first", "second"]
        assert engine.counts.errors == {}


async def test_f34_what_is_not_accepted_is_counted(
    logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Engine() as engine:
        handler = HotReloadHandler(engine)
        logger.addHandler(handler)
        logger.info("nobody listens")
        logger.info("%d", "no number")
    logger.info("nobody is there")
    assert handler.not_accepted == 2
    assert "TypeError" in capsys.readouterr().err, "as the standard library tells it"


async def test_f34_structlog_speaks_through_the_engine(hot_reload_dir: PluginDirectory) -> None:
    async with Recording() as engine:
        await engine.load(hot_reload_dir.write("sink", sink()))
        processor = HotReloadProcessor(engine, clock=lambda: 5.0)
        wrapped = structlog.wrap_logger(
            None,
            processors=[structlog.processors.add_log_level, processor],
            wrapper_class=structlog.BoundLogger,
        )
        log = wrapped.bind(logger="shop", order=7)
        log.warning("late", days=(1, 2))
        try:
            raise ValueError("no stock")
        except ValueError:
            log.error("failed", exc_info=True)
        first, second = engine.got
        assert first == {
            "time": 5.0,
            "level": "WARNING",
            "logger": "shop",
            "message": "late",
            "extra": {"order": 7, "days": [1, 2]},
        }
        assert second["exception"].endswith("ValueError: no stock\n")


async def test_f34_structlog_may_go_on_after_it() -> None:
    async with Engine() as engine:
        processor = HotReloadProcessor(engine, passing=True)
        event = {"event": "e"}
        assert processor(None, "info", event) is event
        assert processor.not_accepted == 1


def test_f34_without_structlog_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "structlog", None)
    with pytest.raises(EngineMisuse, match=r"pip install 'pytest-hot-reload\[structlog\]'"):
        HotReloadProcessor(Engine())


async def test_f34_a_record_without_a_name_is_an_event(hot_reload_dir: PluginDirectory) -> None:
    """As records are that ``makeLogRecord`` puts together of what came by a socket."""
    async with Recording() as engine:
        await engine.load(hot_reload_dir.write("sink", sink()))
        handler = HotReloadHandler(engine)
        handler.addFilter(FloodFilter())
        handler.handle(logging.makeLogRecord({"msg": "m", "levelname": "INFO"}))
        handler.handle(logging.makeLogRecord({"msg": "n", "levelname": None}))
        assert [each["message"] for each in engine.got] == ["m", "n"]
        assert engine.got[0]["logger"] == "None"
        assert [each["level"] for each in engine.got] == ["INFO", "NONE"]


SHARED = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.StackInfoRenderer(),
]


@pytest.mark.parametrize("adding", [[], [structlog.stdlib.ExtraAdder()]], ids=["", "ExtraAdder"])
@pytest.mark.parametrize("formats", [False, True], ids=["", "format_exc_info"])
async def test_f34_what_structlog_hands_to_logging_is_the_event_of_its_dict(
    adding: list[Any],
    formats: bool,
    hot_reload_dir: PluginDirectory,
    logger: logging.Logger,
) -> None:
    chain = [*SHARED, *adding, *([structlog.processors.format_exc_info] if formats else [])]
    wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    async with Recording() as engine:
        await engine.load(hot_reload_dir.write("sink", sink()))
        # A handler of structlog's own sees each record first, and those of others with their extra.
        other = logging.StreamHandler(io.StringIO())
        other.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=adding, processor=structlog.processors.JSONRenderer(default=str)
            )
        )
        logger.addHandler(other)
        logger.addHandler(HotReloadHandler(engine))
        for last in (wrap, HotReloadProcessor(engine)):
            log = structlog.wrap_logger(
                logger, processors=[*chain, last], wrapper_class=structlog.stdlib.BoundLogger
            )
            log.bind(customer=3).info("order %d", 7, at=("shop", 1))
            try:
                raise ValueError("no stock")
            except ValueError:
                log.exception("failed", order=7)
        logger.warning("from elsewhere %d", 1, extra={"order": 9})
        *events, foreign = [{**each, "time": 0} for each in engine.got]
        for each in (events[1], events[3]):
            each["exception"] = each["exception"].rstrip()
            assert each["exception"].endswith("ValueError: no stock")
        info, failed = events[:2]
        assert events[2:] == [info, failed], "as the processor makes it"
        assert info == {
            "time": 0,
            "level": "INFO",
            "logger": "shop.orders",
            "message": "order 7",
            "extra": {"customer": 3, "at": ["shop", 1]},
        }
        assert (failed["level"], failed["message"]) == ("ERROR", "failed")
        assert failed["extra"] == {"order": 7}
        assert foreign["message"] == "from elsewhere 1"
        assert foreign["extra"] == {"order": 9}


async def test_f34_a_level_or_logger_that_structlog_does_not_name_is_the_records(
    hot_reload_dir: PluginDirectory, logger: logging.Logger
) -> None:
    async with Recording() as engine:
        await engine.load(hot_reload_dir.write("sink", sink()))
        logger.addHandler(HotReloadHandler(engine))
        wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
        bare = structlog.wrap_logger(
            logger, processors=[wrap], wrapper_class=structlog.stdlib.BoundLogger
        )
        bare.exception("no traceback here", exc_info=False)
        (event,) = engine.got
        assert (event["level"], event["logger"]) == ("ERROR", "shop.orders")
        assert set(event) == {"time", "level", "logger", "message"}


async def test_f34_a_structlog_record_that_came_through_a_queue_keeps_its_text(
    hot_reload_dir: PluginDirectory, logger: logging.Logger
) -> None:
    queue: SimpleQueue[Any] = SimpleQueue()
    logger.addHandler(QueueHandler(queue))
    wrap = structlog.stdlib.ProcessorFormatter.wrap_for_formatter
    structlog.wrap_logger(logger, processors=[wrap]).info("sent", order=7)
    async with Recording() as engine:
        await engine.load(hot_reload_dir.write("sink", sink()))
        QueueListener(queue, HotReloadHandler(engine)).handle(queue.get_nowait())
        (event,) = engine.got
        assert "sent" in event["message"]
        assert "extra" not in event, "its own marks are nobody's data"

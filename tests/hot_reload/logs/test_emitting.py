"""What is logged about an event, while it is delivered, is no event."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog

from hot_reload import Engine
from hot_reload.errors import EngineMisuse
from hot_reload.logs import HotLogger, HotReloadHandler, HotReloadProcessor
from hot_reload.logs.emitting import is_emitting
from hot_reload_fixtures import PluginDirectory

SINK = """
class Sink:
    version = "1"
    def __init__(self, context): self.engine = context.engine
    {head} write(self, event):
        self.engine.got.append(event["message"])
        if len(self.engine.got) < 50:
            self.engine.tell("written")
"""


class Talking(Engine):
    """An engine whose sinks log what they do, by ``tell``."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[str] = []
        self.tell: Callable[[str], object] = lambda words: None

    async def __aenter__(self) -> Talking:
        await super().__aenter__()
        return self


def _structlog(processor: HotReloadProcessor) -> Any:
    return structlog.wrap_logger(None, processors=[processor], cache_logger_on_first_use=False)


@pytest.mark.parametrize("head", ["def", "async def"])
async def test_f34_structlog_does_not_speak_of_what_it_says_itself(
    head: str, hot_reload_dir: PluginDirectory
) -> None:
    async with Talking() as engine:
        for name in ("one", "two"):
            (await engine.load(hot_reload_dir.write(name, SINK.format(head=head)))).unwrap()
        processor = HotReloadProcessor(engine)
        engine.tell = _structlog(processor).info
        _structlog(processor).info("event")
        await engine.settle()
        assert engine.got == ["event", "event"], "each of two sinks has it once"
        assert processor.suppressed == 2


@pytest.mark.parametrize("head", ["def", "async def"])
async def test_f34_the_handler_keeps_silent_on_the_events_of_a_logger(
    head: str, hot_reload_dir: PluginDirectory
) -> None:
    async with Talking() as engine:
        (await engine.load(hot_reload_dir.write("sink", SINK.format(head=head)))).unwrap()
        noisy = logging.Logger("noisy")
        handler = HotReloadHandler(engine)
        noisy.addHandler(handler)
        engine.tell = noisy.warning
        HotLogger(engine).info("event")
        await engine.settle()
        assert (engine.got, handler.suppressed) == (["event"], 1)


async def test_f34_structlog_outlives_the_logger_that_it_was_given() -> None:
    async with HotLogger() as log:
        processor = HotReloadProcessor(log)
    _structlog(processor).info("late")
    assert processor.not_accepted == 1


async def test_f34_it_holds_for_what_a_sink_starts_and_ends_with_the_event(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Talking() as engine:
        (await engine.load(hot_reload_dir.write("sink", SINK.format(head="def")))).unwrap()
        tasks: list[asyncio.Task[bool]] = []
        engine.tell = lambda words: tasks.append(asyncio.create_task(_asked()))
        HotLogger(engine).info("event")
        assert await tasks[0], "what it starts is part of it"
        assert not is_emitting()
        with pytest.raises(EngineMisuse):
            HotLogger().info("not open")
        assert not is_emitting()


async def _asked() -> bool:
    return is_emitting()

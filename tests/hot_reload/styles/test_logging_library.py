"""Plugins as a logging library has them: a metadata record, all methods ``async def``, roles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hot_reload.outcome import Role, Stage

if TYPE_CHECKING:
    from tests.hot_reload.styles.conftest import Styled

SINK = '''
"""A sink that keeps lines in memory."""
import logging

log = logging.getLogger("style")

PLUGIN_METADATA = {
    "name": "memory-sink",
    "version": "VERSION",
    "plugin_type": "sink",
    "entry_point": "memory_sink:MemorySink",
    "description": "Keeps lines in memory",
    "author": "someone",
    "compatibility": {"min_version": "0.3.0"},
    "api_version": "1.0",
}


class MemorySink:
    name = "memory-sink"

    def __init__(self, config=None, **fields):
        self._config = config or {}
        self.lines = []

    async def start(self):
        log.info("start VERSION")

    async def write(self, entry):
        self.lines.append(entry)
        log.info("write VERSION %s", entry)

    async def flush(self):
        log.info("flush VERSION %d", len(self.lines))

    async def stop(self):
        log.info("stop VERSION")

    async def health_check(self):
        return HEALTHY


__all__ = ["MemorySink", "PLUGIN_METADATA"]
'''
MIDDLE = """
PLUGIN_METADATA = {"name": "NAME", "version": "VERSION", "plugin_type": "ROLE"}


class Middle:
    name = "NAME"

    async def start(self): ...

    async def stop(self): ...

    async def METHOD(self, event):
        return ANSWER
"""


def sink(version: str, *, healthy: bool = True) -> str:
    return SINK.replace("VERSION", version).replace("HEALTHY", str(healthy))


async def test_f02_f04_a_sink_of_a_logging_library_is_loaded(styled: Styled) -> None:
    await styled.load("memory_sink", sink("1.0"))
    status = styled.engine.status("memory-sink")
    assert status.roles == (Role.SINK,)
    assert status.running is not None
    assert status.running.version == "1.0"
    assert styled.engine.emit("a")
    await styled.engine.settle()
    assert styled.said() == ["start 1.0", "write 1.0 a"]


async def test_f03_it_is_reloaded_rolled_back_and_stopped(styled: Styled) -> None:
    await styled.load("memory_sink", sink("1.0"))
    styled.engine.emit("a")
    await styled.engine.settle()
    styled.said()
    await styled.swaps("memory_sink", sink("2.0"))
    assert styled.said() == ["start 2.0", "flush 1.0 1", "stop 1.0"]
    await styled.rolls_back("memory_sink", sink("3.0", healthy=False), Stage.HEALTH)
    assert styled.said() == ["start 3.0", "stop 3.0"]
    styled.engine.emit("b")
    await styled.engine.settle()
    assert styled.said() == ["write 2.0 b"]
    # The last sink stays; a second one lets it go.
    styled.plugins.write("other", "class Other:\n    version = '1'\n    def write(self, e): ...\n")
    await styled.engine.load(styled.plugins.path("other"))
    outcome = await styled.engine.unload("memory-sink")
    assert outcome.success
    assert styled.said() == ["flush 2.0 1", "stop 2.0"]


@pytest.mark.parametrize(
    ("role", "method", "answer", "expected"),
    [
        ("filter", "filter", "event['keep']", ["{'keep': 1}"]),
        ("enricher", "enrich", "{**event, 'host': 'VERSION'}", None),
        ("processor", "process", "{**event, 'n': 1}", None),
        ("redactor", "redact", "{'keep': '***'}", ["{'keep': '***'}", "{'keep': '***'}"]),
    ],
)
async def test_f04_methods_of_each_role_may_be_async_def(
    styled: Styled, role: str, method: str, answer: str, expected: list[str] | None
) -> None:
    def middle(version: str) -> str:
        source = MIDDLE.replace("NAME", "middle").replace("ROLE", role).replace("METHOD", method)
        return source.replace("ANSWER", answer).replace("VERSION", version)

    await styled.load("memory_sink", sink("1.0"))
    await styled.load("middle", middle("1.0"))
    assert styled.engine.status("middle").roles == (Role(role),)
    for keep in (1, 0):
        assert styled.engine.emit({"keep": keep})
    await styled.engine.settle()
    written = [each.partition("write 1.0 ")[2] for each in styled.said() if "write" in each]
    if expected is not None:
        assert written == expected
    else:
        assert len(written) == 2
        assert "'host': '1.0'" in written[0] or "'n': 1" in written[0]
    await styled.swaps("middle", middle("2.0"))
    await styled.rolls_back(
        "middle", middle("3.0").replace("return", "return await"), Stage.METADATA
    )
    styled.engine.emit({"keep": 1})
    await styled.engine.settle()
    assert len([each for each in styled.said() if "write" in each]) == 1
    assert dict(styled.engine.counts.errors) == {}

"""Plugins as a command-line application has them: ``PLUGIN_META`` and ``register``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hot_reload.outcome import Stage, StateCarried

if TYPE_CHECKING:
    from tests.hot_reload.styles.conftest import Styled

SOURCE = """
import logging

log = logging.getLogger("style")

PLUGIN_META = {
    "name": "example",
    "version": "VERSION",
    "description": "An example",
    "author": "someone",
    "dependencies": [],
}


class ExamplePlugin:
    def __init__(self, app, context):
        self.app, self.context = app, context
        self._cache_data = {}
        self.pool = None

    async def setup_async(self):
        self.pool = "pool of VERSION"
        log.info("setup VERSION")

    async def teardown_async(self):
        log.info("teardown VERSION %s", self.pool)
        self.pool = None
        self._cache_data.clear()

    async def get_persistent_state(self):
        return {"cache": self._cache_data}

    async def restore_persistent_state(self, state):
        self._cache_data = state["cache"]
        RESTORED

    async def on_reload_async(self):
        log.info("reloaded VERSION with %s", self.pool)

    def handle(self, request):
        self._cache_data[request] = "VERSION"
        return dict(self._cache_data)


DEF register(app, context):
    plugin = ExamplePlugin(app, context)
    log.info("registered %s", context.name)
    return plugin
"""


def source(version: str, *, asynchronous: bool, restored: str = "pass") -> str:
    text = SOURCE.replace("VERSION", version).replace("RESTORED", restored)
    return text.replace("DEF", "async def" if asynchronous else "def")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
async def test_f01_f02_f03_a_plugin_of_a_command_line_application(
    styled: Styled, asynchronous: bool
) -> None:
    def version(number: str, restored: str = "pass") -> str:
        return source(number, asynchronous=asynchronous, restored=restored)

    await styled.load("plugin_example", version("1.0"))
    assert styled.engine.names == ("example",)
    assert styled.said() == ["registered plugin_example", "setup 1.0"]
    assert await styled.engine.use("example", "a") == {"a": "1.0"}

    outcome = await styled.swaps("plugin_example", version("2.0"))
    assert outcome.state is StateCarried.CARRIED
    # One set-up and one tear-down for each generation, the new one first.
    assert styled.said() == [
        "registered example",
        "setup 2.0",
        "reloaded 2.0 with pool of 2.0",
        "teardown 1.0 pool of 1.0",
    ]
    # The old one cleared its cache as it was torn down: the new one's is its own.
    assert await styled.engine.use("example", "b") == {"a": "1.0", "b": "2.0"}

    await styled.rolls_back("plugin_example", version("3.0", "raise KeyError('x')"), Stage.RESTORE)
    assert styled.said() == ["registered example", "setup 3.0", "teardown 3.0 pool of 3.0"]
    assert await styled.engine.use("example", "c") == {"a": "1.0", "b": "2.0", "c": "2.0"}
    assert await styled.stops() == ["teardown 2.0 pool of 2.0"]

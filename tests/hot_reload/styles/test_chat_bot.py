"""Plugins as a chat bot has them: a base class, a ``metadata`` property, initialize, shutdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hot_reload.outcome import Stage, StateCarried

if TYPE_CHECKING:
    from tests.hot_reload.styles.conftest import Styled

HEAD = """
import abc
import dataclasses
import logging

log = logging.getLogger("style")


@dataclasses.dataclass
class PluginMetadata:
    name: str
    version: str
    description: str = ""
    author: str = "someone"
    dependencies: list = dataclasses.field(default_factory=list)
    enabled: bool = True


class PluginBase(abc.ABC):
    @property
    @abc.abstractmethod
    def metadata(self): ...

    @abc.abstractmethod
    async def initialize(self): ...

    @abc.abstractmethod
    async def shutdown(self): ...
"""
PLUGIN = """

class GreeterPlugin(PluginBase):
    def __init__(self, config=None):
        self.greeted = 0
        self.word = (config or {}).get("word", "hello")

    @property
    def metadata(self):
        return METADATA(name="greeter", version="VERSION", description="Greets", tags=["chat"])

    async def initialize(self):
        log.info("initialize VERSION")
        INITIALIZED

    async def shutdown(self):
        log.info("shutdown VERSION")

    def get_persistent_state(self):
        return {"greeted": self.greeted}

    def restore_persistent_state(self, state):
        self.greeted = state["greeted"]

    async def handle(self, message):
        self.greeted += 1
        return f"{self.word} {message} {self.greeted} VERSION"
"""


@pytest.mark.parametrize("metadata", ["dict", "PluginMetadata"])
async def test_f01_f02_f03_a_plugin_of_a_chat_bot(styled: Styled, metadata: str) -> None:
    def version(number: str, initialized: str = "pass") -> str:
        text = (HEAD + PLUGIN).replace("VERSION", number).replace("INITIALIZED", initialized)
        text = text.replace("METADATA", metadata)
        return text if metadata == "dict" else text.replace(', tags=["chat"]', "")

    await styled.load("greeter_plugin", version("1.0"), word="hi")
    assert styled.engine.names == ("greeter",)
    assert await styled.engine.use("greeter", "Ann") == "hi Ann 1 1.0"
    outcome = await styled.swaps("greeter_plugin", version("1.1"))
    assert outcome.state is StateCarried.CARRIED
    assert await styled.engine.use("greeter", "Bob") == "hi Bob 2 1.1"
    assert styled.said() == ["initialize 1.0", "initialize 1.1", "shutdown 1.0"]
    await styled.rolls_back("greeter_plugin", version("1.2", "raise OSError('token')"), Stage.SETUP)
    assert styled.said() == ["initialize 1.2", "shutdown 1.2"]
    assert await styled.engine.use("greeter", "Cid") == "hi Cid 3 1.1"
    assert await styled.stops() == ["shutdown 1.1"]


async def test_f02_a_package_with_its_base_in_another_module(styled: Styled) -> None:
    base = f"{HEAD}\n"
    main = "from .base import PluginBase, PluginMetadata as METADATA, log\n" + PLUGIN.replace(
        ', tags=["chat"]', ""
    ).replace("INITIALIZED", "pass")
    path = styled.plugins.write_package(
        "greeter", {"__init__.py": main.replace("VERSION", "1.0"), "base.py": base}
    )
    assert (await styled.engine.load(path)).success
    assert await styled.engine.use("greeter", "Ann") == "hello Ann 1 1.0"

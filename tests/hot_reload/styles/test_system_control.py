"""Plugins as a system-control tool has them: a subclass of ``Plugin``, or ``create(config)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hot_reload.outcome import Stage, StateCarried

if TYPE_CHECKING:
    from tests.hot_reload.styles.conftest import Styled

BODY = """
    name = "fans"
    version = "VERSION"
    description = "Fan control"
    dependencies = []

    def __init__(self, config=None):
        self.config = config or {}
        self.speeds = {}

    async def setup(self):
        log.info("setup VERSION")

    def start(self):
        log.info("start VERSION")
        if self.sensor_is_barred:
            raise PermissionError("/sys/class/hwmon")

    sensor_is_barred = BAD

    async def drain(self):
        log.info("drain VERSION")

    async def shutdown(self):
        log.info("shutdown VERSION")

    async def teardown_async(self):
        log.info("teardown VERSION")

    def get_reload_state(self):
        return {"speeds": self.speeds}

    def set_reload_state(self, state):
        self.speeds = state["speeds"]

    def migrate_state(self, state, version):
        log.info("migrate VERSION from %s", version)
        return state

    def adopt_connection(self, connection_id, connection):
        log.info("adopt VERSION %s", connection_id)

    def health_check(self):
        return {"status": "healthy"}

    def handle(self, request):
        self.speeds[request] = self.config.get("speed", 0)
        return dict(self.speeds)
"""
HEAD = 'import logging\n\nlog = logging.getLogger("style")\n'
NESTED = "    class Fans:" + BODY.replace("\n", "\n    ") + "\n    return Fans(config)\n"
STYLES = {
    "class": f"{HEAD}from hot_reload import Plugin\n\n\nclass Fans(Plugin):{BODY}",
    "a class of its own": f"{HEAD}\n\nclass Fans:{BODY}",
    "create": f"{HEAD}\n\ndef create(config):\n{NESTED}",
    "async create": f"{HEAD}\n\nasync def create(config):\n{NESTED}",
}


@pytest.mark.parametrize("style", STYLES)
async def test_f01_f02_f03_a_plugin_of_a_system_control_tool(styled: Styled, style: str) -> None:
    def version(number: str, *, bad: bool = False) -> str:
        return STYLES[style].replace("VERSION", number).replace("BAD", str(bad))

    await styled.load("fans", version("1.0"), speed=40)
    assert styled.said() == ["setup 1.0", "start 1.0"]
    assert await styled.engine.use("fans", "cpu") == {"cpu": 40}
    outcome = await styled.swaps("fans", version("2.0"))
    assert outcome.state is StateCarried.CARRIED
    assert styled.said() == [
        "setup 2.0",
        "start 2.0",
        "migrate 2.0 from 1.0",
        "drain 1.0",
        "shutdown 1.0",
        "teardown 1.0",
    ]
    assert await styled.engine.use("fans", "gpu") == {"cpu": 40, "gpu": 40}
    failed = await styled.rolls_back("fans", version("3.0", bad=True), Stage.START)
    assert "PermissionError: /sys/class/hwmon" in failed.failure.cause
    assert styled.said() == ["setup 3.0", "start 3.0", "shutdown 3.0", "teardown 3.0"]
    assert await styled.engine.use("fans", "cpu") == {"cpu": 40, "gpu": 40}
    assert await styled.stops() == ["drain 2.0", "shutdown 2.0", "teardown 2.0"]


@pytest.mark.parametrize("style", STYLES)
async def test_f05_it_is_loaded_at_its_first_use(styled: Styled, style: str) -> None:
    source = STYLES[style].replace("VERSION", "1.0").replace("BAD", "False")
    engine = styled.engine
    assert engine.register(styled.plugins.write("fans", source), config={"speed": 7}) == "fans"
    assert styled.said() == []
    assert not engine.status("fans").loaded
    assert await engine.use("fans", "cpu") == {"cpu": 7}
    assert styled.said() == ["setup 1.0", "start 1.0"]

"""A sample of the campaign ``tests/campaigns/fault_at_every_line.py``, from each scene."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from tests.campaigns.fault_at_every_line import FAULTS, campaign
from tests.campaigns.fault_scenes import SCENES, Scene
from tests.campaigns.injector import ENGINE

from hot_reload import Engine, Settings
from hot_reload.errors import HookFailed
from hot_reload.runtime import calls
from hot_reload.runtime.route import STAGES_LIMIT

STRIDE = 199


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer runs: coverage, or a debugger")
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name.replace(" ", "_"))
def test_k8_r4_a_fault_at_sampled_points_is_survived(scene: Scene) -> None:
    number = SCENES.index(scene)
    fault = FAULTS[number % len(FAULTS)]
    tried, violations = campaign([scene], [fault], stride=STRIDE, offset=number)
    assert tried >= 3  # how many lines a tracer sees differs between the Pythons
    assert violations == [], "\n".join(map(str, violations))


def test_the_campaign_notices_what_is_not_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that does not go on where it was interrupted is seen."""
    from hot_reload.runtime.transaction import Transaction

    settle = Transaction.settle

    async def once(self: Transaction) -> None:
        if not getattr(self, "_tried", False):
            self._tried = True  # type: ignore[attr-defined]
            await settle(self)

    monkeypatch.setattr(Transaction, "settle", once)
    (reload,) = [each for each in SCENES if each.name == "reload"]
    _, violations = campaign([reload], [MemoryError], stride=101)
    assert any("0 times" in each.what for each in violations)


CALLED = """
class Called:
    name, version = "called", "{version}"

    def __init__(self):
        self.count = 0

    async def handle(self, request):
        self.count += 1
        return self.count

    def get_reload_state(self):
        return self.count

    def set_reload_state(self, state):
        self.count = state
"""


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer runs: coverage, or a debugger")
@pytest.mark.filterwarnings("ignore:coroutine 'Called.handle' was never awaited:RuntimeWarning")
async def test_k8_r4_a_call_that_is_interrupted_at_any_line_holds_up_no_reload(
    tmp_path: Path,
) -> None:
    """Nor is its caller, who goes on in the same task, inside the plugin any more."""
    path = tmp_path / "called.py"
    path.write_text(CALLED.format(version="1.0"))
    async with Engine(settings=Settings(drain_deadline_seconds=0.01)) as engine:
        (await engine.load(path)).unwrap()
        asked, fired = 0, "not yet"
        while fired:
            fired = await _ask_and_raise(engine, at=asked)
            assert calls.inside_any() is None, fired
            path.write_text(CALLED.format(version=f"1.{asked + 1}"))
            (await engine.reload("called")).unwrap()
            asked += 1
        assert asked > 20


SINK = """
class Kept:
    name, version = "kept", "{version}"
    seen = 0

    def write(self, event):
        self.seen += 1

    def get_reload_state(self):
        return self.seen

    def set_reload_state(self, state):
        self.seen = state
"""
FILTER = """
class Passes:
    name, version = "passes", "1.0"

    def filter(self, event):
        return True
"""


@pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer runs: coverage, or a debugger")
@pytest.mark.parametrize("filters", [0, STAGES_LIMIT], ids=["a route", "in loops"])
async def test_k8_r4_an_emit_that_is_interrupted_at_any_line_holds_up_no_reload(
    tmp_path: Path, filters: int
) -> None:
    path = tmp_path / "kept.py"
    path.write_text(SINK.format(version="1.0"))
    async with Engine(settings=Settings(drain_deadline_seconds=0.01)) as engine:
        (await engine.load(path)).unwrap()
        for number in range(filters):
            other = tmp_path / f"f{number}.py"
            other.write_text(FILTER.replace("passes", f"f{number}"))
            (await engine.load(other)).unwrap()
        emitted, fired = 0, "not yet"
        while fired:
            fired = _emit_and_raise(engine, at=emitted)
            path.write_text(SINK.format(version=f"1.{emitted + 1}"))
            outcome = await engine.reload("kept")
            assert outcome.success, f"{fired}: {outcome.describe()}"
            emitted += 1
        assert emitted > 5


def _emit_and_raise(engine: Engine, *, at: int) -> str:
    """Emit, and raise as the producer's way through the stages comes to line ``at``."""
    seen, place = 0, ""

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal seen, place
        code = frame.f_code
        if code.co_name not in ("_emit", "emit") or code.co_filename.endswith("engine.py"):
            return None
        if event == "line":
            seen += 1
            if seen == at + 1:
                sys.settrace(None)
                place = f"{code.co_filename}:{frame.f_lineno}"
                raise MemoryError("injected")
        return trace

    sys.settrace(trace)
    try:
        engine.emit("event")
    except MemoryError:
        pass
    finally:
        sys.settrace(None)
    return place


async def _ask_and_raise(engine: Engine, *, at: int) -> str:
    """Call the service, and raise as the engine's own part of that comes to line ``at``; at which
    that was."""
    seen, place = 0, ""

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal seen, place
        if not frame.f_code.co_filename.startswith(ENGINE):
            return None
        if event == "line":
            seen += 1
            if seen == at + 1:
                sys.settrace(None)
                place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                raise MemoryError("injected")
        return trace

    sys.settrace(trace)
    try:
        await engine.use("called")
    except (MemoryError, HookFailed):
        pass
    finally:
        sys.settrace(None)
    return place

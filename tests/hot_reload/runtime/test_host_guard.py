"""Guards of the host: asked before each operation, and removed by what they gave."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hot_reload import Engine
from hot_reload.errors import MissingDependency
from hot_reload.events import StageEntered
from hot_reload.manifest import Dependency
from hot_reload.outcome import Loaded, Operation, RefusalReason, Refused, RolledBack, Stage, Swapped
from hot_reload.policy.graph import DependencyGraph

if TYPE_CHECKING:
    from tests.hot_reload.runtime.conftest import Bench


async def test_f22_a_guard_of_the_host_refuses_until_it_is_removed(bench: Bench) -> None:
    path = bench.plugin()
    asked: list[tuple[Operation, str]] = []

    def guard(operation: Operation, name: str) -> str | None:
        asked.append((operation, name))
        return "not on Fridays" if operation is Operation.RELOAD else None

    async with Engine() as engine:
        remove = engine.guard(guard)
        assert isinstance(await engine.load(path), Loaded)
        refused = await engine.reload("counter", force=True)
        assert isinstance(refused, Refused)
        assert refused.reason is RefusalReason.BARRED
        assert "not on Fridays" in refused.describe()
        remove()
        remove()  # it is gone already
        assert isinstance(await engine.reload("counter", force=True), Swapped)
        assert asked == [(Operation.LOAD, "counter"), (Operation.RELOAD, "counter")]


async def test_f22_a_guard_that_raises_refuses(bench: Bench) -> None:
    path = bench.plugin()

    def guard(operation: Operation, name: str) -> str | None:
        raise LookupError("calendar")

    async with Engine() as engine:
        engine.guard(guard)
        refused = await engine.load(path)
        assert isinstance(refused, Refused)
        assert "a guard of the host raised LookupError: calendar" in refused.explanation
        assert engine.names == ()
    # close() asks nobody: it came here.


@pytest.mark.parametrize("kind", [SystemExit, asyncio.CancelledError, GeneratorExit])
async def test_f22_a_guard_that_wants_to_end_the_host_only_refuses(
    bench: Bench, kind: type[BaseException]
) -> None:
    def guard(*_: object) -> None:
        raise kind("enough")

    async with Engine() as engine:
        await engine.load(bench.plugin())
        engine.guard(guard)
        refused = await engine.reload("counter", force=True)
        assert isinstance(refused, Refused)
        assert f"a guard of the host raised {kind.__name__}: enough" in refused.explanation
        assert await engine.call("?") == ["1.0"]


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


async def test_f22_an_interrupt_in_a_guard_or_a_listener_is_the_users(bench: Bench) -> None:
    async with Engine() as engine:
        await engine.load(bench.plugin())
        engine.guard(interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine._operations.barred(Operation.RELOAD, "counter")
        engine._operations.guards.clear()
        stop = engine.listen(interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine._operations._tell(StageEntered(1, "counter", Stage.START, 0.0))
        stop()


async def test_f22_a_guard_that_gives_no_reason_refuses(bench: Bench) -> None:
    async with Engine() as engine:
        engine.guard(lambda *_: False)  # type: ignore[arg-type]  # the mistake
        refused = await engine.load(bench.plugin())
        assert isinstance(refused, Refused)
        assert "it gave False where a reason or None belongs" in refused.explanation


async def test_f10_only_the_bytes_that_were_looked_at_are_run(bench: Bench) -> None:
    path = bench.plugin()
    async with Engine() as engine:
        await engine.load(path)
        bench.plugin(version="2.0")
        outcome = await engine.reload("counter", only_sha256="0" * 64)
        assert isinstance(outcome, RolledBack)
        assert outcome.failure.stage is Stage.READ
        assert "changed after it was looked at" in outcome.failure.cause
        assert await engine.call("?") == ["1.0"]


def test_f16_a_missing_dependency_of_a_touched_plugin_is_named() -> None:
    graph = DependencyGraph({"a": (Dependency("b"),), "b": ()})
    with pytest.raises(MissingDependency, match="'a' needs 'b', which is not loaded"):
        graph.check_versions({"a": "1.0"}, of=["a"])

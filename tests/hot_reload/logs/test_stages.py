"""All five stages end to end: each role added, removed, reloaded and switched while events flow."""

from __future__ import annotations

import asyncio
import threading

import pytest

from hot_reload import Engine, Settings
from hot_reload.outcome import Failed, Loaded, RolledBack, Swapped, Switched, Unloaded
from hot_reload.runtime.dispatch import Dispatch, View
from hot_reload_fixtures import PluginDirectory

METHODS = {
    "filter": "return 'noise' not in event",
    "enricher": "return {**event, 'seen': [*event['seen'], 'enricher']}",
    "processor": "return {**event, 'seen': [*event['seen'], 'processor']}",
    "redactor": "return {**event, 'secret': '***'}",
}
CALLED = {
    "filter": "filter",
    "enricher": "enrich",
    "processor": "process",
    "redactor": "redact",
    "sink": "write",
}


def plugin(
    plugins: PluginDirectory, role: str, version: str, body: str, extra: str = "", name: str = ""
) -> str:
    source = f"""
class P:
    name, version = {name or role!r}, {version!r}
    got = []
    def {CALLED[role]}(self, event):
        {body}
{extra}
"""
    return str(plugins.write(name or role, source))


def sink(plugins: PluginDirectory, version: str = "1") -> str:
    # What it got is kept outside of it: on the context's engine, which the test has.
    extra = "    def __init__(self, context): self.engine = context.engine\n"
    body = f"self.engine.got.append(({version!r}, event))"
    return plugin(plugins, "sink", version, body, extra)


class Recording(Engine):
    """An engine on which the sinks of these tests keep what they got."""

    def __init__(self, settings: Settings | None = None) -> None:
        super().__init__(settings=settings)
        self.got: list[tuple[str, dict[str, object]]] = []

    async def __aenter__(self) -> Recording:
        await super().__aenter__()
        return self


@pytest.mark.parametrize("role", [*METHODS, "sink"])
async def test_f30_each_role_comes_goes_and_changes_at_run_time(
    role: str, hot_reload_dir: PluginDirectory
) -> None:
    """The events of threads and tasks all arrive meanwhile, and none arrives twice."""
    accepted: list[int] = []
    stop = threading.Event()

    def produce(engine: Engine, first: int) -> int:
        number = first
        while not stop.is_set() and number < first + 200_000:
            if engine.emit({"n": number, "seen": [], "secret": "s3cr3t"}):
                number += 1
        return number - first

    async def emit(engine: Engine) -> int:
        number = 0
        while not stop.is_set():
            number += engine.emit({"n": -1 - number, "seen": [], "secret": "s3cr3t"})
            await asyncio.sleep(0)
        return number

    async with Recording() as engine:
        keeper = "self.engine.got.append(('keeper', event))"
        extra = "    def __init__(self, context): self.engine = context.engine\n"
        await engine.load(plugin(hot_reload_dir, "sink", "1", keeper, extra, name="keeper"))
        threads = [asyncio.to_thread(produce, engine, first) for first in (0, 1_000_000)]
        producing = asyncio.gather(*threads, emit(engine))
        await asyncio.sleep(0)

        def write(version: str) -> str:
            if role == "sink":
                return sink(hot_reload_dir, version)
            return plugin(hot_reload_dir, role, version, METHODS[role])

        assert isinstance(await engine.load(write("1")), Loaded)
        for version in ("2", "3"):
            write(version)
            assert isinstance(await engine.reload(role), Swapped)
        plugin(hot_reload_dir, role, "4", "raise", "    def start(self): raise ValueError('no')\n")
        assert isinstance(await engine.reload(role), RolledBack)
        assert isinstance(await engine.disable(role), Switched)
        assert isinstance(await engine.enable(role), Switched)
        assert isinstance(await engine.unload(role), Unloaded)
        stop.set()
        accepted = await producing
        numbers = [event["n"] for by, event in engine.got if by == "keeper"]
        assert len(numbers) == len(set(numbers)) == sum(accepted) == engine.counts.accepted
        assert min(accepted) > 0
        assert engine.counts.dropped_total == engine.counts.filtered.total() == 0


async def test_f30_a_redactors_reload_lets_nothing_through_unredacted(
    hot_reload_dir: PluginDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Good and failing reloads, with state and stop-first, while threads emit; and one event
    comes in each state of the pipeline that there ever is, however short."""
    stop = threading.Event()
    install = Dispatch.install
    tried = 0

    def try_each(self: Dispatch, view: View) -> None:
        nonlocal tried
        install(self, view)
        tried += self.emit({"n": -1, "secret": "s3cr3t"})

    def produce(engine: Engine) -> int:
        number = 0
        while not stop.is_set() and number < 100_000:
            number += engine.emit({"n": number, "secret": "s3cr3t"})
        return number

    state = """
    def get_reload_state(self): return {}
    def set_reload_state(self, state): pass
"""
    versions = [
        ("", Swapped),
        (state, Swapped),
        (state + "    def health_check(self): return False\n", RolledBack),
        ("    def start(self): raise ValueError('no')\n", RolledBack),
        ("    swap_policy = 'stop-first'\n", Swapped),
        (
            "    swap_policy = 'stop-first'\n    def start(self): raise ValueError('no')\n",
            RolledBack,
        ),
        (state, Swapped),
    ]
    async with Recording() as engine:
        await engine.load(plugin(hot_reload_dir, "redactor", "1", METHODS["redactor"]))
        await engine.load(sink(hot_reload_dir))
        monkeypatch.setattr(Dispatch, "install", try_each)
        producing = asyncio.gather(*(asyncio.to_thread(produce, engine) for _ in range(2)))
        for number, (extra, expected) in enumerate(versions * 3, start=2):
            plugin(hot_reload_dir, "redactor", str(number), METHODS["redactor"], extra)
            outcome = await engine.reload("redactor")
            assert isinstance(outcome, expected), outcome.describe()
        stop.set()
        emitted = sum(await producing)
        monkeypatch.undo()
        assert min(emitted, tried) > 0
        assert len(engine.got) == emitted + tried
        assert {event["secret"] for _, event in engine.got} == {"***"}


async def test_f30_an_event_whose_redactor_raises_is_dropped_and_counted(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Recording() as engine:
        body = "raise SystemExit if event['n'] % 2 else ValueError"
        await engine.load(plugin(hot_reload_dir, "redactor", "1", body))
        await engine.load(sink(hot_reload_dir))
        for number in range(4):
            assert engine.emit({"n": number, "secret": "s3cr3t"})
        assert engine.got == []
        assert engine.counts.dropped == {"redactor": 4}
        assert engine.counts.errors == {"redactor": 4}


async def test_f30_nothing_passes_while_a_redactor_has_failed(
    hot_reload_dir: PluginDirectory,
) -> None:
    """Stop-first, and neither the new nor the old version starts: there is no redactor."""
    first = """
    swap_policy = "stop-first"
    def __init__(self, context): self.engine = context.engine
    def start(self):
        self.engine.starts = getattr(self.engine, "starts", 0) + 1
        if self.engine.starts > 1: raise ValueError("the port is taken")
"""
    async with Recording() as engine:
        await engine.load(plugin(hot_reload_dir, "redactor", "1", METHODS["redactor"], first))
        await engine.load(sink(hot_reload_dir))
        assert engine.emit({"secret": "s3cr3t"})
        plugin(hot_reload_dir, "redactor", "2", METHODS["redactor"], first)
        assert isinstance(await engine.reload("redactor"), Failed)
        assert engine.emit({"secret": "s3cr3t"})
        assert engine.counts.dropped == {"redactor": 1}
        assert [event["secret"] for _, event in engine.got] == ["***"]
        plugin(hot_reload_dir, "redactor", "3", METHODS["redactor"])
        assert (await engine.reload("redactor")).success
        assert engine.emit({"secret": "s3cr3t"})
        assert [event["secret"] for _, event in engine.got] == ["***", "***"]


async def test_f30_taking_out_a_failed_redactor_lets_events_pass_again(
    hot_reload_dir: PluginDirectory,
) -> None:
    first = """
    swap_policy = "stop-first"
    def __init__(self, context): self.engine = context.engine
    def start(self):
        self.engine.starts = getattr(self.engine, "starts", 0) + 1
        if self.engine.starts > 1: raise ValueError("the port is taken")
"""
    async with Recording() as engine:
        await engine.load(plugin(hot_reload_dir, "redactor", "1", METHODS["redactor"], first))
        await engine.load(sink(hot_reload_dir))
        plugin(hot_reload_dir, "redactor", "2", METHODS["redactor"], first)
        await engine.reload("redactor")
        assert isinstance(await engine.unload("redactor"), Unloaded)
        engine.emit({"secret": "public"})
        assert [event["secret"] for _, event in engine.got] == ["public"]


@pytest.mark.parametrize("wrong", ["raises", "hangs"])
async def test_f30_a_sink_in_trouble_costs_the_others_nothing(
    wrong: str, hot_reload_dir: PluginDirectory
) -> None:
    settings = Settings(gate_limit_events=3, drain_deadline_seconds=0.01)
    async with Recording(settings) as engine:
        await engine.load(sink(hot_reload_dir))
        if wrong == "raises":
            bad = "    def write(self, event): raise OSError('disk full')\n"
        else:
            bad = (
                "    async def write(self, event):\n"
                "        import asyncio\n"
                "        await asyncio.get_running_loop().create_future()\n"
            )
        path = hot_reload_dir.write("bad", f"class B:\n    version = '1'\n{bad}")
        await engine.load(path)
        for number in range(10):
            assert engine.emit({"n": number})
            await asyncio.sleep(0)
        assert len(engine.got) == 10
        assert engine.counts.dropped["bad"] == (10 if wrong == "raises" else 6)
        assert (await engine.unload("bad")).success
        assert engine.counts.dropped == {"bad": 10}, "what it held is counted by name"

"""Faults of resources (R): many reloads, many plugins, no descriptors, no memory."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hot_reload import Engine
from hot_reload.outcome import RolledBack, Stage, Swapped
from hot_reload.policy.debounce import Debouncer
from hot_reload_fixtures import Census, PluginDirectory

SOURCE = "class P:\n    name, version = '{name}', '{version}'\n    dependencies = {needs}\n"


def written(plugins: PluginDirectory, name: str, *needs: str, version: str = "1.0") -> Path:
    return plugins.write(name, SOURCE.format(name=name, version=version, needs=list(needs)))


async def test_r1_many_reloads_grow_nothing(hot_reload_dir: PluginDirectory) -> None:
    """Modules, tasks, threads, descriptors, source caches; the soak of 10,000 is a benchmark's."""
    async with Engine() as engine:
        await engine.load(written(hot_reload_dir, "counter"))
        await engine.reload("counter", force=True)
        before = Census.take()
        for number in range(200):
            written(hot_reload_dir, "counter", version=f"2.{number}")
            assert isinstance(await engine.reload("counter"), Swapped)
        growth = Census.growth(before, Census.take())
        assert growth.clean, growth.describe()
        assert engine.lingering() == ()


def test_r2_a_storm_of_a_million_events_is_one_burst() -> None:
    """A model of it: a million changes of one file in the debouncer."""
    debouncer: Debouncer[str] = Debouncer(quiet_seconds=0.1, max_wait_seconds=2.0)
    settled = 0
    for number in range(1_000_000):
        now = number / 100_000  # ten seconds of it
        debouncer.observe("counter", now)
        if number % 1_000 == 0:
            settled += len(debouncer.due(now))
    assert debouncer.waiting == {"counter"}
    assert settled == 4  # one for each two seconds of max wait


CHILD = """
import asyncio, json, os, resource, sys
from pathlib import Path
from hot_reload import Engine


async def main(folder):
    plugin = folder / "counter.py"
    text = "class C:\\n    version = '{}'\\n    def handle(self, r): return '{}'\\n"
    plugin.write_text(text.format(1, 1))
    async with Engine() as engine:
        await engine.load(plugin)
        plugin.write_text(text.format(2, 2))
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        open_now = max(map(int, os.listdir("/proc/self/fd")))
        resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 1, hard))
        held = []
        try:
            while True:
                held.append(os.dup(0))
        except OSError:
            pass
        outcome = await engine.reload("counter")
        serves = await engine.call("?")
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        after = await engine.reload("counter")
        print(json.dumps([outcome.describe(), serves, after.success, await engine.call("?")]))

asyncio.run(main(Path(sys.argv[1])))
"""


def test_r3_no_descriptor_is_left_in_mid_reload(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told, serves, healed, then = json.loads(ended.stdout)
    assert "rolled back at read: cannot read" in told
    assert "Too many open files" in told
    assert (serves, healed, then) == (["1"], True, ["2"])


NO_MEMORY = """
import asyncio, os, sys
import _testcapi
from pathlib import Path
from hot_reload import Engine


def asyncios_own(loop, context):
    # Where asyncio fails at passing on what a task came to, whoever waits for that waits for ever.
    error, files = context.get("exception"), []
    trace = error.__traceback__ if isinstance(error, MemoryError) else None
    while trace is not None:
        files.append(os.path.dirname(trace.tb_frame.f_code.co_filename))
        trace = trace.tb_next
    if {*files, ""} == {os.path.dirname(asyncio.__file__), ""}:
        os._exit(1)


def once(folder, nth):
    plugin = folder / "counter.py"
    text = "class C:\\n    version = '{}'\\n    def handle(self, r): return '{}'\\n"
    plugin.write_text(text.format(1, 1))
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(asyncios_own)
    engine = Engine()
    loop.run_until_complete(engine.__aenter__())
    loop.run_until_complete(engine.load(plugin))
    plugin.write_text(text.format(2, 2))
    reload = loop.create_task(engine.reload("counter"))
    _testcapi.set_nomemory(nth, nth + 1)
    try:
        loop.run_until_complete(reload)
    except BaseException as error:
        _testcapi.remove_mem_hooks()
        asyncios_own(loop, {"exception": error})  # it has taken a step, and not done it
    finally:
        _testcapi.remove_mem_hooks()
    serves = loop.run_until_complete(engine.call("?"))
    plugin.write_text(text.format(3, 3))
    loop.run_until_complete(engine.reload("counter"))
    then = loop.run_until_complete(engine.call("?"))
    return serves in (["1"], ["2"]) and then == ["3"]


folder, survived, unknown, bad = Path(sys.argv[1]), 0, 0, []
for nth in range(1, 2_000, 29):
    pid = os.fork()
    if not pid:
        os._exit(0 if once(folder, nth) else 9)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 1:
        unknown += 1  # CPython itself does not survive each of them
    elif os.WEXITSTATUS(status) == 9:
        bad.append(nth)
    else:
        survived += 1
print(survived, unknown, bad)
"""


def test_r4_memory_runs_out_at_the_nth_allocation(tmp_path: Path) -> None:
    pytest.importorskip("_testcapi", reason="this Python was built without its test modules")
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NO_MEMORY, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    survived, unknown, bad = ended.stdout.strip().split(" ", 2)
    assert bad == "[]"
    assert int(survived) > 3 * int(unknown)


async def test_r6_hundreds_of_plugins_are_loaded_and_reloaded_at_once(
    hot_reload_dir: PluginDirectory,
) -> None:
    async with Engine() as engine:
        names = [f"p{number}" for number in range(300)]
        for name in names:
            assert (await engine.load(written(hot_reload_dir, name))).success
        for name in names:
            written(hot_reload_dir, name, version="2.0")
        outcomes = await engine.reload_many()
        assert list(outcomes) == names
        assert all(isinstance(each, Swapped) for each in outcomes.values())


async def test_r6_a_cascade_fifty_deep_and_its_rollback(hot_reload_dir: PluginDirectory) -> None:
    async with Engine() as engine:
        chain = [f"p{number}" for number in range(50)]
        await engine.load(written(hot_reload_dir, chain[0]))
        for needed, name in itertools.pairwise(chain):
            assert (await engine.load(written(hot_reload_dir, name, needed))).success
        written(hot_reload_dir, chain[0], version="2.0")
        outcome = await engine.reload(chain[0])
        assert [each.plugin for each in outcome.cascade] == chain[1:]
        assert all(isinstance(each, Swapped) for each in outcome.cascade)
        # A circle at the far end is named, and all of them serve on.
        written(hot_reload_dir, chain[0], chain[-1], version="3.0")
        refused = await engine.reload(chain[0])
        assert isinstance(refused, RolledBack)
        assert refused.failure.stage is Stage.METADATA
        assert "cycle" in refused.failure.cause
        assert {engine.status(name).running.version for name in chain} == {"1.0", "2.0"}  # type: ignore[union-attr]
        assert engine.lingering() == ()


async def test_r6_a_diamond_is_reloaded_once(hot_reload_dir: PluginDirectory) -> None:
    async with Engine() as engine:
        edges = {"base": (), "left": ("base",), "right": ("base",), "top": ("left", "right")}
        for name, needs in edges.items():
            assert (await engine.load(written(hot_reload_dir, name, *needs))).success
        written(hot_reload_dir, "base", version="2.0")
        outcome = await engine.reload("base")
        assert sorted(each.plugin for each in outcome.cascade) == ["left", "right", "top"]
        generations = [engine.status(name).running for name in edges]
        assert len({each.generation for each in generations if each}) == 4


HOLDERS: dict[str, Callable[[Any], object]] = {
    "closure": lambda plugin: lambda: plugin,
    "handler": lambda plugin: asyncio.get_running_loop().call_later(3600, plugin.stop),
}


@pytest.mark.parametrize("holder", HOLDERS)
async def test_r8_an_old_generation_that_somebody_holds_is_named(
    holder: str, hot_reload_dir: PluginDirectory
) -> None:
    source = SOURCE.format(name="counter", version="1.0", needs=[]) + "    def stop(self): ...\n"
    async with Engine() as engine:
        await engine.load(hot_reload_dir.write("counter", source))
        held: Any = HOLDERS[holder](engine.plugin("counter"))
        await engine.reload("counter", force=True)
        (named,) = engine.lingering()
        assert named.startswith("counter 1.0 sha256:")
        assert named.endswith("(generation 1)")
        if holder == "handler":
            held.cancel()
        held = None
        assert engine.lingering() == ()

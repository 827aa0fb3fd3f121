"""Faults of watching at the system's own limits, rows W1 to W4, each in a process of its own.

The limits on watches and instances are those of a user namespace that the child is in, so
nothing else on the machine sees them. Where the system gives none, the test is skipped.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hot_reload_fixtures import PluginDirectory

pytestmark = pytest.mark.real_time

PATIENCE_SECONDS = 30.0
"""Ends a wait that would never end; no test passes by waiting for so long."""
QUEUE_LIMIT = Path("/proc/sys/fs/inotify/max_queued_events")

CHILD = """
    import asyncio, json, os, resource, sys
    from pathlib import Path
    from hot_reload import Engine, Watcher, WatchSettings

    ROOT = Path(sys.argv[1])
    SOURCE = (
        "class Served:\\n    name, version = {0!r}, '1'\\n"
        "    def handle(self, request):\\n        return {1:>8}\\n"
    )

    def save(name, answer):
        path = ROOT / name / "__init__.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SOURCE.format(name, answer))

    def limit(name, value):
        Path("/proc/sys/user", name).write_text(str(value))

    async def until(holds):
        while not await holds():
            await asyncio.wait([asyncio.ensure_future(moved.wait())], timeout=0.01)
            moved.clear()

    async def serves(name, answer):
        async def holds():
            return name in engine.names and await engine.use(name) == answer
        await until(holds)

    async def degraded(word):
        async def holds():
            return word in str(watcher.health.degraded)
        await until(holds)

    async def act():
        {act}

    async def main():
        global engine, watcher, moved
        moved = asyncio.Event()
        settings = WatchSettings(
            quiet_seconds=0.01, cooldown_seconds=0, limit=1000, sweep_seconds={sweep}
        )
        async with Engine() as engine, asyncio.timeout({patience}):
            engine.listen(lambda event: moved.set())
            save("first", 1)
            (await engine.load(ROOT / "first")).unwrap()      # all imports are done by now
            watcher = Watcher(engine, [ROOT], settings=settings)
            await act()
            health = watcher.health
            await watcher.stop()
        print(json.dumps([health.running, health.degraded, health.restarts]))
    asyncio.run(main())
"""


@functools.cache
def own_limits() -> str:
    """Why no process can be given limits of its own here; empty: it can."""
    try:
        script = "echo 5 > /proc/sys/user/max_inotify_watches"
        command = ["unshare", "--user", "--map-root-user", "sh", "-c", script]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except OSError as error:
        return f"no unshare: {error}"
    return done.stderr.strip()


def run(
    plugins: PluginDirectory, act: str, *, own: bool = True, sweep: float = 0.05
) -> tuple[bool, str | None, int]:
    """Run ``act`` in a child; gives running, degraded and restarts of its health at the end."""
    if own and (why := own_limits()):
        pytest.skip(f"needs a user namespace with limits of its own ({why})")
    script = CHILD.replace("{act}", textwrap.indent(textwrap.dedent(act), " " * 8).strip())
    script = script.replace("{sweep}", str(sweep)).replace("{patience}", str(PATIENCE_SECONDS))
    command = [sys.executable, "-c", textwrap.dedent(script), str(plugins.root)]
    if own:
        command = ["unshare", "--user", "--map-root-user", *command]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS * 2, check=False
    )
    assert done.returncode == 0, done.stderr
    found: Any = json.loads(done.stdout)
    return found[0], found[1], found[2]


@contextlib.contextmanager
def queue_of(events: int) -> Iterator[None]:
    """Queues that are made now are so short. Those of others keep their length."""
    before = QUEUE_LIMIT.read_text()
    try:
        QUEUE_LIMIT.write_text(str(events))
    except OSError as error:
        pytest.skip(f"needs the right to write {QUEUE_LIMIT} ({error.strerror})")
    try:
        yield
    finally:
        QUEUE_LIMIT.write_text(before)


@pytest.mark.skipif(not QUEUE_LIMIT.exists(), reason="needs Linux's inotify")
@pytest.mark.xdist_group("inotify")
def test_w1_edits_that_the_systems_queue_dropped_are_found(
    hot_reload_dir: PluginDirectory,
) -> None:
    with queue_of(4):
        running, degraded, _ = run(
            hot_reload_dir,
            """
            await watcher.start()
            await serves("first", 1)
            for number in range(60):          # far more events than the queue holds
                for name in range(20):
                    (ROOT / f"noise{name}.txt").write_text(str(number))
                save("first", 2)
            await serves("first", 2)
            save("other", 3)
            await serves("other", 3)
            """,
            own=False,
        )
    assert running
    assert degraded is None or "system's watch" in degraded


def test_w2_at_the_watch_limit_from_the_start_the_sweep_finds_edits(
    hot_reload_dir: PluginDirectory,
) -> None:
    running, degraded, restarts = run(
        hot_reload_dir,
        """
        limit("max_inotify_watches", 0)
        await watcher.start()
        save("first", 2)
        await serves("first", 2)
        await degraded("failed")
        """,
    )
    assert running
    assert degraded is not None
    assert "only the sweep finds edits" in degraded
    assert restarts >= 1


def test_w3_at_the_watch_limit_after_the_start_new_directories_are_swept(
    hot_reload_dir: PluginDirectory,
) -> None:
    running, _, _ = run(
        hot_reload_dir,
        """
        limit("max_inotify_watches", 3)
        await watcher.start()
        await degraded("None")
        for number in range(8):               # most of them get no watch
            save(f"more{number}", 1)
        for number in range(8):
            await serves(f"more{number}", 1)
        for number in range(8):
            save(f"more{number}", 2)
        for number in range(8):
            await serves(f"more{number}", 2)
        """,
    )
    assert running


def test_w4_without_instances_the_sweep_goes_on_and_health_says_so(
    hot_reload_dir: PluginDirectory,
) -> None:
    running, degraded, _ = run(
        hot_reload_dir,
        """
        limit("max_inotify_instances", 0)
        await watcher.start()
        save("first", 2)
        await serves("first", 2)
        await degraded("failed")
        """,
    )
    assert running
    assert degraded is not None
    assert "only the sweep finds edits" in degraded


def test_w4_without_descriptors_the_sweep_goes_on_and_health_says_so(
    hot_reload_dir: PluginDirectory,
) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("needs /proc/self/fd to know how many descriptors are open")
    running, degraded, _ = run(
        hot_reload_dir,
        """
        taken = max(map(int, os.listdir("/proc/self/fd")))
        # A file or two can be read; inotify needs more.
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken + 2, taken + 2))
        await watcher.start()
        save("first", 2)
        await serves("first", 2)
        await degraded("failed")
        """,
        own=False,
    )
    assert running
    assert degraded is not None
    assert "only the sweep finds edits" in degraded

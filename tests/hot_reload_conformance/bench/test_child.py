"""A script in a forked child: what it answers, and how it dies, in words."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from hot_reload_conformance.adapter import PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.child import Died, in_child
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter
from hot_reload_conformance.verdict import KitError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork, as POSIX has it")

MEBIBYTE = 2**20


async def run(
    script: Callable[[Case], Awaitable[dict[str, Any]]],
    workdir: Path,
    deadline_seconds: float = 10.0,
) -> dict[str, Any] | Died:
    return await in_child(
        BlueGreenAdapter,
        script,
        workdir,
        deadline_seconds=deadline_seconds,
        extra_memory_bytes=256 * MEBIBYTE,
    )


async def test_answer_of_a_case_in_the_child(tmp_path: Path) -> None:
    async def script(case: Case) -> dict[str, Any]:
        await case.loaded(PluginSpec())
        return {"pid": os.getpid(), "served": await case.replies()}

    answer = await run(script, tmp_path)
    assert not isinstance(answer, Died)
    assert answer["served"] == ["v1"]
    assert answer["pid"] != os.getpid()


async def test_child_that_exits_has_died(tmp_path: Path) -> None:
    async def script(_: Case) -> dict[str, Any]:
        os._exit(7)

    assert await run(script, tmp_path) == Died("its process ended with status 7")


async def test_child_that_crashes_has_died_of_the_signal(tmp_path: Path) -> None:
    async def script(_: Case) -> dict[str, Any]:
        os.kill(os.getpid(), signal.SIGSEGV)
        return {}

    assert await run(script, tmp_path) == Died(
        f"its process was killed by signal {signal.SIGSEGV.value} (SIGSEGV)"
    )


async def test_child_that_hangs_is_killed_with_what_it_started(tmp_path: Path) -> None:
    reading, writing = os.pipe()

    async def script(_: Case) -> dict[str, Any]:
        os.fork()  # both hold the pipe's writing end, and both hang
        while True:
            signal.pause()

    answer = await run(script, tmp_path, deadline_seconds=0.2)
    assert answer == Died("it did not come back within 0.2 s")
    os.close(writing)
    # The end of the pipe comes once every process that held it is gone.
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(reading, ended.set)
    async with asyncio.timeout(5):
        await ended.wait()
    asyncio.get_running_loop().remove_reader(reading)
    os.close(reading)


async def test_memory_of_the_child_is_bounded(tmp_path: Path) -> None:
    async def script(_: Case) -> dict[str, Any]:
        try:
            hoard = b"x" * (1024 * MEBIBYTE)
        except MemoryError:
            return {"had": 0}
        return {"had": len(hoard)}

    assert await run(script, tmp_path) == {"had": 0}


async def test_script_that_breaks_is_the_kits_fault(tmp_path: Path) -> None:
    async def script(_: Case) -> dict[str, Any]:
        raise ZeroDivisionError("in the script")

    with pytest.raises(KitError, match="in the child: ZeroDivisionError: in the script"):
        await run(script, tmp_path)

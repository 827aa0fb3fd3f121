"""How long a preflight takes beside a plain import of the same bytes.

    python tests/benchmarks/preflight.py

Prints medians; nothing is asserted, for the machine decides.
"""

from __future__ import annotations

import asyncio
import hashlib
import platform
import statistics
import time
from pathlib import Path

from hot_reload.source.code import CodeCache
from hot_reload.source.namespace import Namespace
from hot_reload.source.preflight import Preflight
from hot_reload.source.snapshot import SourceFile, SourceSnapshot

ROUNDS = 200
BODY = "    def handle_{0}(self, request):\n        return request, {0}\n\n"


def snapshot() -> SourceSnapshot:
    text = "class Counter:\n    version = '1.0'\n\n" + "".join(map(BODY.format, range(16)))
    data = text.encode()
    file = SourceFile(Path("/counter.py"), data, hashlib.sha256(data).hexdigest())
    return SourceSnapshot("counter", {"": file}, frozenset(), file.sha256)


def plain(taken: SourceSnapshot) -> float:
    began = time.perf_counter()
    namespace = Namespace(taken, 1, CodeCache())
    namespace.execute()
    seconds = time.perf_counter() - began
    namespace.release()
    return seconds


async def measure() -> None:
    taken, preflight = snapshot(), Preflight()
    began = time.perf_counter()
    await preflight.start()
    start_seconds = time.perf_counter() - began
    checks: list[float] = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        assert (await preflight.check(taken)).ok
        checks.append(time.perf_counter() - began)
    await preflight.close()
    imports = [plain(taken) for _ in range(ROUNDS)]
    print(f"Python {platform.python_version()} on {platform.machine()}, {ROUNDS} rounds")
    print(f"start of the zygote   {start_seconds * 1e3:8.2f} ms, once")
    print(f"preflight, median     {statistics.median(checks) * 1e3:8.2f} ms")
    print(f"preflight, worst      {max(checks) * 1e3:8.2f} ms")
    print(f"plain import, median  {statistics.median(imports) * 1e3:8.2f} ms")


if __name__ == "__main__":
    asyncio.run(measure())

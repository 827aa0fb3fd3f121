"""The audit log under limits of the operating system, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

CHILD = """
import asyncio, json, resource, sys
from pathlib import Path
from hot_reload import AuditLog, Engine, Health

LIMIT = 2_000


async def main(folder):
    plugin = folder / "counter.py"
    plugin.write_text("class Counter:\\n    version = '1'\\n    def handle(self, r): return 1\\n")
    async with Engine() as engine:
        audit = AuditLog(engine, folder / "audit.jsonl")
        health = Health(engine, audit=audit)
        await engine.load(plugin)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
        for _ in range(20):
            await engine.reload("counter")
        full = (folder / "audit.jsonl").stat().st_size
        during = health.report()
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        await engine.disable("counter")
        print(json.dumps({
            "full": full, "state": during.state.value, "reason": during.reasons[0],
            "pending": during.audit.pending, "after": health.report().state.value,
        }))
    audit.close()

asyncio.run(main(Path(sys.argv[1])))
"""


def test_f15_efbig_tears_one_line_and_loses_no_record(tmp_path: Path) -> None:
    """RLIMIT_FSIZE cuts a write in the middle: the nearest thing to a disk that runs full."""
    ended = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["full"] == 2_000  # the write was cut at the limit
    assert told["state"] == "degraded"
    assert told["reason"].startswith("audit: OSError")
    assert told["pending"] > 10
    assert told["after"] == "ok"
    whole, torn = [], []
    for line in (tmp_path / "audit.jsonl").read_text("utf-8").splitlines():
        try:
            whole.append(json.loads(line)["attempt"])
        except json.JSONDecodeError:
            torn.append(line)
    assert len(torn) == 1
    assert whole == list(range(1, 24))  # load, 20 reloads, disable, and the unload at the close

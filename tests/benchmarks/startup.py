"""What the pytest plugins of this project cost a run that does not use them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

from tests.benchmarks.table import Table

OFF = ("-p", "no:hot_reload_fixtures", "-p", "no:hot_reload_conformance")
MODULES = ("hot_reload_fixtures.pytest_plugin", "hot_reload_conformance.pytest_plugin")
IN_PROCESS = """
import pytest, time
began = time.process_time()
import {modules}
print(time.process_time() - began)
"""


def tables(scale: float = 1.0) -> list[Table]:
    rounds = max(3, int(20 * scale))
    imports, runs = [], {"without": [], "with": []}  # type: tuple[list[float], dict[str, list[float]]]
    code = IN_PROCESS.format(modules=", ".join(MODULES))
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds):
            imports.append(float(subprocess.check_output([sys.executable, "-c", code])))
            pairs = [("without", OFF), ("with", ())]
            for kind, options in pairs if number % 2 else pairs[::-1]:
                runs[kind].append(_collected(folder, options))
    without, together = (statistics.median(runs[kind]) * 1000 for kind in ("without", "with"))
    rows = [
        ["import of both, in the process", f"{statistics.median(imports) * 1000:.2f}", ""],
        ["pytest --co of nothing, without them", f"{without:.0f}", "1.00"],
        ["pytest --co of nothing, with them", f"{together:.0f}", f"{together / without:.2f}"],
    ]
    return [Table("Start of pytest, CPU", ("", "ms", "x without"), rows)]


def _collected(folder: str, options: tuple[str, ...]) -> float:
    before = os.times()
    command = [sys.executable, "-m", "pytest", "--co", "-q", *options]
    subprocess.run(
        command, cwd=folder, capture_output=True, check=False
    )  # 5: nothing was collected
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])

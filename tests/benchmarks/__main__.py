"""The benchmarks: ``python -m tests.benchmarks [reload] [events] [scale] [startup] [save]``.

Without a name it runs them all. It prints Markdown tables with medians and the ratios to
their floors; only the ratios are worth comparing between machines. Peers that are not
installed have a row that says how to install them: ``pip install -e '.[bench]'`` brings all.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

GROUPS = ("reload", "events", "scale", "startup", "save")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="group", help=", ".join(GROUPS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the usual rounds")
    given = parser.parse_args()
    unknown = [each for each in given.groups if each not in GROUPS]
    if unknown:
        parser.error(f"no group {unknown[0]!r}; there are {', '.join(GROUPS)}")
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        parser.error("unset PYTHONDONTWRITEBYTECODE first: it costs every start of Python extra")
    print(f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores\n")
    for name in given.groups or GROUPS:
        for table in importlib.import_module(f"tests.benchmarks.{name}").tables(given.scale):
            print(*table.lines(), sep="\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

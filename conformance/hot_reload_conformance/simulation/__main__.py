"""``python -m hot_reload_conformance.simulation MODULE:NAME [REPLAY]``: hunt, or replay.

NAME is an adapter's class, or a callable that gives contexts of subjects. Exit
status: 0 nothing was seen, 1 a failure, 2 no verdict.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.simulation.fitting import fits
from hot_reload_conformance.simulation.hunt import hunt, replay
from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; gives the exit status."""
    if arguments and arguments[0] in ("-h", "--help"):
        print(__doc__)
        return 0
    if not 1 <= len(arguments) <= 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        subject = _named(arguments[0])
        if len(arguments) == 2:
            run = replay(subject, arguments[1])
            print(run.describe())
            return 0 if run.failure is None else 1 if run.failure.judges else 2
    except (ImportError, AttributeError, ValueError) as error:
        print(f"{arguments}: {error}", file=sys.stderr)
        return 2
    is_host = isinstance(subject, type) and issubclass(subject, HostAdapter)
    scripts = [each for each in FIXED_SCRIPTS if not is_host or fits(subject, each)]
    result = hunt(subject, scripts)
    print(result.describe())
    return 1 if result.found else 2 if result.unknown or result.escaped else 0


def _named(dotted: str) -> Any:
    module, _, name = dotted.partition(":")
    if not name:
        raise ValueError(f"{dotted!r} names no subject: write module:Name")
    sys.path.insert(0, os.getcwd())
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Seeing when source is compiled, by Python's audit events: the only trace of a syntax error.

An audit hook cannot be taken away again, so there is one for the process, deaf but
while somebody listens.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def compiling(path: Path, heard: Callable[[], None]) -> Iterator[None]:
    """Call ``heard`` whenever this process compiles or parses something as the file ``path``."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)
    wanted = os.path.realpath(path)
    _listening[wanted] = heard
    try:
        yield
    finally:
        del _listening[wanted]


_listening: dict[str, Callable[[], None]] = {}
_installed = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _listening or event != "compile":
        return
    filename = arguments[1]
    if isinstance(filename, bytes):
        filename = os.fsdecode(filename)
    if isinstance(filename, str):
        heard = _listening.get(os.path.realpath(filename))
        if heard is not None:
            heard()

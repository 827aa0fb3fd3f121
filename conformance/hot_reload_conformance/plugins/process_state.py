"""Putting the process back as it was: what an impure plugin changed must reach no other check."""

from __future__ import annotations

import contextlib
import locale
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

from hot_reload_conformance.plugins.process_settings import ProcessSettings


@contextlib.contextmanager
def process_state_kept() -> Iterator[None]:
    """Restore environment, directory, paths, logging, warnings, locale, umask and signals,
    and what ``ProcessSettings`` looks at."""
    settings = ProcessSettings()
    environment, directory = dict(os.environ), os.getcwd()
    handlers = {logger: list(logger.handlers) for logger in _loggers()}
    level, disabled = logging.root.level, logging.root.manager.disable
    paths, finders, hooks = list(sys.path), list(sys.meta_path), list(sys.path_hooks)
    spoken = locale.setlocale(locale.LC_ALL)
    streams = sys.stdout, sys.stderr
    mask = _umask()
    signals = _signals()
    try:
        with warnings.catch_warnings():
            yield
    finally:
        settings.put_back()
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)
        os.chdir(directory)
        for logger in _loggers():
            logger.handlers[:] = handlers.get(logger, [])
        logging.root.setLevel(level)
        logging.disable(disabled)
        sys.path[:], sys.meta_path[:], sys.path_hooks[:] = paths, finders, hooks
        locale.setlocale(locale.LC_ALL, spoken)
        sys.stdout, sys.stderr = streams
        os.umask(mask)
        for number, handler in signals.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def _loggers() -> list[logging.Logger]:
    known = list(logging.root.manager.loggerDict.values())
    return [logging.root, *(each for each in known if isinstance(each, logging.Logger))]


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _signals() -> dict[int, Any]:
    """The handlers that Python code can set again: nowhere but in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    found = {number: signal.getsignal(number) for number in signal.valid_signals()}
    return {number: handler for number, handler in found.items() if handler is not None}

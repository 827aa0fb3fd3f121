"""The process is as it was."""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from pathlib import Path

from hot_reload_conformance.plugins.process_state import process_state_kept
from hot_reload_fixtures import Census


def test_everything_that_was_changed_is_put_back(tmp_path: Path) -> None:
    before = Census.take()
    with process_state_kept():
        os.environ["HOT_RELOAD_STATE"] = "1"
        os.environ.pop("PATH")
        os.chdir(tmp_path)
        os.umask(0o077)
        sys.path.append(str(tmp_path))
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger("somewhere").addHandler(logging.NullHandler())
        signal.signal(signal.SIGUSR1, lambda *_: None)
        warnings.simplefilter("ignore")
        assert Census.growth(before, Census.take()).differences
    growth = Census.growth(before, Census.take(), ignoring=lambda part, _: part == "logger")
    assert growth.identical, growth.describe()

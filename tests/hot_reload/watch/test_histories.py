"""Generated edit histories end serving the bytes on disk, or with an error that says why.

Many more of them: ``python tests/benchmarks/edit_histories.py --count 100000 --seed 1``.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from tests.hot_reload.watch.histories import (
    ACTS,
    BROKEN,
    COOLDOWNS,
    LIMITS,
    NAMES,
    PAUSES,
    TRIES,
    History,
    Step,
    pace,
)

from hot_reload_fixtures import SaveStyle

HISTORIES = int(os.environ.get("HOT_RELOAD_HISTORIES", "60"))
COMMAND = Path(__file__).parents[2] / "benchmarks" / "edit_histories.py"

steps = st.builds(
    Step,
    act=st.sampled_from(ACTS),
    name=st.sampled_from(NAMES),
    answer=st.integers(0, 5),
    style=st.sampled_from(SaveStyle),
    broken=st.sampled_from(BROKEN),
    hinted=st.booleans(),
    then_seconds=st.sampled_from(PAUSES),
)
paces = st.builds(
    pace,
    st.sampled_from(COOLDOWNS),
    st.sampled_from(LIMITS),
    st.sampled_from(TRIES),
    st.booleans(),
)


@given(history=st.builds(History, st.lists(steps, max_size=25), paces))
@settings(
    max_examples=HISTORIES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
def test_hr_watch_01_edit_histories_converge(
    open_scene: Callable[..., Any], history: History
) -> None:
    for step in history.steps:
        note(str(step))
    with asyncio.Runner() as runner:
        found = runner.run(history.live_through(open_scene))
    assert found.lost == ()
    assert found.violations == ()


def test_the_command_prints_its_figures() -> None:
    done = subprocess.run(
        [sys.executable, str(COMMAND), "--count", "15", "--seed", "7"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = dict(line.split(": ") for line in done.stdout.splitlines())
    assert figures["histories"] == "15"
    assert figures["lost edits"] == figures["violations"] == "0"
    assert int(figures["operations"]) > 15
    assert float(figures["longest time to converge, virtual seconds"]) > 0

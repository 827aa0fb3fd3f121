"""The cost of a plugin: how long one load and one reload of it takes on the reference engine.

One whose hooks take seconds is judged as a slow host is: in some variants of each check.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.stall import Stalls
from hot_reload_conformance.check import ONE, Check
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.contract.clauses import CONTRACT
from hot_reload_conformance.plugins.case import PluginCase, run_variant
from hot_reload_conformance.subject import PluginUnderTest
from hot_reload_conformance.verdict import CannotJudge, KitError, NotClaimed, Violation


async def _load_and_reload(case: PluginCase, _: Any) -> None:
    async with case.engine() as engine:
        await case.upgraded(engine, await case.loaded(engine))


_CHECK = Check(
    clause=CONTRACT["HR-PLUG-03"],
    kind=Kind.EXAMPLE,
    run=_load_and_reload,
    variants=lambda _: ONE,
    needs=frozenset(),
    deadline_seconds=40.0,
    order=-1,
)


def plugin_seconds(subject: PluginUnderTest, stalls: Stalls) -> float:
    """How long a case of one load and one reload takes. Never raises.

    One that has to be interrupted, which ``stalls`` learns, takes no time: it is not slow.
    """
    before, began = stalls.count, time.perf_counter()
    # What is wrong with it is the checks' to say.
    with contextlib.suppress(CannotJudge, KitError, NotClaimed, Violation):
        run_variant(subject, _CHECK, ONE[0], Budget(), stalls)
    return 0.0 if stalls.count > before else time.perf_counter() - began

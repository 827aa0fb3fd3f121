"""Several plugins held in one hook: whether they are in it at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.bench.hold import Hold
from hot_reload_conformance.bench.patience import patiently
from hot_reload_conformance.verdict import NotClaimed

BOUND_SECONDS = 1.0
"""How long the others are waited for; only a host that does not begin them makes it last."""


async def all_stand_in(
    case: Case, what: str, names: Sequence[str], operation: Coroutine[Any, Any, Any]
) -> set[str]:
    """Which of ``names`` stood in the hook ``what`` when no further one came, before any was
    let through; then the operation goes on to its end.

    Raises:
        NotClaimed: the host's hooks are synchronous.
    """
    holds = {name: Hold() for name in names}
    for name, hold in holds.items():
        case.recording.plan(what, hold, plugin=name)
    mark = case.recording.mark()
    running = asyncio.ensure_future(operation)
    arrivals = asyncio.gather(*(hold.gate.reached() for hold in holds.values()))
    try:
        await patiently({arrivals, running}, BOUND_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        stood = _before_any_ended(case, what, names, mark)
    finally:
        arrivals.cancel()
        for hold in holds.values():
            hold.open()
        await asyncio.wait({arrivals, running})
    if any(hold.refused for hold in holds.values()):
        raise NotClaimed("hooks that wait: the hooks of this host are synchronous")
    running.result()
    return stood


def _before_any_ended(case: Case, what: str, names: Sequence[str], mark: int) -> set[str]:
    """A hook that is held too long is given up, and the next one begins: that is too late."""
    stood: set[str] = set()
    for moment in case.recording.moments[mark:]:
        if moment.what == what and moment.plugin in names:
            if moment.phase != "begin":
                break
            stood.add(moment.plugin)
    return stood

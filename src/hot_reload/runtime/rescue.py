"""Rescue: what a sink still held when its last flush failed or hung.

A sink that buffers may have ``take_unwritten(self)``: it gives what it holds that was not
written, as a list in the order of arrival, and holds it no more. After a flush that did not
succeed the engine asks for it, before it stops the sink. So nothing is lost in silence:
the events go to the next generation, or are counted as dropped under the sink's name.
"""

from __future__ import annotations

from typing import Any

from hot_reload.errors import PluginFault
from hot_reload.outcome import Failure, Stage
from hot_reload.runtime.fault import failure_of
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.machinery import Machinery

METHOD = "take_unwritten"


async def rescue(machinery: Machinery, name: str, old: Generation) -> tuple[Failure, ...]:
    """Save what ``old``, which serves no more and whose flush failed, still holds.

    They come after what the next generation has got meanwhile: late, and not lost. Never
    raises for what the plugin does; it is told in the failures, with the numbers.
    """
    try:
        unwritten = await _taken(machinery, old)
    except PluginFault as fault:
        return (failure_of(Stage.FLUSH, fault),)
    if not unwritten:
        return ()
    taken = machinery.pipeline.deliver_again(name, unwritten)
    dropped = len(unwritten) - taken
    what = f"{taken} went to the next generation" if taken else f"{dropped} were dropped"
    return (
        Failure(
            stage=Stage.FLUSH,
            cause=f"{len(unwritten)} events were not written when the flush failed: {what}",
            hint="" if taken else f"they are counted in counts.dropped[{name!r}]",
        ),
    )


async def _taken(machinery: Machinery, old: Generation) -> list[Any]:
    method = getattr(old.plugin, METHOD, None)
    if not callable(method):
        return []
    answer = await machinery.hooks.call(METHOD, method, origin=old.origin)
    if not isinstance(answer, (list, tuple)):
        raise PluginFault(
            f"{METHOD}() gave {type(answer).__name__}, not a list of events",
            hint="return a list of the events that were not written, [] where there are none",
        )
    return list(answer)

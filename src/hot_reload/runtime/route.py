"""A route: the way through the stages of one view, written out as a function without a loop.

What an event costs besides the plugins' own work is mostly the loops over them. So the text
of a function is put together that has each stage on lines of its own, and compiled: once for
each shape, which is how many stages of each kind there are, since a swap keeps the shape. It
does what ``Dispatch`` does in loops, stage by stage; the same tests are run on both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

STAGES_LIMIT = 24
"""Of how many stages a route is written out; views with more are gone through in loops."""
SHAPES_KEPT = 128
FILE = "<a route"
"""What the file of a route's code is called begins with this."""


class Shape(NamedTuple):
    """How many stages of each kind; ``changes``: for each, whether it is a redactor."""

    filters: int
    changes: tuple[bool, ...]
    sinks: int

    @property
    def stages(self) -> int:
        return self.filters + len(self.changes) + self.sinks


@lru_cache(maxsize=SHAPES_KEPT)
def maker(shape: Shape) -> Callable[..., Callable[[Any], bool]]:
    """A function that makes the route of a view; its arguments are those of ``_MAKER``.

    ``again`` is called with an event that came as the view was replaced.
    """
    filters = [_FILTER.format(i=i) for i in range(shape.filters)]
    changes = [
        _CHANGE.format(i=i) + (_REDACTOR.format(i=i) if redacts else "")
        for i, redacts in enumerate(shape.changes)
    ]
    sinks = [_SINK.format(i=i) for i in range(shape.sinks)]
    text = _MAKER.format(
        filters="".join(f"(keep_name{i}, keep{i}), " for i in range(shape.filters)),
        changes="".join(f"(_, change_name{i}, change{i}), " for i in range(len(shape.changes))),
        sinks="".join(f"(sink_name{i}, sink{i}), " for i in range(shape.sinks)),
        stages="".join([*filters, *changes, *sinks]),
    )
    names: dict[str, Any] = {}
    exec(compile(text, f"{FILE} of {shape.stages} stages>", "exec", dont_inherit=True), names)
    made: Callable[..., Callable[[Any], bool]] = names["make"]
    return made


_MAKER = """\
def make(dispatch, view, again, no_answer, unrun, complaint):
    ({filters}) = view.filters
    ({changes}) = view.changes
    ({sinks}) = view.sinks
    marks, append, pop = view.marks, view.marks.append, view.marks.pop
    counts, accept = dispatch.counts, dispatch.counts.accept
    step_failed, sink_failed = dispatch.step_failed, dispatch.sink_failed

    def emit(event):
        append(None)
        if dispatch.view is not view:
            view.leave()
            return again(event)
        try:
            accept()
            interrupt = None
{stages}
            if interrupt is not None:
                raise interrupt
            return True
        finally:
            pop()
            if view.on_idle is not None and not marks:
                view.on_idle()

    return emit
"""
_FILTER = """
            try:
                passes = keep{i}(event)
                if passes is not True:
                    if type(passes) in no_answer:
                        raise complaint(passes)
                    passes = bool(passes)
            except BaseException as error:
                step_failed(keep_name{i}, error)
            else:
                if not passes:
                    counts.filter(keep_name{i})
                    return True
"""
_CHANGE = """
            try:
                changed = change{i}(event)
                if changed is not event and (changed is None or type(changed) in no_answer):
                    raise complaint(changed)
                event = changed
            except BaseException as error:
                step_failed(change_name{i}, error)
"""
_REDACTOR = """\
                counts.drop(change_name{i})
                return True
"""
_SINK = """
            try:
                answer = sink{i}(event)
                if answer is not None and type(answer) in unrun:
                    raise complaint(answer)
            except BaseException as error:
                sink_failed(sink_name{i}, sink{i}, error, view)
                if isinstance(error, KeyboardInterrupt):
                    interrupt = error
"""

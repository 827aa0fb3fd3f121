"""The stages of a reload, and how the kit makes one fail there.

``stages(MyAdapter)`` gives a variant for every way in which a reload of that host
can fail; each variant's value is a ``Fault``::

    @check("HR-ROLL-01", variants=stages)
    async def old_keeps_serving(case, fault):
        running = plain(case)
        await case.loaded(running)
        reply = await fault.strike(case, running.at("v2"))    # write, plan, reload
        ...

The faults of a stage that the adapter does not list in ``stages`` are left out,
those of the state hooks need ``Claim.STATE``, hangs need ``Claim.TIMEOUTS``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance import probe
from hot_reload_conformance.adapter import ALL_STAGES, Claim, HostAdapter, PluginSpec
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.check import Variant
from hot_reload_conformance.checks.fault import Arranged, Fault, Kind
from hot_reload_conformance.checks.hang import Hang, hang
from hot_reload_conformance.planned import (
    Action,
    PlannedBase,
    PlannedCancel,
    PlannedError,
    PlannedExit,
    PlannedInterrupt,
    raising,
)
from hot_reload_conformance.verdict import NotClaimed

STATE_STAGES = frozenset({"get_reload_state", "set_reload_state"})
CAUSE = "planned fault 4711"
"""The text of every exception that a fault raises: the original cause, to be found again."""


class Unprintable(Exception):
    """An ordinary exception that raises when it is put into words."""

    def __str__(self) -> str:
        raise RuntimeError("the __str__ of a plugin's exception raises")

    __repr__ = __str__


KINDS: tuple[Kind, ...] = (
    PlannedError,
    PlannedExit,
    PlannedInterrupt,
    PlannedCancel,
    PlannedBase,
)
"""What a plugin can raise: an ordinary exception, then those that no ``Exception`` is."""
TWO_KINDS: tuple[Kind, ...] = (PlannedError, PlannedBase)
"""An ordinary exception and one of the others: for checks that are not about the kind."""


def plain(case: Case, version: str = "v1", **changes: Any) -> PluginSpec:
    """The plugin to run before the fault: with the state hooks where the host has them."""
    return PluginSpec(version=version, state=Claim.STATE in case.claims, **changes)


def stages(
    adapter: type[HostAdapter], *, kinds: Sequence[Kind] = KINDS, hangs: bool = True
) -> tuple[Variant, ...]:
    """A variant for each fault that ``adapter``'s host can meet; the values are ``Fault``."""
    return tuple(
        Variant(fault.name, fault)
        for fault in faults(kinds)
        if fault.stage in adapter.stages
        and (fault.stage not in STATE_STAGES or Claim.STATE in adapter.claims)
        and (not fault.hangs or (hangs and Claim.TIMEOUTS in adapter.claims))
    )


def few(adapter: type[HostAdapter]) -> tuple[Variant, ...]:
    """The same with two kinds of exceptions and no hangs: for what the kind can't matter to."""
    return stages(adapter, kinds=TWO_KINDS, hangs=False)


def few_and_a_hang(adapter: type[HostAdapter]) -> tuple[Variant, ...]:
    """``few``, and the worst of the hangs: each hang costs its deadline in real time."""
    hangs = stages(adapter, kinds=())
    return (*few(adapter), *(each for each in hangs if each.value == WORST_HANG))


def good_and_failing(adapter: type[HostAdapter]) -> tuple[Variant, ...]:
    """A reload that succeeds, whose value is None, and the faults of ``few``."""
    return (Variant("a good reload"), *few(adapter))


def faults(kinds: Sequence[Kind] = KINDS) -> tuple[Fault, ...]:
    """Every fault of the table, in the order of the stages."""
    found = [*_FILE_FAULTS]
    for kind in kinds:
        found += [
            _raising("import", kind),
            _raising("import", kind, late=True),
            _raising("construct", kind),
            _raising("setup", kind),
            _raising("start", kind),
            _raising("start", kind, late=True),
            _raising("get_reload_state", kind),
            _raising("set_reload_state", kind),
            _raising("health_check", kind),
            _raising("on_reload", kind),
        ]
    found += [
        Fault(
            stage="start",
            how="raises an exception that cannot be printed",
            kind=Unprintable,
            put=_planned("start", raising(Unprintable)),
        ),
        Fault(stage="health_check", how="says no", put=_unhealthy),
        _hanging("start", swallows=False),
        WORST_HANG,
        _hanging("health_check", swallows=False),
        _hanging("on_reload", swallows=True),
    ]
    return tuple(sorted(found, key=lambda fault: ALL_STAGES.index(fault.stage)))


# What is in the file


def _on_disk(change: Callable[[Path], None], how: str) -> Callable[..., None]:
    """Write the plugin well, then do ``change`` to its main file, with its mtime kept."""

    def put(case: Case, spec: PluginSpec, arranged: Arranged) -> None:
        main = next(iter(case.write(spec).values()))
        stamp = main.stat().st_mtime_ns
        change(main)
        if main.is_file():
            os.utime(main, ns=(stamp, stamp))
        case.tell(f"then {how}")
        arranged.fired = True

    return put


def _to_directory(main: Path) -> None:
    main.unlink()
    main.mkdir()


def _to_dangling_link(main: Path) -> None:
    main.unlink()
    main.symlink_to(main.with_name("nowhere"))


def _append(more: bytes) -> Callable[[Path], object]:
    return lambda main: main.write_bytes(main.read_bytes() + more)


def _file_fault(stage: str, how: str, change: Callable[[Path], object], *cause: str) -> Fault:
    def changed(main: Path) -> None:
        change(main)

    return Fault(stage=stage, how=how, put=_on_disk(changed, how), cause=cause)


def _rendered(**changes: Any) -> Callable[..., None]:
    """Write the plugin as ``render`` spoils it, if ``render`` knows how."""

    def put(case: Case, spec: PluginSpec, arranged: Arranged) -> None:
        spoiled = spec.at(spec.version, **changes)
        words = ", ".join(f"{key}={value!r}" for key, value in changes.items())
        if dict(case.adapter.render(spoiled)) == dict(case.adapter.render(spec)):
            raise NotClaimed(
                f"the adapter's render() gives the same text for {words}: have it render that, "
                f"or drop {arranged.fault.stage!r} from the stages"
            )
        case.write(spoiled)
        case.tell(f"written with {words}")
        arranged.fired = True

    return put


_GONE = (
    *("no such", "not found", "or found", "missing", "does not exist", "cannot read"),
    *("deleted", "gone"),
)
_EMPTY = (
    *("empty", "no ", "none", "nothing", "not found", "missing", "without", "lacks", "0 "),
    *("does not", "doesn't", "has not", "expected"),
)
_FILE_FAULTS: tuple[Fault, ...] = (
    _file_fault("read", "the file is deleted", lambda main: main.unlink(), *_GONE, "no file"),
    _file_fault(
        "read", "a directory stands in its place", _to_directory, "directory", "regular", *_GONE
    ),
    _file_fault("read", "the file is empty", lambda main: main.write_bytes(b""), *_EMPTY),
    _file_fault(
        "read", "a dangling link stands in its place", _to_dangling_link, "link", "regular", *_GONE
    ),
    _file_fault("syntax", "the text is broken", _append(b"\ndef broken(:\n"), "syntax"),
    _file_fault("syntax", "a NUL byte in the text", _append(b"\nbroken = '\0'\n"), "null"),
    _file_fault(
        "syntax", "bytes that are no UTF-8", _append(b"\nbroken = '\xff'\n"), "utf-8", "decode"
    ),
    _file_fault("plugin", "no plugin in the module", lambda main: main.write_bytes(b"A = 1\n")),
    Fault(stage="plugin", how="two plugins in the module", put=_rendered(copies=2)),
    Fault(stage="metadata", how="they are spoiled", put=_rendered(metadata=False)),
)


# What the plugin does


def _planned(what: str, action: Action) -> Callable[..., None]:
    """Write the plugin well, and plan ``action`` for the moment ``what``."""

    def put(case: Case, spec: PluginSpec, arranged: Arranged) -> None:
        case.write(spec)
        _plan(case, spec, arranged, what, action)

    return put


def _plan(case: Case, spec: PluginSpec, arranged: Arranged, what: str, action: Action) -> None:
    def noted(at: probe.Probe) -> Any:
        arranged.fired = True
        return action(at)

    # The state is read from the old generation, whatever its version is.
    version = None if arranged.fault.stage == "get_reload_state" else spec.version
    case.recording.plan(what, noted, plugin=spec.name, version=version)
    case.tell(f"plan for {spec.name} {version or '(old)'}: {arranged.fault.name}")


def _raising(stage: str, kind: Kind, *, late: bool = False) -> Fault:
    base = kind if kind is PlannedBase else kind.__bases__[0]
    raised = "an exception" if kind is PlannedError else base.__name__
    if kind is PlannedBase:
        raised = "a bare BaseException"
    action = raising(kind, CAUSE)
    if stage == "import" and late:
        put = _at_the_end(action)
    else:
        put = _planned(f"{stage}:end" if late else stage, action)
    return Fault(
        stage=stage,
        how=f"raises {raised}{' at its end' if late else ''}",
        kind=kind,
        put=put,
        cause=(CAUSE,),
    )


def _at_the_end(action: Action) -> Callable[..., None]:
    """Plan ``action`` for the last line of the module, when all of its names are bound."""

    def put(case: Case, spec: PluginSpec, arranged: Arranged) -> None:
        line = (
            "\n__import__('hot_reload_conformance.probe', fromlist=['reach'])"
            f".reach({spec.name!r}, {spec.version!r}, 'import-end')\n"
        )
        case.spoil(spec, lambda text: text + line, "with a fault in its last line")
        _plan(case, spec, arranged, "import-end", action)

    return put


def _unhealthy(case: Case, spec: PluginSpec, arranged: Arranged) -> None:
    case.write(spec)
    key = (spec.name, spec.version)
    case.recording.health[key] = False
    arranged._undo.append(lambda: case.recording.health.pop(key, None))
    _plan(case, spec, arranged, "health_check", lambda _: None)


def _hanging(stage: str, *, swallows: bool) -> Fault:
    def put(case: Case, spec: PluginSpec, arranged: Arranged) -> None:
        def undrivable() -> None:
            arranged.undrivable = True

        def action(at: probe.Probe) -> Hang:
            return hang(at, swallows=swallows, undrivable=undrivable)

        case.write(spec)
        _plan(case, spec, arranged, stage, action)

    return Fault(
        stage=stage,
        how="hangs and swallows its cancellation" if swallows else "hangs",
        put=put,
        cause=("time", "deadline", "end within", "hang", "hung", "took longer", "too long"),
        hangs=True,
    )


WORST_HANG = _hanging("start", swallows=True)

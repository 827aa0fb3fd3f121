"""The clauses that simulations judge: in which scripts, and by which kinds of failure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from hot_reload_conformance.adapter import Claim
from hot_reload_conformance.simulation import accounts, aftermath, invariants, lives
from hot_reload_conformance.simulation.cast import SINKS, STAGES
from hot_reload_conformance.simulation.failure import CRASH, DEADLOCK, LEFTOVER, LIVELOCK
from hot_reload_conformance.simulation.oracle import CANCEL, FAULT
from hot_reload_conformance.simulation.script import Op, Script

Choice = Callable[[Script], bool]
STUCK = (DEADLOCK, LIVELOCK)
FAILED_RELOAD = "reload failed"
CANCELLED_RELOAD = "reload cancelled"


@dataclass(frozen=True, slots=True)
class Judged:
    """What is asked about one clause."""

    kinds: Collection[str]
    """The kinds of failure that break it: invariants, and what the loop itself reports."""
    scripts: Choice
    """The scripts in which they do."""
    needs: Collection[Claim] = ()
    """Beyond the clause's own claims."""
    fact: str = ""
    """What must have come to pass for anything to be verified: ``reload failed``."""
    overlap: bool = False
    """Whether it speaks of what overlaps alone: what breaks one by one too is not its matter."""

    def about(self, kind: str, script: Script) -> bool:
        """Whether a failure of that kind in that script breaks the clause."""
        return kind in self.kinds and self.scripts(script)


def _is_open(script: Script, *kinds: str) -> bool:
    return any(kind in script.kinds for kind in kinds)


def _verbs(script: Script) -> set[str]:
    return {op.verb for op in script.operations}


def _does(*verbs: str) -> Choice:
    return lambda script: _verbs(script) >= set(verbs)


def _on_sinks(*verbs: str) -> Choice:
    """Sinks are operated on by one of ``verbs``, and an event comes."""

    def chosen(script: Script) -> bool:
        sinks = {op.verb for op in script.operations if op.name in SINKS}
        return bool(sinks & set(verbs)) and bool(_verbs(script) & {"emit", "flood"})

    return chosen


def _cancels(script: Script) -> bool:
    return _is_open(script, CANCEL) or "cancel" in _verbs(script)


def _fails(script: Script) -> bool:
    bad = any(set("!~") & set(op.value) for op in script.operations)
    return "reload" in _verbs(script) and (bad or _is_open(script, FAULT))


def _swaps(script: Script) -> bool:
    plain = not _fails(script) and not _cancels(script)
    return plain and "reload" in _verbs(script) and "close" not in _verbs(script)


def _swaps_under_calls(script: Script) -> bool:
    return _swaps(script) and bool(_verbs(script) & {"call", "add"})


def _calls(script: Script) -> bool:
    return _does("reload", "call")(script) and "close" not in _verbs(script)


def _plain_order(script: Script) -> bool:
    """Neither mishaps, nor what other clauses speak of."""
    return not _cancels(script) and not _is_open(script, FAULT) and "close" not in _verbs(script)


def _overlapping_reloads(script: Script) -> bool:
    names = [op.name for op in script.operations if op.verb == "reload"]
    return len(names) > len(set(names)) and not _cancels(script)


def _overtaken(script: Script) -> bool:
    names = [op.name for op in script.operations if op.verb == "reload"]
    return _cancels(script) and len(names) > len(set(names))


def _hangs(script: Script) -> bool:
    return any("~" in op.value for op in script.operations)


def _asks_back(script: Script) -> bool:
    return any("^" in op.value for op in script.operations)


def _last_goes(script: Script) -> bool:
    """One sink is there, and operations might take it away."""
    given = [op for op in script.given if op.name in SINKS]
    return len(given) == 1 and any(op.name in SINKS for op in script.operations)


def _sinks_race(script: Script) -> bool:
    out = [op for op in script.operations if op.name in SINKS and op.verb in ("unload", "disable")]
    return len(out) > 1


def _siblings(script: Script) -> bool:
    given = {op.name for op in script.given if op.name in SINKS}
    moved = {op.name for op in script.operations if op.name in SINKS}
    return bool(given - moved) and bool(moved) and bool(_verbs(script) & {"emit", "flood"})


def _has(*names: str) -> Choice:
    def chosen(script: Script) -> bool:
        ops: tuple[Op, ...] = (*script.given, *script.operations)
        return any(op.name in names for op in ops)

    return chosen


def _hanging_flush(script: Script) -> bool:
    return any("~flush" in op.value for op in (*script.given, *script.operations))


_EVENTS = _on_sinks("reload", "load", "unload")
_ATTEMPTS = ("reload", "unload", "load", "enable", "disable")
_HOOKED = (Claim.RELOAD, Claim.HOOKS)

JUDGED: dict[str, Judged] = {
    "HR-SWAP-05": Judged((lives.START_BEFORE_STOP,), _swaps, _HOOKED, "reload ok"),
    "HR-SWAP-06": Judged(
        (invariants.NO_GAP, invariants.ONE_GENERATION), _calls, (Claim.RELOAD,), "call ok"
    ),
    "HR-SWAP-07": Judged((lives.HOOK_ORDER,), _swaps, (Claim.RELOAD,), "reload ok"),
    "HR-SWAP-10": Judged((lives.IN_FLIGHT,), _swaps_under_calls, _HOOKED, "reload ok"),
    "HR-ROLL-01": Judged(
        (invariants.SERIAL, aftermath.SAME_OBJECT), _fails, (Claim.HOOKS,), FAILED_RELOAD
    ),
    "HR-ROLL-03": Judged((invariants.LEFT_RUNNING,), _fails, (Claim.RELOAD,), FAILED_RELOAD),
    "HR-STATE-02": Judged(
        (invariants.SERIAL,), _does("reload", "add"), (Claim.RELOAD,), "reload ok"
    ),
    "HR-FLOW-01": Judged((invariants.NO_LOSS,), _EVENTS, (Claim.RELOAD,), "emit ok"),
    "HR-FLOW-02": Judged((invariants.NO_DUPLICATE,), _EVENTS, (Claim.RELOAD,), "emit ok"),
    "HR-FLOW-03": Judged((accounts.ORDER,), _EVENTS, (Claim.RELOAD,), "emit ok"),
    "HR-FLOW-04": Judged((lives.FLUSH,), _EVENTS, _HOOKED, "emit ok"),
    "HR-FLOW-05": Judged((lives.LIFETIME,), _EVENTS, _HOOKED, "emit ok"),
    "HR-FLOW-06": Judged((invariants.NO_LOSS,), _on_sinks("load"), (), "load ok"),
    "HR-FLOW-07": Judged(
        (accounts.AFTER_REMOVAL,), _on_sinks("unload"), (Claim.UNLOAD,), "unload ok"
    ),
    "HR-FLOW-08": Judged((accounts.SIBLING,), _siblings, (), "emit ok"),
    "HR-FLOW-09": Judged(
        (*STUCK, invariants.NO_LOSS), _hanging_flush, (Claim.RELOAD, Claim.HOOKS), "reload ok"
    ),
    "HR-FLOW-10": Judged(
        (*STUCK, aftermath.DRAIN_ENDS), _does("reload", "flood"), (Claim.RELOAD,), "reload ok"
    ),
    "HR-FLOW-11": Judged(
        (accounts.STAGES_AGREE, accounts.REDACTED),
        _has(*STAGES),
        (Claim.RELOAD, Claim.SINKS),
        "emit ok",
    ),
    "HR-GUARD-01": Judged((invariants.LAST_SINK,), _last_goes, (), "emit ok"),
    "HR-GUARD-02": Judged((invariants.LAST_SINK,), _sinks_race, (), "unload ok"),
    "HR-DEPS-04": Judged(
        (aftermath.CASCADE, invariants.SERIAL), _has("d"), (Claim.RELOAD, Claim.HOOKS), "reload ok"
    ),
    "HR-OBS-01": Judged((aftermath.IN_PROGRESS,), _does("reload"), (Claim.RELOAD,), "reload ok"),
    "HR-OBS-03": Judged(
        (invariants.ONE_END,), lambda s: bool(_verbs(s) & set(_ATTEMPTS)), (Claim.RELOAD,)
    ),
    "HR-RACE-01": Judged(
        (
            *STUCK,
            CRASH,
            LEFTOVER,
            invariants.SERIAL,
            invariants.NEXT_OPERATION,
            invariants.NO_GAP,
            invariants.LEFT_RUNNING,
        ),
        _cancels,
        (Claim.RELOAD,),
        CANCELLED_RELOAD,
    ),
    "HR-RACE-02": Judged(
        (*STUCK, invariants.SERIAL, invariants.ONE_GENERATION, invariants.ONCE),
        _plain_order,
        (),
        "reload ok",
        overlap=True,
    ),
    "HR-RACE-03": Judged(
        (invariants.SERIAL, invariants.ONE_GENERATION),
        _overlapping_reloads,
        (),
        "reload ok",
        overlap=True,
    ),
    "HR-RACE-04": Judged((*STUCK, aftermath.INDEPENDENT), _hangs, (), FAILED_RELOAD),
    "HR-RACE-05": Judged((*STUCK, invariants.NO_CIRCLE), _asks_back, (), "reload ok"),
    "HR-RACE-06": Judged(
        (*STUCK, LEFTOVER, invariants.LEFT_RUNNING), _does("close"), (), "close ok"
    ),
    "HR-RACE-07": Judged(
        (invariants.SERIAL, invariants.ONE_GENERATION),
        _overtaken,
        (Claim.RELOAD,),
        CANCELLED_RELOAD,
    ),
}
"""By the code of the clause."""

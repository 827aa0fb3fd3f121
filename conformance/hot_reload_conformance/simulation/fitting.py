"""Fitting: whether a host can be asked to do what a script says, by its claims and stages."""

from __future__ import annotations

import re
from collections.abc import Collection

from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.simulation.cast import claims_of
from hot_reload_conformance.simulation.oracle import CANCEL
from hot_reload_conformance.simulation.script import Script

VERSION = re.compile(r"(?P<good>\w+)(?:(?P<how>[!~^])(?P<stage>\w+))?")
LAST_HOOKS = ("flush", "stop", "teardown")
"""What is planned there concerns the end of a generation, not its beginning."""
_NEEDS: dict[str, frozenset[Claim]] = {
    "reload": frozenset({Claim.RELOAD}),
    "unload": frozenset({Claim.UNLOAD}),
    "enable": frozenset({Claim.ENABLE}),
    "disable": frozenset({Claim.ENABLE}),
    "emit": frozenset({Claim.SINKS}),
    "cancel": frozenset({Claim.CANCEL}),
    "add": frozenset({Claim.STATE}),
    "flood": frozenset({Claim.SINKS}),
    "spoil": frozenset({Claim.HOOKS, Claim.ROLLBACK_CASCADE}),
}


def fits(adapter: type[HostAdapter], script: Script) -> bool:
    """Whether a host with its claims and stages can be asked to do all of ``script``."""
    return needed_claims(script) <= adapter.claims and needed_stages(script) <= {*adapter.stages}


def refuse_unfit(adapter: type[HostAdapter], script: Script, verbs: Collection[str]) -> None:
    """A script that somebody wrote for this host, and that cannot be done, is his mistake.

    Raises:
        ValueError: an operation is none of ``verbs``, or asks for more than is claimed.
    """
    for op in (*script.given, *script.operations):
        if op.verb not in verbs:
            raise ValueError(
                f"in the script {str(script)!r}, {str(op)!r}: no operation {op.verb!r}; "
                f"known: {', '.join(verbs)}"
            )
    claims = sorted(each.value for each in needed_claims(script) - adapter.claims)
    stages = sorted(needed_stages(script) - {*adapter.stages})
    if claims or stages:
        lacks = (
            f"{adapter.__name__} does not claim: {', '.join(claims)}"
            if claims
            else f"{adapter.__name__} has no stage: {', '.join(stages)}"
        )
        raise ValueError(
            f"the script {str(script)!r} asks for what {lacks}. Leave that out of the script, or "
            "add it to the adapter, where the host has it"
        )


def needed_claims(script: Script) -> frozenset[Claim]:
    """What a host claims so that it can be asked to do all of ``script``."""
    ops = (*script.given, *script.operations)
    needed = frozenset().union(*(_NEEDS.get(op.verb, frozenset()) for op in ops))
    needed = needed.union(*(claims_of(op.name) for op in ops))
    if any("~" in op.value or "^" in op.value for op in ops):
        needed |= {Claim.TIMEOUTS, Claim.HOOKS}
    if any("^" in op.value for op in ops):
        needed |= {Claim.BLUE_GREEN}  # others may come to a declared FAILED state
    if any("!" in op.value for op in ops):
        needed |= {Claim.HOOKS}
    if CANCEL in script.kinds:
        needed |= {Claim.CANCEL}
    return needed


def needed_stages(script: Script) -> frozenset[str]:
    """Where a load fails in ``script``: a host that has no such stage would say that it is well."""
    found = (VERSION.fullmatch(op.value) for op in (*script.given, *script.operations))
    return frozenset(
        each["stage"]
        for each in found
        if each and each["how"] in ("!", "~") and each["stage"] not in LAST_HOOKS
    )

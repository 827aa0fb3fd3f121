"""The cast: who plays in scripts, told apart by their names."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from hot_reload_conformance.adapter import Claim, PluginSpec

STATEFUL = frozenset({"a", "s"})
"""With a state, where the host carries one."""
SINKS = frozenset({"s", "t", "u", "w"})
"""``w`` is one whose write is a coroutine, where the host has such."""
STAGES = frozenset({"r"})
"""An enricher and a redactor in one plugin."""
STOP_FIRST = frozenset({"x"})
"""Holds something exclusive, so that its old generation stops first."""
DEPENDENT = {"d": "b"}
"""Plugins that need another one, and which."""

NEVER_LOADED = "stranger.v1"
"""A version of a plugin that no script of the kit's names."""

SECRET = "secret"
"""What events hold until a redactor has seen them."""

_CLAIMS: tuple[tuple[Iterable[str], Claim], ...] = (
    (SINKS, Claim.SINKS),
    (STAGES, Claim.STAGES),
    (STOP_FIRST, Claim.STOP_FIRST),
    (DEPENDENT, Claim.DEPENDENCIES),
)


def claims_of(name: str) -> frozenset[Claim]:
    """What a host claims so that ``name`` can play in it."""
    return frozenset(claim for names, claim in _CLAIMS if name in names)


def answers(name: str) -> bool:
    """Whether ``name`` has a handler that answers calls; a stage may have one, or not."""
    return name not in SINKS and name not in STAGES


def stops_first(name: str, claims: frozenset[Claim]) -> bool:
    """Whether a host with these claims stops the old generation of ``name`` before the new one
    starts."""
    if Claim.STOP_FIRST not in claims:
        return False
    return name in STOP_FIRST or Claim.BLUE_GREEN not in claims


@functools.lru_cache(maxsize=256)
def spec(name: str, version: str, *, state: bool) -> PluginSpec:
    """The plugin ``name``, whose probe reports the whole ``version``: ``a.v1``."""
    return PluginSpec(
        name=name,
        version=version,
        sink=name in SINKS,
        awaits=name == "w",
        state=state,
        roles=("enricher", "redactor") if name in STAGES else (),
        stop_first=name in STOP_FIRST,
        dependencies=(DEPENDENT[name],) if name in DEPENDENT else (),
    )

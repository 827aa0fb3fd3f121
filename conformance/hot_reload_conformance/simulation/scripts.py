"""Fixed scripts: operations that overlap in the ways in which hosts get it wrong."""

from __future__ import annotations

from hot_reload_conformance.simulation.script import Script

_LINES: tuple[str, ...] = (
    "load a v1 | reload a v2; call",
    "load a v1 | reload a v2; reload a v3",
    "load a v1 | reload a v2; unload a",
    "load a v1 | reload a v2!start; call; reload a v3",
    "load a v1 | reload a v2!health_check; unload a",
    "load a v1 | reload a v2; add; add",
    "load a v1 | reload a v2!on_reload; add",
    "load a v1; load b v1 | reload a v2~start; reload b v2; call",
    "load a v1; load b v1 | reload a v2; reload b v2; call",
    "load a v1 | reload a v2; disable a; enable a",
    "load b v1 | load a v1; load a v2; unload a",
    "load s v1; load t v1 | unload s; unload t",
    "load s v1; load t v1 | unload s; disable t; emit",
    "load s v1; load t v1; load u v1 | unload s; disable s",
    "load s v1 | reload s v2; emit; emit",
    "load s v1 | reload s v2!health_check; emit; emit",
    "load a v1 | reload a v2 {schedule,latency,cancel}",
    "load a v1 | reload a v2; reload a v3; cancel a",
    "load s v1; load t v1 | reload s v2; unload t; emit {schedule,latency,cancel}",
    "load a v1 | reload a v2; call {schedule,latency,fault}",
    "load a v1 | reload a v2; close",
)

FIXED_SCRIPTS: tuple[Script, ...] = tuple(map(Script.parse, _LINES))
"""Short enough to go through every run with one deviation, and many with two."""

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
    "load a v1; load s v1 | reload s v2; unload a; close",
    "load a v1; load b v1 | reload a v2^start; reload b v2^start",
    "load a v1; load b v1; write b v2^start | reload a v2^start",
    "load a v1; load b v1 | reload a v2; unload b {schedule,latency,cancel}",
    "load s v1 | reload s v2; unload s; disable s; emit",
    "load s v1; load t v1 | load u v1; emit p1 3; emit p2 3",
    "load s v1; load t v1 | unload t; emit p1 3; emit p2 3",
    "load s v1; load t v1 | reload s v2!start; emit p1 3",
    "load s v1; load w v1 | reload w v2; emit p1 4; emit p2 4",
    "load s v1~flush | reload s v2; emit p1 3",
    "load s v1; load t v1 | reload s v2; flood",
    "load s v1; load r v1 | reload r v2; emit p1 3; emit p2 3",
    "load s v1; load r v1 | reload r v2!start; reload s v2; emit p1 3",
    "load x v1; load b v1 | reload x v2; call; reload b v2",
    "load x v1 | reload x v2!start; reload x v3; unload x",
    "load b v1; load d v1 | reload b v2; call; reload d v2",
    "load b v1; load d v1; spoil d start | reload b v2; call",
)

FIXED_SCRIPTS: tuple[Script, ...] = tuple(map(Script.parse, _LINES))
"""Short enough to go through every run with one deviation, and many with two."""

"""The scripts of the trials, and the transitions that have to be taken in them."""

from __future__ import annotations

_FAILURES = (
    "load a v1; edit a v2; reload a; reload a v3 fault=on_reload:raises-an-exception; "
    "reload a v4 fault=health_check:says-no; edit a v5; reload a; "
    "reload a v6 fault=set_reload_state:raises-an-exception; "
    "reload a v7 fault=start:raises-a-bare-BaseException; "
    "reload a v8 fault=read:the-file-is-empty; disable a; "
    "reload a v9 fault=on_reload:raises-an-exception; enable a; cancel a v10; "
    "reload a v11 fault=start:raises-an-exception-at-its-end; edit a v12; reload a; "
    "add_sink s v13; add_sink t v14; reload s v15 fault=start:raises-an-exception; "
    "reload s v16 fault=on_reload:raises-a-bare-BaseException; edit s v17; reload s"
)
_TWICE = (
    "load a v1; edit a v2; reload a; reload a v3 fault=?+stop; reload a v4 fault=?+stop; "
    "reload a v5 fault=?; edit a v6; reload a; disable a; reload a v7 fault=?+stop; enable a; "
    "reload a v8 fault=on_reload:raises-an-exception+stop; edit a v9; reload a; add_sink s v10; "
    "reload s v11 fault=?+stop; edit s v12; reload s; cancel a v13; reload a v14 fault=?+stop"
)

CORE_SEEDS: dict[str, tuple[str, ...]] = {
    "HR-LOAD-05": (
        "load a v1; again a v2; load b v3; again b v4; reload b; reload a v5 fault=?; again a v6; "
        "again a v7; edit a v8; reload a; again a v9; unload b; load b v10; again b v11; "
        "disable b; enable b; again b v12; cancel a v13; again a v14",
    ),
    "HR-LOAD-06": (
        "load a v1; load b v2; disable a; unload a; load a v3; reload a v4 fault=?; unload a; "
        "load a v5; edit a v6; reload a; reload a; unload a; cancel b v7; unload b; load b v8; "
        "disable b; edit b v9; reload b; unload b; load b v10; add_sink s v11; add_sink t v12; "
        "reload s v13 fault=?; unload s; add_sink s v14; edit s v15; reload s; remove_sink s",
    ),
    "HR-LOAD-07": (
        "stray a reload; load a v1; stray b unload; load b v2; reload b v3 fault=?; edit b v4; "
        "reload b; disable b; enable b; unload b; stray b enable; stray b disable; stray b reload; "
        "stray b unload; load b v5; unload b; stray b unload; stray b reload; edit a v6; reload a",
    ),
    # The failure comes late, and the neighbour has swapped by then.
    "HR-RACE-02": (
        "load a v1; load b v2; edit b v3; "
        "together reload b & reload a v4 fault=health_check:says-no; edit a v5; reload a; "
        "edit b v6; together reload a v7 fault=on_reload:raises-an-exception & reload b; "
        "edit a v8; reload a",
    ),
    "HR-ROLL-02": (_FAILURES,),
    "HR-ROLL-03": (_FAILURES, _TWICE),
    "HR-ROLL-04": (_FAILURES, _TWICE),
    "HR-ROLL-07": (
        "load a v1; edit a v2; reload a; replace a v3 fault=stop; replace a v4 fault=stop; "
        "replace a v5 fault=flush; replace a v6 fault=teardown; reload a v7 fault=?; "
        "replace a v8 fault=stop; cancel a v9; replace a v10 fault=flush; edit a v11; reload a; "
        "disable a; edit a v12; reload a; replace a v13 fault=stop; enable a; "
        "replace a v14 fault=stop; add_sink s v15; add_sink t v16; edit s v17; reload s; "
        "replace s v18 fault=flush; replace s v19 fault=stop; edit s v20; reload s",
    ),
}
CORE_REQUIRED: dict[str, tuple[str, ...]] = {
    "HR-LOAD-05": ("live: again → refused",),
    "HR-LOAD-07": ("absent: stray → refused",),
    "HR-ROLL-03": ("live: reload-fail-twice → failed", "failed: reload-fail-twice → failed"),
    "HR-ROLL-04": ("live: reload-fail-twice → failed", "failed: reload-fail-twice → failed"),
    "HR-ROLL-07": ("live: replace-fail → ok",),
}

STATEFUL_SEEDS: dict[str, tuple[str, ...]] = {
    "HR-STATE-02": (
        'load a v1; put {"count": 3}; busy a v2; busy a v3 fault=on_reload; busy a v4; '
        "reload a v5 fault=?; busy a v6; cancel a v7; busy a v8; edit a v9; reload a; busy a v10; "
        "busy a v11 fault=on_reload; busy a v12 fault=on_reload; busy a v13; disable a; "
        "edit a v14; reload a; enable a; busy a v15; load b v16; edit b v17; batch a,b; unload b; "
        "busy a v18",
    ),
    "HR-STATE-04": (
        'load a v1; put {"count": 7}; reload a v2 fault=set_reload_state:raises-an-exception; '
        "reload a v3 fault=set_reload_state:halfway; "
        "reload a v4 fault=set_reload_state:raises-a-bare-BaseException; edit a v5; reload a; "
        'put {"count": [1]}; reload a v6 fault=set_reload_state:halfway; reload a v7 fault=?; '
        "reload a v8 fault=set_reload_state:halfway; edit a v9; reload a; cancel a v10; "
        "reload a v11 fault=set_reload_state:halfway; edit a v12; reload a; disable a; "
        "reload a v13 fault=set_reload_state:halfway; enable a; edit a v14; reload a",
    ),
}
STATEFUL_REQUIRED: dict[str, tuple[str, ...]] = {
    "HR-STATE-02": ("live: busy → ok", "live: busy-fail → failed", "failed: busy → ok"),
}

PIPELINE_SEEDS: dict[str, tuple[str, ...]] = {
    "HR-GUARD-03": (
        "add_sink s v1; add_sink t v2; add_sink u v3; sicken s v4; disable t; remove_sink u; "
        "disable u; enable t; remove_sink u; unload t; disable t; heal s v5; remove_sink t; "
        "add_sink t v6; sicken t v7; disable s; remove_sink s; edit t v8; reload t; disable s; "
        "enable s; add_sink u v9; sicken s v10; sicken t v11; remove_sink u; remove_sink s; "
        "disable u",
    ),
}
PIPELINE_REQUIRED: dict[str, tuple[str, ...]] = {
    "HR-GUARD-03": (
        "live: sicken → ok",
        "live: remove-sink → refused",
        "live: disable → refused",
    ),
}

GRAPH_SEEDS: dict[str, tuple[str, ...]] = {
    "HR-DEPS-02": (
        "load base v1; load left v2; load top v3; load lone v4; disable left; edit base v5; "
        "reload base; disable top; edit base v6; reload base; enable left; edit base v7; "
        "reload base; enable top; reload base v8 fault=?; edit base v9; reload base; "
        "cancel base v10; edit base v11; reload base; unload top; load top v12; edit base v13; "
        "reload base; disable left; unload_all base",
    ),
    "HR-DEPS-07": (
        "load base v1; load left v2; load top v3; load lone v4; wire lone v5; reload lone; "
        "edit base v6; reload base; wire lone v7; reload lone v8 fault=?; edit base v9; "
        "reload base; edit lone v10; reload lone; edit base v11; reload base; wire top v12; "
        "disable top; reload top; edit left v13; reload left; enable top; edit base v14; "
        "reload base; wire left v15; reload left; unload base; edit lone v16; reload lone; "
        "wire lone v17; cancel lone v18; edit base v19; reload base; wire lone v20; reload lone; "
        "unload base",
        "load base v1; load left v2; load lone v3; load top v4; wire lone v5; wire left v6; "
        "batch left,lone; edit base v7; reload base; wire left v8; edit base v9; batch base,left; "
        "edit base v10; reload base; unload lone; load lone v11; edit base v12; reload base; "
        "unload_all base",
    ),
}
GRAPH_REQUIRED: dict[str, tuple[str, ...]] = {
    "HR-DEPS-07": ("live: wire → ok", "live: unload → ok"),
}

"""The scripts of the configuration machine, and the transitions that have to be taken."""

from __future__ import annotations

SEEDS: tuple[str, ...] = (
    "set a v1; apply; apply; spoil half; apply; apply; edit a v2; reload a; "
    "reload b v3 fault=?; set b v4; apply; refuse b v5; apply; edit c v6; reload c; apply; "
    "set c v7; apply; spoil wrong; apply; edit a v8; reload a; set a v9; apply; "
    "reload a v10 fault=?; edit a v11; reload a; refuse c v12; apply; edit b v13; reload b; "
    "spoil empty; apply; set b v14; apply",
    "unload c; set a v1; apply; load c v2; set c v3; apply; spoil empty; apply; unload b; "
    "load b v4; set b v5; apply; disable a; set a v6; apply; enable a; disable b; spoil gone; "
    "apply; enable b; set b v7; apply; refuse b v8; apply; disable a; enable a; set a v9; apply",
    "set a v1; edit a v2; together reload a & apply; spoil half; edit b v3; "
    "together reload b & apply; set c v4; edit c v5; together apply & reload c; set a v6; "
    "edit b v7; together reload b & apply",
)

WATCHED_SEEDS: tuple[str, ...] = (
    "spoil half; wait briefly; set a v1; wait long; spoil empty; wait long; set b v2; "
    "wait long; spoil wrong; wait soon; edit a v3; reload a; set c v4; wait long; set a v5; "
    "wait soon; spoil half; wait soon; set a v6; wait long; wait long; spoil gone; wait soon; "
    "spoil wrong; wait soon; set b v7; wait long",
)
"""For the clause that watches the file: all time that passes is the watch's."""

REQUIRED: tuple[str, ...] = (
    "good: apply → ok",
    "applied: apply → unchanged",
    "bad: apply → failed",
    "bad, refused: apply → failed",
    "good, refused: apply → ok",
    "unwelcome: apply → failed",
    "unwelcome, refused: apply → failed",
    "applied: reload → ok",
    "bad, refused: reload → ok",
    "unwelcome, refused: reload → ok",
    "applied: reload-fail → failed",
    "bad, refused: reload-fail → failed",
    "good: reload+apply → ended",
    "bad: reload+apply → ended",
    "good, refused: apply+reload → ended",
    "applied: unload → ok",
    "applied: load → ok",
    "bad, refused: load → ok",
    "good, disabled: apply → ok",
    "bad, disabled: apply → failed",
    "applied, disabled: enable → ok",
    "bad, refused, disabled: enable → ok",
    "unwelcome, refused, disabled: enable → ok",
)

WATCHED: tuple[str, ...] = (
    "bad: wait-briefly → ok",
    "bad: wait-soon → ok",
    "bad: wait-long → ok",
    "bad: set → ok",
    "bad: reload → ok",
    "good: wait-long → ok",
    "good: wait-soon → ok",
)
"""More of them, where the file is watched."""

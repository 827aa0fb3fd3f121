"""The audit record: one attempt, as one line of JSON."""

from __future__ import annotations

import json
from typing import Any

from hot_reload.operate.attempt import EndedAttempt, followers, result_of
from hot_reload.operate.plain import iso, plain, shown
from hot_reload.outcome import Failure, Operation, Outcome, Refused, Running
from hot_reload.runtime.acting import Acting

SCHEMA = 1
"""Raised when a field goes or changes its meaning; new ones may come without."""
TEXT_LIMIT = 1_000
LINE_LIMIT_BYTES = 64 * 1024
LIST_LIMIT = 20
"""How many warnings, and how many plugins that followed, one record names."""


def line_of(ended: EndedAttempt, default_actor: str, running: Running | None) -> bytes:
    """The record of ``ended`` as UTF-8 with a newline at its end, and none inside.

    ``running``: what serves as the plugin now; it counts where there is no outcome.
    """
    record = record_of(ended, default_actor, running)
    line = _encoded(record)
    if len(line) > LINE_LIMIT_BYTES:
        line = _encoded({**record, "warnings": [], "cascade": [], "shortened": True})
    return line


def record_of(ended: EndedAttempt, default_actor: str, running: Running | None) -> dict[str, Any]:
    """The fields of the record of ``ended``; see ``line_of``."""
    outcome, began = ended.outcome, ended.began
    who = began.acting or Acting(default_actor)
    old = outcome.old if outcome else began.before
    if outcome is None and ended.operation is not Operation.LOAD:
        still = running
    else:
        still = outcome.running if outcome else None
    return {
        "schema": SCHEMA,
        "when": iso(began.began_at),
        "attempt": began.number,
        "operation": ended.operation.value,
        "plugin": _cut(ended.plugin),
        "actor": _cut(who.actor),
        "reason": _cut(who.reason),
        "forced": began.forced,
        "result": result_of(outcome),
        "verdict": ended.verdict.value,
        "old": plain(old),
        "new": plain(outcome.new if outcome else None),
        "still_running": plain(still),
        "failure": _failure(getattr(outcome, "failure", None)),
        "rollback_failure": _failure(getattr(outcome, "rollback_failure", None)),
        "refusal": _refusal(outcome),
        "stage": plain(began.reached),
        "warnings": [_cut(str(each)) for each in _some(outcome.warnings if outcome else ())],
        "cascade": [_followed(each) for each in _some(followers(outcome))],
        "duration_seconds": round(ended.duration_seconds, 6),
    }


def _failure(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {
        "stage": failure.stage.value,
        "plugin": plain(failure.plugin),
        "cause": _cut(failure.cause),
        "file": None if failure.file is None else _cut(failure.file),
        "line": failure.line,
        "hint": None if failure.hint is None else _cut(failure.hint),
    }


def _refusal(outcome: Outcome | None) -> dict[str, str] | None:
    if not isinstance(outcome, Refused):
        return None
    return {"reason": outcome.reason.value, "explanation": _cut(outcome.explanation)}


def _followed(outcome: Outcome) -> dict[str, Any]:
    return {
        "plugin": outcome.plugin,
        "result": result_of(outcome),
        "old": plain(outcome.old),
        "new": plain(outcome.new),
        "failure": _failure(getattr(outcome, "failure", None)),
    }


def _some(items: tuple[Any, ...]) -> tuple[Any, ...]:
    return items[:LIST_LIMIT]


def _cut(text: str) -> str:
    return shown(text if len(text) <= TEXT_LIMIT else f"{text[: TEXT_LIMIT - 1]}…")


def _encoded(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"

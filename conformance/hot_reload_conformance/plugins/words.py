"""What became of a plugin's hook or operation, in words that say where."""

from __future__ import annotations

import traceback

from hot_reload.errors import HotReloadError, PluginFault
from hot_reload.hooks import Hook
from hot_reload.outcome import Outcome
from hot_reload_conformance.plugins.bare import BarePlugin
from hot_reload_conformance.plugins.hook_run import HookRun


def outcome_of(run: HookRun, bare: BarePlugin) -> str:
    """What became of a hook, in words."""
    if not run.ended:
        return f"did not end in time{_at(run.waiting_at)}"
    if run.error is not None:
        return f"raised {placed(run.error, None, bare.sources)}"
    return "ok"


def told(outcome: Outcome) -> str:
    """Why an operation failed, as the engine says it."""
    failure = getattr(outcome, "failure", None)
    return str(failure) if failure is not None else outcome.describe()


def hook_place(bare: BarePlugin, hook: Hook) -> str:
    """``file:line`` of a hook's definition, or just the plugin's file."""
    method = bare.hooks.get(hook)
    code = getattr(getattr(method, "__func__", method), "__code__", None)
    if code is None:
        return str(bare.snapshot.main.path)
    return f"{code.co_filename}:{code.co_firstlineno}"


def _at(place: str | None) -> str:
    return f" at {place}" if place else ""


def placed(error: BaseException, default: str | None, sources: frozenset[str] = frozenset()) -> str:
    """An exception with the place in the plugin that it came from."""
    if isinstance(error, PluginFault):
        file = error.file or default
        line = f":{error.line}" if error.line else ""
        hint = f". {error.hint}" if error.hint else ""
        return f"{error}{_at(f'{file}{line}' if file else None)}{hint}"
    if isinstance(error, HotReloadError):
        return str(error)
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename in sources or frame.filename == default
    ]
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else default
    return f"{named(error)}{_at(place)}"


def named(error: BaseException) -> str:
    """``type: text``, also where the exception cannot show its text."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return f"{type(error).__name__} (its text cannot be shown)"

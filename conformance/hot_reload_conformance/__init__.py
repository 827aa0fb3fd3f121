"""The conformance kit. Public names load on first use, so that starting pytest costs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hot_reload_conformance.adapter import Channel as Channel
    from hot_reload_conformance.adapter import Claim as Claim
    from hot_reload_conformance.adapter import Event as Event
    from hot_reload_conformance.adapter import HostAdapter as HostAdapter
    from hot_reload_conformance.adapter import PluginSpec as PluginSpec
    from hot_reload_conformance.adapter import Ports as Ports
    from hot_reload_conformance.adapter import Reply as Reply
    from hot_reload_conformance.door import follow_steps as follow_steps
    from hot_reload_conformance.door import parametrize_with_contract as parametrize_with_contract
    from hot_reload_conformance.door import run_contract as run_contract
    from hot_reload_conformance.report.summary import Report as Report
    from hot_reload_conformance.subject import HostSubject as HostSubject
    from hot_reload_conformance.subject import PluginSubject as PluginSubject
    from hot_reload_conformance.verdict import CheckResult as CheckResult
    from hot_reload_conformance.verdict import Conformance as Conformance
    from hot_reload_conformance.verdict import Finding as Finding
    from hot_reload_conformance.verdict import NotClaimed as NotClaimed
    from hot_reload_conformance.verdict import Verdict as Verdict

_HOMES = {
    "Channel": "adapter",
    "CheckResult": "verdict",
    "Claim": "adapter",
    "Conformance": "verdict",
    "Event": "adapter",
    "Finding": "verdict",
    "HostAdapter": "adapter",
    "HostSubject": "subject",
    "NotClaimed": "verdict",
    "PluginSpec": "adapter",
    "PluginSubject": "subject",
    "Ports": "adapter",
    "Reply": "adapter",
    "Report": "report.summary",
    "Verdict": "verdict",
    "follow_steps": "door",
    "parametrize_with_contract": "door",
    "run_contract": "door",
}
"""Public name → the module that it lives in."""

__all__ = [*_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

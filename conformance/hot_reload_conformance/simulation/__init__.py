"""Deterministic simulation of asynchronous hosts and plugins. Public names load on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hot_reload_conformance.simulation.checking import Checking as Checking
    from hot_reload_conformance.simulation.checking import SimulationFailed as SimulationFailed
    from hot_reload_conformance.simulation.failure import Failure as Failure
    from hot_reload_conformance.simulation.failure import Run as Run
    from hot_reload_conformance.simulation.fitting import fits as fits
    from hot_reload_conformance.simulation.host import hosts as hosts
    from hot_reload_conformance.simulation.hunt import Hunt as Hunt
    from hot_reload_conformance.simulation.hunt import OtherPython as OtherPython
    from hot_reload_conformance.simulation.hunt import StaleReplay as StaleReplay
    from hot_reload_conformance.simulation.hunt import hunt as hunt
    from hot_reload_conformance.simulation.hunt import replay as replay
    from hot_reload_conformance.simulation.loop import SimulatedClock as SimulatedClock
    from hot_reload_conformance.simulation.loop import SimulationLoop as SimulationLoop
    from hot_reload_conformance.simulation.loop import simulation as simulation
    from hot_reload_conformance.simulation.oracle import PYTHON as PYTHON
    from hot_reload_conformance.simulation.oracle import Deviation as Deviation
    from hot_reload_conformance.simulation.oracle import Source as Source
    from hot_reload_conformance.simulation.oracle import Trace as Trace
    from hot_reload_conformance.simulation.script import Op as Op
    from hot_reload_conformance.simulation.script import Script as Script
    from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS as FIXED_SCRIPTS
    from hot_reload_conformance.simulation.search import exhaustive as exhaustive
    from hot_reload_conformance.simulation.shrink import shrink as shrink
    from hot_reload_conformance.simulation.simulate import run as run
    from hot_reload_conformance.simulation.simulate import simulate as simulate
    from hot_reload_conformance.simulation.sources import Latencies as Latencies
    from hot_reload_conformance.simulation.sources import Pct as Pct
    from hot_reload_conformance.simulation.sources import Plan as Plan
    from hot_reload_conformance.simulation.sources import RandomWalk as RandomWalk
    from hot_reload_conformance.simulation.sources import Replay as Replay
    from hot_reload_conformance.simulation.sources import Zero as Zero
    from hot_reload_conformance.simulation.subject import Broken as Broken
    from hot_reload_conformance.simulation.subject import Subject as Subject
    from hot_reload_conformance.simulation.subject import of_main as of_main

_HOMES = {
    "Broken": "subject",
    "Checking": "checking",
    "Deviation": "oracle",
    "FIXED_SCRIPTS": "scripts",
    "Failure": "failure",
    "Hunt": "hunt",
    "Latencies": "sources",
    "Op": "script",
    "PYTHON": "oracle",
    "OtherPython": "hunt",
    "Pct": "sources",
    "Plan": "sources",
    "RandomWalk": "sources",
    "Replay": "sources",
    "Run": "failure",
    "Script": "script",
    "SimulatedClock": "loop",
    "SimulationFailed": "checking",
    "SimulationLoop": "loop",
    "Source": "oracle",
    "StaleReplay": "hunt",
    "Subject": "subject",
    "Trace": "oracle",
    "Zero": "sources",
    "exhaustive": "search",
    "fits": "fitting",
    "hosts": "host",
    "hunt": "hunt",
    "of_main": "subject",
    "replay": "hunt",
    "run": "simulate",
    "shrink": "shrink",
    "simulate": "simulate",
    "simulation": "loop",
}
"""Public name → the module that it lives in."""

__all__ = [*_HOMES]


def _public() -> dict[str, Any]:
    import importlib

    return {
        name: getattr(importlib.import_module(f"{__name__}.{home}"), name)
        for name, home in _HOMES.items()
    }


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # All at once: `hunt`, `shrink` and `simulate` are modules too, and importing a module
    # puts it into the package under the name that the function should have.
    globals().update(_public())
    return globals()[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})

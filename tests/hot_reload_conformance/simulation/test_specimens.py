"""Teeth: hosts whose bugs only some interleavings show are found, named and shrunk."""

from __future__ import annotations

import pytest

from hot_reload_conformance.simulation.fitting import fits
from hot_reload_conformance.simulation.host import hosts
from hot_reload_conformance.simulation.hunt import hunt
from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS
from hot_reload_conformance.simulation.simulate import simulate
from hot_reload_conformance.simulation.specimens import INTERLEAVED, Interleaved
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter


@pytest.mark.parametrize("specimen", INTERLEAVED, ids=lambda each: each.adapter.name)
def test_a_specimen_is_found_and_shrunk(specimen: Interleaved) -> None:
    scripts = [each for each in FIXED_SCRIPTS if fits(specimen.adapter, each)]
    found = hunt(hosts(specimen.adapter), scripts, runs_per_script=16)
    assert found.found is not None, found.describe()
    small = found.found
    assert small.failure is not None
    assert small.failure.kind in specimen.kinds, small.describe()
    assert len(small.script.operations) <= 3, small.describe()
    assert len(small.trace.deviations) <= 2, small.describe()


def test_some_of_them_pass_in_plain_asyncio() -> None:
    """Else a plain test would do, and the simulation would prove nothing."""
    plain = [
        specimen.adapter.name
        for specimen in INTERLEAVED
        if not any(
            simulate(specimen.adapter, each).failure
            for each in FIXED_SCRIPTS
            if fits(specimen.adapter, each)
        )
    ]
    assert len(plain) >= 4, plain


def test_the_correct_host_passes() -> None:
    scripts = [each for each in FIXED_SCRIPTS if fits(BlueGreenAdapter, each)]
    assert len(scripts) >= 12
    found = hunt(hosts(BlueGreenAdapter), scripts, runs_per_script=12)
    assert found.found is None, found.describe()
    assert found.unknown is None, found.describe()
    assert found.escaped is None, found.describe()

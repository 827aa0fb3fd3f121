"""The reference engine under simulation."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys

import pytest

from hot_reload_conformance.adapter import Reply
from hot_reload_conformance.adapters.reference import ReferenceAdapter
from hot_reload_conformance.simulation.fitting import fits
from hot_reload_conformance.simulation.host import hosts
from hot_reload_conformance.simulation.hunt import hunt
from hot_reload_conformance.simulation.invariants import ALL
from hot_reload_conformance.simulation.script import Script
from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS
from hot_reload_conformance.simulation.search import exhaustive
from hot_reload_conformance.simulation.simulate import simulate
from hot_reload_conformance.simulation.sources import RandomWalk

SUBJECT = hosts(ReferenceAdapter)


@pytest.mark.parametrize("script", FIXED_SCRIPTS, ids=str)
def test_no_interleaving_of_a_fixed_script_breaks_it(script: Script) -> None:
    assert fits(ReferenceAdapter, script)
    found = hunt(SUBJECT, [script], runs_per_script=15)
    assert found.found is None, found.describe()
    assert found.unknown is None, found.describe()
    assert found.escaped is None, found.describe()


@pytest.mark.parametrize("script", FIXED_SCRIPTS[:3], ids=str)
def test_each_single_deviation(script: Script) -> None:
    runs = itertools.islice(exhaustive(SUBJECT, script, deviations=1), 150)
    broken = [run.describe() for run in runs if run.failure]
    assert broken == []


@pytest.mark.parametrize("kind", ["cancel", "fault", "clock"])
def test_mishaps_at_every_suspension_point(kind: str) -> None:
    script = Script.parse("load a v1 | reload a v2; call").opening(kind)
    runs = list(exhaustive(SUBJECT, script, deviations=1))
    assert len(runs) > (1 if kind == "clock" else 10)
    assert {str(run.failure) for run in runs} == {"None"}
    assert {run.trace.deviations[0].kind for run in runs[1:]} == {kind}


_PROGRAM = """
import hashlib
from hot_reload_conformance.adapters.reference import ReferenceAdapter
from hot_reload_conformance.simulation import RandomWalk, hosts, simulate
subject = hosts(ReferenceAdapter)
line = "load a v1; load s v1; load t v1 | reload a v2; reload s v2; emit; call; unload t; add"
for seed in range(5):
    run = simulate(subject, line, RandomWalk(seed), record=True)
    text = repr((run.trace.same_as, run.failure))
    print(run.trace, hashlib.sha256(text.encode()).hexdigest())
"""


def test_the_trace_does_not_depend_on_the_hash_seed() -> None:
    told = set()
    for seed in ("0", "1", "4242"):
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        told.add(done.stdout)
    assert len(told) == 1
    assert len(set(next(iter(told)).splitlines())) == 5


class Forgetful(ReferenceAdapter):
    """Says of every failed unload that it worked: the kit must not believe it."""

    async def unload(self, ref: str) -> Reply:
        await super().unload(ref)
        return Reply(ok=True)


def test_the_host_s_word_is_held_against_what_serves() -> None:
    failure = simulate(Forgetful, "load s v1 | unload s").failure
    assert failure is not None
    assert failure.kind == "serial"


def test_an_unknown_invariant_is_refused() -> None:
    with pytest.raises(ValueError, match="no invariant is called no-los"):
        hosts(ReferenceAdapter, invariants=["no-los"])


def test_an_unknown_operation_is_told() -> None:
    failure = simulate(SUBJECT, "load a v1 | relaod a v2").failure
    assert failure is not None
    assert "no operation 'relaod'" in failure.message


def test_only_chosen_invariants_are_asked() -> None:
    others = hosts(Forgetful, invariants=[each for each in ALL if each != "serial"])
    assert simulate(others, "load s v1 | unload s").failure is None


def test_random_walks_of_the_engine_take_different_ways() -> None:
    script = "load a v1 | reload a v2; unload a; call"
    paths = {simulate(SUBJECT, script, RandomWalk(n), record=True).trace.path for n in range(10)}
    assert len(paths) == 10

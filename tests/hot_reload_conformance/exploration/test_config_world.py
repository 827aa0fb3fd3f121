"""The machine of configuration: what it asks of a host, and what it leaves to the host."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hot_reload.ports import LoopClock
from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.bench.case import Budget
from hot_reload_conformance.bench.watching import manual_ports
from hot_reload_conformance.exploration.example import run_script
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.machine import exploration, explore, replay
from hot_reload_conformance.exploration.operation import parse_script
from hot_reload_conformance.exploration.plan import PLANS
from hot_reload_conformance.exploration.scene import LeftToOthers
from hot_reload_conformance.exploration.standing import standing
from hot_reload_conformance.specimens.blue_green import Generation
from hot_reload_conformance.specimens.config_sequences import (
    AppliesBesideReloads,
    BacksOff,
    ForgetsAtAFailure,
    KeepsWhatWasTaken,
    ReadsInto,
)
from hot_reload_conformance.specimens.configured_host import (
    ConfiguredAdapter,
    ConfiguredHost,
    Settings,
)
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import CannotJudge

CODES = ("HR-CONF-01", "HR-CONF-02", "HR-CONF-03", "HR-CONF-04")
GOOD = HostSubject(ConfiguredAdapter)


@pytest.mark.parametrize("code", CODES)
def test_on_a_correct_host_no_script_ends_early(code: str) -> None:
    for operations in PLANS["configuration"].scripts(INVARIANTS[code]):
        run = run_script(GOOD, code, operations, Budget())
        assert run.violation is None, run.trace
        assert len(run.world.applied) > len(operations) / 3


@pytest.mark.parametrize(
    ("adapter", "code", "line"),
    [
        (AppliesBesideReloads, "HR-CONF-01", "set a v1; together reload a & apply"),
        (ForgetsAtAFailure, "HR-CONF-01", "reload a v1 fault=start; reload a"),
        (ReadsInto, "HR-CONF-02", "spoil wrong; apply; reload a"),
        (KeepsWhatWasTaken, "HR-CONF-03", "refuse c v1; apply; reload b"),
        (
            BacksOff,
            "HR-CONF-04",
            "wait long; spoil gone; wait soon; spoil wrong; wait soon; set b v1; wait long",
        ),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_a_failure_is_replayed_by_one_line_and_a_correct_host_does_not_have_it(
    adapter: type[HostAdapter], code: str, line: str
) -> None:
    found = replay(HostSubject(adapter), code, line)
    assert found is not None
    assert found.replay == f"{code}={line}"
    assert found.story[-1].broken
    assert replay(GOOD, code, line) is None


def test_what_is_wrong_behind_a_bad_file_is_no_other_clauses_matter() -> None:
    """Its examples end there, and what they did not come to is not verified."""
    line = "spoil wrong; apply; reload a; set a v1"
    with pytest.raises(LeftToOthers):
        run_script(HostSubject(ReadsInto), "HR-CONF-01", parse_script(line), Budget())
    try:
        assert explore(HostSubject(ReadsInto), "HR-CONF-01", Budget()) is None
    except CannotJudge as error:
        assert "Mend first what the examples of HR-CONF-01" in str(error)  # noqa: PT017 - either


def test_what_a_plugin_has_that_was_loaded_since_is_the_hosts_to_say() -> None:
    class Bare(ConfiguredHost):
        """A plugin that comes again comes without settings, until its part changes."""

        async def unload(self, name: str) -> None:
            await super().unload(name)
            self.settings.pop(name, None)

    class Adapter(ConfiguredAdapter):
        name = "comes-again-without-settings"
        host_class = Bare

    for code in CODES:
        assert explore(HostSubject(Adapter), code, Budget()) is None


def test_a_good_file_that_another_overwrites_may_be_applied_or_not() -> None:
    line = "set a v1; wait briefly; set b v2; wait long; set a v3; wait soon; spoil half; wait long"
    assert replay(GOOD, "HR-CONF-04", line) is None


def test_a_host_that_cannot_watch_its_file_is_asked_by_request() -> None:
    class Unwatched(ConfiguredAdapter):
        name = "unwatched"
        start_config_watch = HostAdapter.start_config_watch

    found = exploration(HostSubject(Unwatched), "HR-CONF-04", Budget())
    assert found.finding is None
    assert found.explored is not None
    assert not any("wait" in each for each in found.explored.required)
    assert "unwelcome: apply → failed" in found.explored.required


def test_what_is_not_claimed_is_not_asked() -> None:
    class Plain(ConfiguredAdapter):
        name = "plain"
        claims = frozenset({Claim.CONFIG})

    found = exploration(HostSubject(Plain), "HR-CONF-03", Budget())
    assert found.finding is None
    assert found.explored is not None
    assert not found.explored.missing
    for word in ("load", "disabled", "enable"):
        assert word not in " ".join(found.explored.required)


def test_a_good_file_that_is_refused_is_told() -> None:
    class Refuses(ConfiguredHost):
        """Refuses what comes behind a failed reload."""

        offended = False

        async def release_half_made(self, new: Generation) -> None:
            self.offended = True
            await super().release_half_made(new)

        async def apply(self, path: Path) -> None:
            if self.offended:
                raise ValueError(f"{path}: a plugin has failed")
            await super().apply(path)

    class Adapter(ConfiguredAdapter):
        name = "refuses-behind-a-failed-reload"
        host_class = Refuses

    line = "reload a v1 fault=start; set a v2; apply"
    found = replay(HostSubject(Adapter), "HR-CONF-01", line)
    assert found is not None
    assert "a good settings file is not applied: ValueError" in found.message
    assert replay(HostSubject(Adapter), "HR-CONF-04", line) is None  # no bad file came before it
    found = replay(HostSubject(Adapter), "HR-CONF-04", f"spoil half; apply; {line}")
    assert found is not None
    assert "a good settings file behind a bad one is not applied" in found.message


def test_who_is_told_without_a_change_is_told() -> None:
    class TellsNeighbours(ConfiguredHost):
        """Behind a refusal everyone is given everything, to be on the safe side."""

        unsafe = False

        def changed(self, wanted: Settings) -> list[str]:
            found = super().changed(wanted)
            return list(wanted) if found and self.unsafe else found

        async def give_all(self, wanted: dict[str, dict[str, Any]], changed: Sequence[str]) -> None:
            self.unsafe = True
            await super().give_all(wanted, changed)
            self.unsafe = False

    class Adapter(ConfiguredAdapter):
        name = "tells-neighbours-behind-a-refusal"
        host_class = TellsNeighbours

    line = "refuse b v1; apply; set a v2; apply; set b v3; apply"
    found = replay(HostSubject(Adapter), "HR-CONF-01", line)
    assert found is not None
    assert "whose own settings did not change" in found.message


@pytest.mark.parametrize("claims", [frozenset({Claim.CONFIG}), frozenset({Claim.CLOCK})])
def test_the_kits_clock_is_lent_to_whom_it_concerns(claims: frozenset[Claim]) -> None:
    class Adapter(ConfiguredAdapter):
        name = "lent"

    Adapter.claims = claims
    with standing(HostSubject(Adapter), Budget(), manual_ports) as stands:
        lent = stands.case.ports.clock
        assert isinstance(lent, LoopClock) is (Claim.CLOCK not in claims)
        stands.run(asyncio.sleep(0), 5)

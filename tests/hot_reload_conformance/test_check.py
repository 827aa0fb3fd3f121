"""The registry of checks, and what each check must be to be of use."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from hot_reload_conformance import check as check_module
from hot_reload_conformance.adapter import Claim, HostAdapter
from hot_reload_conformance.check import Check, Variant, check, host_checks
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.specimens.registry import correct_hosts


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    empty: list[Check] = []
    monkeypatch.setattr(check_module, "_checks", empty)
    return empty


async def judge(_: Any, __: Any) -> None:
    """A check that finds nothing."""


def test_check_takes_the_claims_of_its_clause_and_its_own(registry: list[Check]) -> None:
    check("HR-SWAP-01", needs=(Claim.HOOKS,), kind=Kind.PROPERTY)(judge)
    (made,) = registry
    assert made.needs == {Claim.RELOAD, Claim.HOOKS}
    assert (made.id, made.kind, made.order) == (made.clause.slug, Kind.PROPERTY, 0)


def test_machine_and_example_of_one_clause_have_different_ids(registry: list[Check]) -> None:
    check("HR-SWAP-01")(judge)
    check("HR-SWAP-01", kind=Kind.MACHINE)(judge)
    assert [each.id for each in registry] == ["new-code-serves", "new-code-serves[machine]"]


def test_two_checks_of_one_id_are_refused(registry: list[Check]) -> None:
    check("HR-SWAP-01")(judge)
    with pytest.raises(ValueError, match="two checks are called new-code-serves"):
        check("HR-SWAP-01")(judge)


def test_clause_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError):
        check("HR-SWAP-99")


def test_variants_may_depend_on_the_adapter(registry: list[Check]) -> None:
    def stages(adapter: type[HostAdapter]) -> list[Variant]:
        return [Variant(stage, stage) for stage in adapter.stages]

    check("HR-SWAP-01", variants=stages)(judge)
    assert [each.name for each in registry[0].variants(HostAdapter)] == list(HostAdapter.stages)


@pytest.mark.parametrize("made", host_checks(), ids=lambda each: each.id)
def test_check_has_variants_with_names_of_their_own(made: Check) -> None:
    for adapter in correct_hosts():
        if not made.needs <= adapter.claims:
            continue
        names = [each.name for each in made.variants(adapter)]
        assert len(names) == len(set(names))
        assert names


def test_no_clause_is_checked_by_the_wrong_door() -> None:
    assert not [each.id for each in host_checks() if each.clause.for_plugins]


def test_the_order_of_a_run_does_not_depend_on_what_was_imported_first() -> None:
    script = (
        "import hot_reload_conformance.checks.machine\n"
        "from hot_reload_conformance.check import host_checks\n"
        "print(*(each.id for each in host_checks()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    seen = done.stdout.split()
    assert seen == [each.id for each in host_checks()]
    assert seen[-1].endswith("[simulated]")

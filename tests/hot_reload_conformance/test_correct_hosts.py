"""No clause fails on a correct host, whatever its design."""

from __future__ import annotations

import pytest

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.bench.runner import run_host_check, self_test
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.specimens.registry import correct_hosts
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Verdict

HOSTS = correct_hosts()


@pytest.mark.parametrize("adapter", HOSTS, ids=lambda each: each.name)
def test_adapter_passes_the_self_test(adapter: type[HostAdapter]) -> None:
    assert self_test(HostSubject(adapter)) is None


@pytest.mark.parametrize("check_id", [check.id for check in host_checks()])
@pytest.mark.parametrize("adapter", HOSTS, ids=lambda each: each.name)
def test_clause_holds_on_a_correct_host(adapter: type[HostAdapter], check_id: str) -> None:
    check = next(each for each in host_checks() if each.id == check_id)
    result = run_host_check(HostSubject(adapter), check)
    story = "\n".join(
        f"{step.text} -> {step.seen}" for found in result.findings[:1] for step in found.story
    )
    assert result.verdict in (Verdict.PASS, Verdict.NOT_CLAIMED), f"{result.reason}\n{story}"
    if result.verdict is Verdict.PASS:
        assert result.variants


@pytest.mark.parametrize("adapter", HOSTS, ids=lambda each: each.name)
def test_most_of_what_it_claims_is_judged(adapter: type[HostAdapter]) -> None:
    """A host on which hardly a check runs proves nothing about the checks."""
    claimed = [check for check in host_checks() if check.needs <= adapter.claims]
    assert len(claimed) >= 20

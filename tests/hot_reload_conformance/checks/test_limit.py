"""LIMIT: a host that limits what is asked for, too, keeps the clauses; undeclared is not judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hot_reload_conformance.bench.runner import run_host_check, self_test
from hot_reload_conformance.check import Check, host_checks
from hot_reload_conformance.pace import Pace
from hot_reload_conformance.specimens.limit import LimitedAdapter
from hot_reload_conformance.specimens.watching_host import WatchingAdapter
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Verdict


def check(code: str) -> Check:
    return next(each for each in host_checks() if each.clause.code == code)


@pytest.mark.parametrize("code", ["HR-LIMIT-01", "HR-LIMIT-02", "HR-LIMIT-03"])
def test_clause_holds_where_requests_are_limited(code: str) -> None:
    assert self_test(HostSubject(LimitedAdapter)) is None
    result = run_host_check(HostSubject(LimitedAdapter), check(code))
    assert result.verdict is Verdict.PASS, result.reason
    if code != "HR-LIMIT-03":
        assert any(each.startswith("requests") for each in result.variants)


@pytest.mark.parametrize("code", ["HR-LIMIT-01", "HR-LIMIT-02", "HR-LIMIT-03"])
def test_without_a_declared_number_nothing_is_judged(code: str) -> None:
    class Undeclared(WatchingAdapter):
        pace = replace(WatchingAdapter.pace, limit=0, cooldown_seconds=0.0, tries=Pace().tries)

    result = run_host_check(HostSubject(Undeclared), check(code))
    assert result.verdict is Verdict.NOT_CLAIMED
    assert "declared" in result.reason

"""HR-WATCH-10 under the other policy: the reference engine, told to unload what is deleted."""

from __future__ import annotations

from dataclasses import replace

from hot_reload_conformance.adapters.reference import WATCH, ReferenceAdapter
from hot_reload_conformance.bench.runner import run_host_check
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Verdict


class Unloading(ReferenceAdapter):
    watch_settings = replace(WATCH, unload_deleted=True)
    pace = replace(ReferenceAdapter.pace, unloads_deleted=True)


class SaysOtherwise(ReferenceAdapter):
    """Declares another policy than it has."""

    pace = replace(ReferenceAdapter.pace, unloads_deleted=True)


class NoGrace(Unloading):
    """Declares a grace period that it does not have."""

    watch_settings = replace(WATCH, unload_deleted=True, delete_grace_seconds=0.0)


def test_hr_watch_10_holds_where_deletion_means_unload() -> None:
    for code in ("HR-WATCH-09", "HR-WATCH-10", "HR-WATCH-01"):
        check = next(each for each in host_checks() if each.clause.code == code)
        result = run_host_check(HostSubject(Unloading), check)
        assert result.verdict is Verdict.PASS, result.reason


def test_hr_watch_10_is_about_what_is_declared() -> None:
    check = next(each for each in host_checks() if each.clause.code == "HR-WATCH-10")
    result = run_host_check(HostSubject(SaysOtherwise), check, only="deleted")
    assert "the declared policy for a deleted file is 'unload'" in result.reason
    result = run_host_check(HostSubject(NoGrace), check)
    assert "less than the grace period" in result.reason

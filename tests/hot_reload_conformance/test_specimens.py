"""Each specimen is caught by the clause that it names, in the words that it names."""

from __future__ import annotations

import pytest

from hot_reload_conformance.bench.runner import run_host_check, self_test
from hot_reload_conformance.check import host_checks
from hot_reload_conformance.contract.clause import Level
from hot_reload_conformance.specimens.registry import Specimen, all_specimens
from hot_reload_conformance.subject import HostSubject
from hot_reload_conformance.verdict import Verdict

SPECIMENS = all_specimens()


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda each: each.name)
def test_specimen_is_caught_by_the_clause_it_names(specimen: Specimen) -> None:
    subject = HostSubject(specimen.adapter)
    said: list[str] = []
    for check in host_checks():
        if check.clause.code != specimen.code:
            continue
        for variant in check.variants(specimen.adapter):
            result = run_host_check(subject, check, only=variant.name)
            if result.verdict is Verdict.FAIL and specimen.says in result.reason:
                return
            said.append(f"{check.id} {variant.name}: {result.verdict.value} {result.reason}")
    raise AssertionError(f"no finding says {specimen.says!r}:\n" + "\n".join(said))


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda each: each.name)
def test_specimen_has_a_working_adapter(specimen: Specimen) -> None:
    # Its bug has to be found by a clause; a broken adapter would be found by anything.
    assert self_test(HostSubject(specimen.adapter)) is None


def test_every_must_check_of_hosts_has_a_specimen() -> None:
    covered = {each.code for each in SPECIMENS}
    bare = {
        check.clause.code
        for check in host_checks()
        if check.clause.level is Level.MUST and check.clause.code not in covered
    }
    # Load v1, and it serves: a host that cannot do this does not pass the self-test.
    assert bare <= {"HR-LOAD-01"}

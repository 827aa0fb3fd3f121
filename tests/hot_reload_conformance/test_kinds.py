"""Each clause is checked in the kinds that the contract promises for it, or it stands here."""

from __future__ import annotations

from hot_reload_conformance.check import all_checks
from hot_reload_conformance.contract.clause import Kind
from hot_reload_conformance.contract.clauses import CONTRACT

OWED: dict[str, frozenset[Kind]] = {
    # Their checks are written examples; nothing is drawn.
    **dict.fromkeys(
        ("HR-PLUG-03", "HR-PLUG-08", "HR-PLUG-14", "HR-PLUG-15"), frozenset({Kind.PROPERTY})
    ),
}
"""Promised kinds that a clause with checks still lacks. To be emptied, never to grow."""
SECTIONS_TO_COME = ("PROC", "CTRL")
"""Those that have no check at all yet."""


def test_the_kinds_that_a_clause_promises_are_there() -> None:
    there: dict[str, set[Kind]] = {}
    for check in all_checks():
        there.setdefault(check.clause.code, set()).update(check.kinds)
    lacking = {
        code: frozenset(clause.kinds) - there.get(code, set())
        for code, clause in CONTRACT.items()
        if clause.section not in SECTIONS_TO_COME
    }
    assert {code: kinds for code, kinds in lacking.items() if kinds} == OWED


def test_what_a_check_is_besides_its_kind_is_another_kind() -> None:
    for check in all_checks():
        assert check.kind not in check.also, check.id
        assert check.kinds == {check.kind} | check.also
        if check.explores:
            assert not check.also, "machines and simulations draw all that they do"

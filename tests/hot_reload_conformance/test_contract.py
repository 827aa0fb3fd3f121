"""The clauses as data: each says what breaks without it and what to do, in words of its own."""

from __future__ import annotations

import importlib
import re

import pytest

from hot_reload_conformance.contract.clause import SECTIONS, Clause
from hot_reload_conformance.contract.clauses import BY_SLUG, CONTRACT
from hot_reload_conformance.contract.document import explain

LINK = re.compile(
    r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+"
    r"|https://docs\.python\.org/3/[\w/.-]+(#[\w.-]+)?"
)
LONGEST_REPEAT = 5
"""So many words in a row may be the sentence's own: a term, not a copy."""

every_clause = pytest.mark.parametrize("clause", CONTRACT.values(), ids=list(CONTRACT))


def _words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.casefold())


def _repeated(text: str, of: str) -> str:
    """The first words of ``text``, more than LONGEST_REPEAT in a row, that ``of`` has too."""
    words = _words(text)
    other = f" {' '.join(_words(of))} "
    size = LONGEST_REPEAT + 1
    for start in range(len(words) - size + 1):
        run = " ".join(words[start : start + size])
        if f" {run} " in other:
            return run
    return ""


def test_all_sections_are_there_each_in_its_own_module() -> None:
    assert len(CONTRACT) == len(BY_SLUG) == 142
    sections = {clause.section for clause in CONTRACT.values()}
    assert sections == {name for names in SECTIONS.values() for name in names}
    for name in sections:
        module = importlib.import_module(f"hot_reload_conformance.contract.{name.lower()}")
        in_order = [each for each in CONTRACT.values() if each.section == name]
        assert list(module.CLAUSES) == in_order
        assert [each.code for each in in_order] == [
            f"HR-{name}-{number:02}" for number in range(1, len(in_order) + 1)
        ]


@every_clause
def test_why_is_a_line_and_fix_one_or_two_sentences(clause: Clause) -> None:
    for text in (clause.why, clause.fix):
        assert text.strip() == text
        assert "\n" not in text
        assert 30 <= len(text) <= 260
    assert clause.fix.endswith(".")
    assert len(re.findall(r"\.(?=\s|$)", clause.fix)) <= 2


@every_clause
def test_links_are_whole_and_lead_where_readers_expect(clause: Clause) -> None:
    for link in re.findall(r"\S*https?:\S*", f"{clause.why} {clause.fix}"):
        assert LINK.fullmatch(link), link
        # A terminal of 80 columns shows it unbroken behind the story's margin.
        assert len(link) <= 76, link


@every_clause
def test_neither_repeats_the_sentence(clause: Clause) -> None:
    assert not _repeated(clause.why, clause.text)
    assert not _repeated(clause.fix, clause.text)
    assert not _repeated(clause.fix, clause.why)


def test_no_two_clauses_say_the_same() -> None:
    clauses = list(CONTRACT.values())
    assert len({each.why for each in clauses}) == len(clauses)
    assert len({each.fix for each in clauses}) == len(clauses)


def test_a_copy_of_the_sentence_would_be_seen() -> None:
    clause = CONTRACT["HR-SWAP-01"]
    assert _repeated(f"People expect that {clause.text}", clause.text)
    assert not _repeated("The new G serves.", clause.text)


def test_an_explanation_names_the_checks_that_there_are() -> None:
    assert "checks now   old-keeps-serving, old-keeps-serving[machine]" in explain("HR-ROLL-01")
    assert "checks now   none yet" in explain("HR-PROC-01")

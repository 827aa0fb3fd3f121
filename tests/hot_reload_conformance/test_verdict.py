"""What a check says of a host that it saw break a clause."""

from __future__ import annotations

import pytest

from hot_reload_conformance.verdict import CannotJudge, NotClaimed, Violation


def test_a_host_that_logs_all_its_variables_does_not_drown_the_finding() -> None:
    words = "\n".join(f"self.attribute_{number} = <object>" for number in range(4_000))
    found = Violation(f"the next good edit does not load: KeyError\n{words} (raised by it)")
    lines = found.message.splitlines()
    assert len(lines) == 17
    assert lines[0] == "the next good edit does not load: KeyError"
    assert lines[12] == "… 3985 more lines …"
    assert lines[-1] == "self.attribute_3999 = <object> (raised by it)"


def test_one_endless_line_is_cut_in_its_middle() -> None:
    found = Violation("it", expected="a" * 50_000 + "z", seen=["b" * 50_000])
    assert len(found.expected) < 2_100
    assert found.expected.startswith("aaa")
    assert found.expected.endswith("az")
    assert len(found.seen) < 2_100


def test_what_has_a_findings_length_is_left_as_it_is() -> None:
    text = "\n".join(["a line"] * 17)
    found = Violation(text, expected=["v1"], seen="")
    assert (found.message, found.expected, found.seen) == (text, "['v1']", "")


@pytest.mark.parametrize("kind", [CannotJudge, NotClaimed])
def test_a_reason_is_cut_as_well(kind: type[CannotJudge] | type[NotClaimed]) -> None:
    assert str(kind("a word")) == "a word"
    assert len(str(kind("a line\n" * 500)).splitlines()) < 20

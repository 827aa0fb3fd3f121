"""One character for each verdict, with its words and its colour: the same wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hot_reload_conformance.report.summary import ClauseOutcome
from hot_reload_conformance.verdict import Conformance, Verdict


@dataclass(frozen=True, slots=True)
class Sign:
    """How a verdict is shown. ``style`` is a key of ``markup.STYLES``."""

    sign: str
    ascii: str
    style: str
    words: str


SIGNS: Mapping[tuple[Verdict, bool], Sign] = {
    (Verdict.PASS, True): Sign("✓", "+", "good", "pass"),
    (Verdict.PASS, False): Sign("~", "~", "good", "pass, thinned"),
    (Verdict.FAIL, True): Sign("✗", "X", "bad", "fail"),
    (Verdict.FAIL, False): Sign("!", "!", "warn", "SHOULD that fails"),
    (Verdict.EXPECTED_FAIL, True): Sign("x", "x", "warn", "expected fail"),
    (Verdict.UNKNOWN, True): Sign("?", "?", "warn", "unknown"),
    (Verdict.KIT_ERROR, True): Sign("E", "E", "bad", "kit-error"),
    (Verdict.NOT_CLAIMED, True): Sign("-", "-", "quiet", "not claimed"),
    (Verdict.NOT_RUN, True): Sign("·", ".", "quiet", "not run"),
}
"""By verdict, and whether it binds, or a pass is whole; in the order of a legend."""

STYLES: Mapping[Conformance, str] = {
    Conformance.CONFORMANT: "good",
    Conformance.PARTIAL: "warn",
    Conformance.NOT_CONFORMANT: "bad",
    Conformance.NOT_RUN: "quiet",
}


def sign_of(outcome: ClauseOutcome) -> Sign:
    """The sign of a clause: a failure of what is only recommended has one of its own, and so has
    a pass in some of the variants."""
    if outcome.thinned:
        return SIGNS[Verdict.PASS, False]
    binding = outcome.binding or outcome.verdict is not Verdict.FAIL
    return SIGNS[outcome.verdict, binding]

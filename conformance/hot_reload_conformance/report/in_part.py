"""Passes in part: checks that held in the variants that ran, and what became of the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hot_reload_conformance.verdict import CheckResult, Verdict

HEAD = "Passed, though not in every variant"
SHOWN = 5
SHOWN_VARIANTS = 3


def in_part(results: Iterable[CheckResult]) -> list[CheckResult]:
    """The passes of checks that left variants out."""
    return [each for each in results if each.verdict is Verdict.PASS and each.left_out]


def in_part_lines(results: Iterable[CheckResult], *, verbose: bool) -> list[str]:
    """What is said of them: how many ran, by subject; ``verbose``: which did not, by reason."""
    by_subject: dict[str, list[CheckResult]] = {}
    for each in in_part(results):
        by_subject.setdefault(each.subject, []).append(each)
    lines: list[str] = []
    for name, found in by_subject.items():
        lines += _reasons(name, found) if verbose else [_counts(name, found)]
    return lines


def _counts(subject: str, found: Sequence[CheckResult]) -> str:
    counts = [f"{each.code} {each.extent.removesuffix(' variants')}" for each in found]
    rest = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    return f"{subject}: {', '.join(counts[:SHOWN])}{rest} (-v says which did not run, and why)"


def _reasons(subject: str, found: Sequence[CheckResult]) -> list[str]:
    counts: dict[str, dict[str, None]] = {}
    variants: dict[str, dict[str, None]] = {}
    for each in found:
        for left in each.left_out:
            counts.setdefault(left.why, {})[f"{each.code} {each.extent}"] = None
            variants.setdefault(left.why, {})[left.variant] = None
    return [
        f"{subject}: {', '.join(counts[why])}: without {_few(list(variants[why]))}: {why}"
        for why in counts
    ]


def _few(variants: Sequence[str]) -> str:
    shown = ", ".join(repr(each) for each in variants[:SHOWN_VARIANTS])
    rest = len(variants) - SHOWN_VARIANTS
    return f"{shown} and {rest} more" if rest > 0 else shown

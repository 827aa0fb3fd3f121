"""Explored: what the examples of one state machine went through, rule by rule.

A machine that never took a plugin through a failed reload has verified nothing about
failed reloads, though it says pass: so it counts, and what had to come and did not is
named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """The coverage of one exploration, or of all of one machine. Plain data.

    A transition reads ``failed: reload → ok``: the state of the plugin before, the rule, and
    what came of it.
    """

    machine: str
    """The profile of the contract that the machine is for."""
    examples: int = 0
    steps: int = 0
    rules: Mapping[str, int] = field(default_factory=dict)
    """How often each rule ran."""
    transitions: Mapping[str, int] = field(default_factory=dict)
    """How often each transition was taken, required or not."""
    required: tuple[str, ...] = ()
    """The transitions without which nothing is verified, by what the subject claims."""

    @property
    def missing(self) -> tuple[str, ...]:
        """What was required and never came."""
        return tuple(each for each in self.required if not self.transitions.get(each))

    @property
    def taken(self) -> int:
        """How many of the required transitions were taken."""
        return len(self.required) - len(self.missing)

    def __str__(self) -> str:
        return (
            f"{len(self.rules)} rules, {self.taken} of {len(self.required)} transitions, "
            f"{self.steps:,} steps in {self.examples:,} examples"
        )


def rule_of(transition: str) -> str:
    """The rule of ``failed: reload → ok``: ``reload``."""
    return transition.partition(": ")[2].partition(" → ")[0]


def summed(explorations: Iterable[Explored]) -> tuple[Explored, ...]:
    """One for each machine, in the order in which they come; what one item lacks, it lacks."""
    found: dict[str, list[Explored]] = {}
    for each in explorations:
        found.setdefault(each.machine, []).append(each)
    return tuple(_sum(name, each) for name, each in found.items())


def _sum(machine: str, explorations: list[Explored]) -> Explored:
    rules: dict[str, int] = {}
    transitions: dict[str, int] = {}
    # An item that lacks one is not made whole by another that has it: each of them explores
    # for a clause of its own.
    missing = {each for exploration in explorations for each in exploration.missing}
    for exploration in explorations:
        for rule, times in exploration.rules.items():
            rules[rule] = rules.get(rule, 0) + times
        for transition, times in exploration.transitions.items():
            if transition not in missing:
                transitions[transition] = transitions.get(transition, 0) + times
    return Explored(
        machine=machine,
        examples=sum(each.examples for each in explorations),
        steps=sum(each.steps for each in explorations),
        rules=rules,
        transitions=transitions,
        required=tuple(dict.fromkeys(t for each in explorations for t in each.required)),
    )

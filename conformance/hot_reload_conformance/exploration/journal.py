"""The journal: what the examples of one exploration did, and whether that was enough."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hot_reload_conformance.exploration.example import Run
from hot_reload_conformance.exploration.invariants import INVARIANTS
from hot_reload_conformance.exploration.plan import plan_of
from hot_reload_conformance.exploration.scene import Scene
from hot_reload_conformance.explored import Explored, rule_of
from hot_reload_conformance.verdict import CannotJudge, KitError, NotClaimed, NotVerified

_FIRST = ". Mend first what HR-ROLL-01 and HR-ROLL-05 find"


@dataclass
class Journal:
    """What the examples of one exploration did."""

    code: str
    facts: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    transitions: Counter[str] = field(default_factory=Counter)
    examples: int = 0
    unable: set[str] = field(default_factory=set)
    """Transitions that this host cannot be asked for."""
    left: int = 0
    """Examples that ended early, with what is another clause's matter."""
    failed: Run | None = None
    """The last example that found something."""
    broken: CannotJudge | KitError | NotClaimed | None = None
    """The first thing that went wrong and is no finding."""

    def add(self, world: Scene) -> None:
        """An example ended."""
        self.examples += 1
        self.facts.update(world.facts)
        self.rules.update(world.rules)
        self.transitions.update(world.transitions)
        self.unable |= plan_of(self.code).unable(world)

    def left_to_others(self, world: Scene) -> None:
        """An example ended early, with what is another clause's matter."""
        self.add(world)
        self.left += 1

    def explored(self) -> Explored:
        """The coverage."""
        plan = plan_of(self.code)
        required = plan.required_of(INVARIANTS[self.code])
        return Explored(
            machine=plan.machine,
            examples=self.examples,
            steps=sum(self.rules.values()),
            rules=dict(self.rules),
            transitions=dict(self.transitions),
            required=tuple(each for each in required if each not in self.unable),
        )

    def verified(self) -> Explored:
        """The coverage, where it is enough for a verdict.

        Raises:
            NotVerified: a transition that is required was never taken, or the clause's own
                matter never came up.
        """
        explored = self.explored()
        missing = explored.missing
        armed = INVARIANTS[self.code]
        why = f". {armed.instead[:1].upper()}{armed.instead[1:]}" if armed.instead else ""
        if missing and self.left:
            raise NotVerified(
                f"not verified: {self.left} of {self.examples} examples ended early, with what is "
                f"another clause's matter{why or _FIRST}",
                explored,
            )
        if missing:
            never = next((r for r in map(rule_of, missing) if r not in explored.rules), missing[0])
            more = f" (nor {len(missing) - 1} other transitions)" if len(missing) > 1 else ""
            raise NotVerified(
                f"not verified: {never} never ran in {self.examples} examples{more}", explored
            )
        fact = armed.needs
        if not self.facts[fact]:
            raise NotVerified(
                f"not verified: in {self.examples} examples never {fact}{why}", explored
            )
        return explored

"""Drawing: what the rules of all machines have in common."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from hot_reload_conformance.exploration.graph_world import EDGES
from hot_reload_conformance.exploration.operation import HANDLERS, SINKS, STAGED, Op
from hot_reload_conformance.exploration.scene import Scene

WHICH = st.integers(0, 11)
"""An index into what makes sense just now."""
NAMES = (*HANDLERS, *SINKS, *STAGED, *EDGES)


class Rules(RuleBasedStateMachine):
    """Draws operations, and hands those that make sense to the world."""

    world: Scene
    versions = 0

    def do(self, op: Op) -> None:
        raise NotImplementedError

    def next_version(self) -> str:
        self.versions += 1
        return f"v{self.versions}"

    def possible(self, operations: Iterable[Op]) -> list[Op]:
        """Those that make sense now and are about what the clause is about."""
        wanted = {*self.world.armed.names}
        return [op for op in operations if {*op.names} <= wanted and self.world.applies(op)]

    def do_one(self, which: int, operations: Iterable[Op]) -> None:
        found = self.possible(operations)
        if found:
            self.do(found[which % len(found)])

    def there(self, names: Iterable[str] = NAMES) -> list[str]:
        return [name for name in names if self.world.state_of(name) != "absent"]


def one_of(names: list[str], which: int) -> str:
    return names[which % len(names)]

"""What was done to a simulated host, for the explanation of how it ended."""

from __future__ import annotations

from hot_reload_conformance.recording import Recording
from hot_reload_conformance.simulation.happenings import Happenings
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.serial import outcomes


def test_what_a_hook_that_was_left_behind_still_awaits_may_have_been_done() -> None:
    happenings = Happenings(Recording())
    with happenings.operation(Op("load", ("a", "v1"))) as told:
        happenings.written("a", "a.v1", good=True)
        told(True)
    happenings.written("a", "a.v2", good=True)
    asked = happenings.operation(Op("reload", ("a",)), asked=True)
    told = asked.__enter__()

    def ends() -> set[str]:
        happened = happenings.happened(excused=False)
        return {
            plugin.version
            for state in outcomes(
                frozenset(), happened, stateful=frozenset(), ranks=happenings.ranks()
            )
            for _, plugin in state
        }

    assert ends() == {"a.v1", "a.v2"}
    told(True)
    asked.__exit__(None, None, None)
    assert ends() == {"a.v2"}

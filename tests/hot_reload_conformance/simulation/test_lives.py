"""What is asked after every step: each question has an answer that breaks it, and one that does
not."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from hot_reload_conformance.adapter import REFERENCE_ORDER, Event, HostAdapter, Ports, Reply
from hot_reload_conformance.recording import Delivery, Moment, Recording
from hot_reload_conformance.simulation.happenings import Happenings
from hot_reload_conformance.simulation.invariants import (
    ALL,
    NO_DUPLICATE,
    ONCE,
    ONE_GENERATION,
    Invariants,
)
from hot_reload_conformance.simulation.lives import (
    FLUSH,
    HOOK_ORDER,
    IN_FLIGHT,
    LIFETIME,
    START_BEFORE_STOP,
    Lives,
)
from hot_reload_conformance.simulation.script import Op
from hot_reload_conformance.simulation.subject import Broken
from hot_reload_conformance.specimens.blue_green import BlueGreenAdapter


class Told:
    """The lives of a sink's generations, told line by line: ``1 start``, ``1 start end``,
    ``1 event``; keeps which questions were answered wrongly."""

    def __init__(self, *lines: str) -> None:
        self.broken: list[str] = []
        self._order = itertools.count()
        lives = Lives(self._expect, REFERENCE_ORDER, lambda: True)
        for line in lines:
            serial, what, phase = [*line.split(), "begin"][:3]
            place = next(self._order), "s", f"s.v{serial}", int(serial)
            if what == "event":
                lives.delivery(Delivery(*place, producer="p1", sequence=place[0]))
            else:
                lives.moment(Moment(*place, what=what, phase=phase))

    def _expect(
        self, holds: bool, name: str, message: str, *, expected: object = "", seen: object = ""
    ) -> None:
        if not holds:
            assert message
            assert expected
            assert seen
            self.broken.append(name)


RUNS = ("1 construct", "1 setup", "1 start", "1 start end")
NEXT = ("2 construct", "2 start", "2 start end")


@pytest.mark.parametrize(
    ("lines", "broken"),
    [
        ((*RUNS, "1 event", *NEXT, "1 flush", "1 stop", "1 teardown"), []),
        (("1 construct", "1 event", "1 start", "1 start end"), [LIFETIME]),
        (("1 construct", "1 start", "1 event", "1 start end"), [LIFETIME]),
        ((*RUNS, *NEXT, "1 stop", "1 event"), [LIFETIME]),
        ((*RUNS, "1 flush", "1 event"), [FLUSH]),
        ((*RUNS, *NEXT, "1 event", "1 stop"), [FLUSH]),
        ((*RUNS, "1 setup"), [HOOK_ORDER]),
        ((*RUNS, *2 * ("1 health_check", "1 get_reload_state")), []),
        ((*RUNS, *NEXT, "1 reply", "1 stop"), [IN_FLIGHT]),
        ((*RUNS, *NEXT, "1 reply", "1 reply end", "1 stop"), []),
        ((*RUNS, "2 construct", "2 start", "1 stop"), [START_BEFORE_STOP]),
        ((*RUNS, *NEXT, "1 stop"), []),
    ],
)
def test_a_life(lines: tuple[str, ...], broken: list[str]) -> None:
    told = Told(*lines)
    assert told.broken == broken


@dataclass
class Host:
    """As much of a host as is asked while it runs."""

    adapter: HostAdapter = field(default_factory=BlueGreenAdapter)
    recording: Recording = field(default_factory=Recording)
    ports: Ports = field(default_factory=Ports)
    operations: int = 0
    swaps_only: bool = False

    def stateful(self, name: str) -> bool:
        raise AssertionError("not while it runs")

    async def reload(self, op: Op, *, asked: bool = False) -> Reply:
        raise AssertionError("not while it runs")

    async def reload_loads(self) -> bool:
        raise AssertionError("not while it runs")

    async def emit(self, producer: str = "p1") -> Event:
        raise AssertionError("not while it runs")

    def begins(self, serial: int, what: str) -> None:
        self.recording.noted("a", f"a.v{serial}", serial, what, "begin")

    def event(self, serial: int, number: int) -> None:
        order = next(self.recording._order)
        self.recording.deliveries.append(Delivery(order, "s", f"s.v{serial}", serial, "p1", number))


def _an_old_one_answers(host: Host) -> None:
    host.begins(2, "reply")
    host.begins(1, "reply")


def _an_old_one_gets_an_event(host: Host) -> None:
    host.event(2, 1)
    host.event(1, 2)


def _twice(host: Host) -> None:
    host.begins(1, "start")
    host.begins(1, "start")


def _the_same_event(host: Host) -> None:
    host.event(1, 1)
    host.event(1, 1)


BUGS: dict[Callable[[Host], None], str] = {
    _an_old_one_answers: ONE_GENERATION,
    _an_old_one_gets_an_event: ONE_GENERATION,
    _twice: ONCE,
    _the_same_event: NO_DUPLICATE,
}


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("bug", BUGS, ids=lambda each: each.__name__.strip("_"))
def test_a_look_finds_what_came_since_the_last(bug: Callable[[Host], None], at_once: bool) -> None:
    # Events would break what is asked of lives too: nothing was started here.
    asked = {BUGS[bug]}
    host = Host()
    invariants = Invariants(host, Happenings(host.recording), frozenset(asked))
    host.begins(1, "setup")
    invariants.look()
    invariants.look()
    if not at_once:
        host.event(1, 77)
        invariants.look()
    bug(host)
    with pytest.raises(Broken) as raised:
        invariants.look()
    assert raised.value.name == BUGS[bug]


@pytest.mark.parametrize("bug", BUGS, ids=lambda each: each.__name__.strip("_"))
def test_a_look_asks_only_what_it_is_to_ask(bug: Callable[[Host], None]) -> None:
    host = Host()
    others = frozenset(ALL) - {BUGS[bug], LIFETIME, HOOK_ORDER}
    invariants = Invariants(host, Happenings(host.recording), others)
    bug(host)
    invariants.look()

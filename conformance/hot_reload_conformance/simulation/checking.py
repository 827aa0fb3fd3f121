"""What the fixture ``hot_reload_simulation`` gives: hunts that fail a test with a story."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from hot_reload_conformance.adapter import HostAdapter
from hot_reload_conformance.simulation.failure import Run
from hot_reload_conformance.simulation.fitting import fits, refuse_unfit
from hot_reload_conformance.simulation.host import VERBS
from hot_reload_conformance.simulation.hunt import RUNS_PER_SCRIPT, Hunt, hunt, replay
from hot_reload_conformance.simulation.script import Script
from hot_reload_conformance.simulation.scripts import FIXED_SCRIPTS
from hot_reload_conformance.simulation.subject import MAIN, SubjectFactory, of_main


class SimulationFailed(AssertionError):
    """The hunt found something, or could not judge; the message is the story."""


class Checking:
    """Simulations for tests, each a plain call; none may run where an event loop runs."""

    def check(
        self,
        subject: SubjectFactory | type[HostAdapter],
        scripts: Iterable[Script | str] | None = None,
        *,
        runs_per_script: int = RUNS_PER_SCRIPT,
        seed: int = 0,
    ) -> Hunt:
        """Hunt through ``scripts`` (None: the fixed ones that fit the adapter's claims).

        A subject that blocks its thread, by a lock it takes twice or a queue that stays empty,
        is interrupted after twice what its adapter declares for an operation, ten seconds as a
        rule, and told: with its line, the script and the string that replays it. That works in
        the main thread, on systems with timer signals. In another thread, and on Windows, it hangs
        as it would in any test: give pytest-timeout a deadline there.

        Raises:
            SimulationFailed: something was found, flaked, or left the simulation.
            ValueError: a script is malformed, or asks for more than the adapter claims.
        """
        adapter: type[HostAdapter] | None = subject if isinstance(subject, type) else None
        if scripts is None:
            chosen = [each for each in FIXED_SCRIPTS if adapter is None or fits(adapter, each)]
        else:
            chosen = [Script.parse(each) if isinstance(each, str) else each for each in scripts]
            if adapter is not None:
                for each in chosen:
                    refuse_unfit(adapter, each, VERBS)
        found = hunt(subject, chosen, runs_per_script=runs_per_script, seed=seed)
        if found.found or found.unknown or found.escaped:
            raise SimulationFailed(found.describe())
        return found

    def check_main(
        self, main: Callable[[], Coroutine[Any, Any, object]], *, runs: int = 200, seed: int = 0
    ) -> Hunt:
        """Hunt through the interleavings of one coroutine function, which asserts for itself.

        Raises:
            SimulationFailed: as ``check``.
        """
        return self.check(of_main(main), [MAIN], runs_per_script=runs, seed=seed)

    def replay(self, subject: SubjectFactory | type[HostAdapter], text: str) -> Run:
        """Run what a failure's last line says; the run tells whether it fails still.

        Raises:
            ValueError: it cannot be replayed here; the message says why.
        """
        return replay(subject, text)

"""A fault: one way in which a reload fails, and how it is made sure that it did.

The table of all faults is ``checks.stages``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from hot_reload_conformance.adapter import ALL_STAGES, PluginSpec, Reply
from hot_reload_conformance.bench.case import Case
from hot_reload_conformance.verdict import CannotJudge, NotClaimed

Kind: TypeAlias = type[BaseException]


@dataclass
class Arranged:
    """A fault that lies in wait. ``fired`` turns true as the plugin comes to it."""

    fault: Fault
    spec: PluginSpec
    fired: bool = False
    undrivable: bool = False
    _undo: list[Callable[[], object]] = field(default_factory=list)

    def require(self, reply: Reply) -> None:
        """Make sure that the reload that ended with ``reply`` came to the fault.

        Raises:
            NotClaimed: this host can't show such a fault.
            CannotJudge: the fault never happened, so nothing was seen.
        """
        if self.undrivable:
            raise NotClaimed(
                f"a hang in {self.fault.stage}: this host calls its hooks in the thread of the "
                "event loop, where no deadline can end them; drop the claim 'timeouts'"
            )
        if self.fired:
            return
        if reply.ok and self.fault.stage == "setup":
            raise NotClaimed("setup at a reload: this host runs setup at the first load only")
        if reply.ok:
            raise CannotJudge(
                f"the reload never came to {self.fault.stage!r}, though the adapter lists it in "
                "its stages: have render() report the hook to the probe, or drop the stage"
            )
        raise CannotJudge(
            f"the reload failed before it came to {self.fault.stage!r}, where the fault was "
            f"planned: {reply.everything or 'no word why'}"
        )

    def undo(self) -> None:
        """Take back what would make a later reload to the same version fail as well."""
        while self._undo:
            self._undo.pop()()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which a reload fails."""

    stage: str
    how: str
    """In words, behind the stage: ``raises SystemExit``, ``the file is deleted``."""
    put: Callable[[Case, PluginSpec, Arranged], None]
    kind: Kind | None = None
    """What is raised; None: no exception of a plugin's is the cause."""
    cause: tuple[str, ...] = ()
    """Words of which a report of this failure has at least one, in lower case; (): any."""
    hangs: bool = False

    @property
    def name(self) -> str:
        return f"{self.stage}: {self.how}"

    @property
    def base(self) -> bool:
        """Whether it raises what ``except Exception`` lets through."""
        return self.kind is not None and not issubclass(self.kind, Exception)

    @property
    def starts(self) -> bool:
        """Whether the new generation's start has begun when it strikes."""
        return ALL_STAGES.index(self.stage) >= ALL_STAGES.index("start")

    def arrange(self, case: Case, spec: PluginSpec) -> Arranged:
        """Write ``spec`` and plan, so that the next reload to it fails at this stage."""
        arranged = Arranged(self, spec)
        self.put(case, spec, arranged)
        return arranged

    async def strike(self, case: Case, spec: PluginSpec) -> Reply:
        """Arrange, reload, and make sure that the fault happened; the plugin must be loaded."""
        arranged = self.arrange(case, spec)
        reply = await case.reload(spec.ref)
        arranged.require(reply)
        arranged.undo()
        return reply

"""A part: what one plugin goes through in a transaction, beside others or alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hot_reload.config.equality import same
from hot_reload.errors import PluginFault
from hot_reload.hooks import ADOPT_CONNECTION
from hot_reload.manifest import SwapPolicy
from hot_reload.outcome import Failure, Role, Running, Stage, StateCarried
from hot_reload.runtime.building import Building
from hot_reload.runtime.fault import failure_of
from hot_reload.runtime.generation import Generation
from hot_reload.runtime.slot import Slot
from hot_reload.runtime.steps import Steps
from hot_reload.source.snapshot import SourceSnapshot


class Part:
    """One plugin in one transaction: its old generation, the new one, and how far it is.

    While ``snapshot`` is None there is nothing new to make of it: it only leaves.
    """

    def __init__(self, slot: Slot, steps: Steps, building: Building) -> None:
        self.slot = slot
        self.old = slot.current
        self.new: Generation | None = None
        self.steps = steps
        self.building = building
        self.snapshot: SourceSnapshot | None = None
        self.config: Mapping[str, Any] = slot.config
        self.forced = False
        self.restores = False
        """A first generation gets the state that the engine's store has."""
        self.exclusive = False
        """The old one stops before the new one starts."""
        self.stopped = False
        """The old one has begun to stop, and can't go on as it is."""
        self.state: Any = None
        self.handed: list[str] = []
        """The connections that the new one has of the old one."""
        self.carried = StateCarried.NOTHING_TO_CARRY
        self.warnings: list[Failure] = []
        self.failure: Failure | None = None
        self.beyond_repair: Failure | None = None
        self.restored: Running | None = None
        """What was made of the old one's bytes, since that had stopped."""

    @property
    def name(self) -> str:
        return self.slot.name

    @property
    def built(self) -> Generation:
        """The new generation, once there is one."""
        assert self.new is not None
        return self.new

    @property
    def differs(self) -> bool:
        """Whether the new one is made of other bytes than the old one, if there is one."""
        assert self.snapshot is not None
        return self.old is None or self.snapshot.sha256 != self.old.snapshot.sha256

    @property
    def renews(self) -> bool:
        """Whether it is about other bytes or another configuration than run; otherwise it only
        follows somebody, or is forced."""
        return self.snapshot is None or self.differs or not same(self.config, self.slot.config)

    @property
    def wants_stop_first(self) -> bool:
        """Whether the old or the new version declares it."""
        return self.old is not None and SwapPolicy.STOP_FIRST in (
            self.old.described.swap_policy,
            self.built.described.swap_policy,
        )

    @property
    def carries_state(self) -> bool:
        return self.old is not None and self.old.hands_over_to(self.built)

    @property
    def hands_over(self) -> bool:
        """Whether anything goes from the old generation to the new one: it has to stand still."""
        context = self.old.context if self.old is not None else None
        connected = context is not None and bool(context.connections)
        return self.carries_state or (connected and self.built.hooks.has(ADOPT_CONNECTION))

    @property
    def last_sink_gone(self) -> bool:
        """Whether no generation after the old one is a sink."""
        assert self.old is not None
        return Role.SINK in self.old.roles and (self.new is None or Role.SINK not in self.new.roles)

    def blame(self, stage: Stage, fault: PluginFault) -> None:
        """Keep ``fault`` as what this part failed by."""
        self.failure = failure_of(stage, fault)

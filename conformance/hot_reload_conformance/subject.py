"""Subjects: what is held against the contract, a host by its adapter or a plugin by its file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Claim, HostAdapter


@dataclass(frozen=True, slots=True)
class HostSubject:
    """A host: the class of its adapter, and a maker where the class is not enough."""

    adapter: type[HostAdapter]
    name: str = ""
    claims: frozenset[Claim] = field(default=frozenset())
    make: Callable[[], HostAdapter] | None = None
    """Makes a fresh adapter, where calling ``adapter`` without arguments would not do."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", self.name or self.adapter.name)
        object.__setattr__(self, "claims", self.claims or self.adapter.claims)

    def factory(self) -> HostAdapter:
        """A fresh adapter, for one case."""
        made = (self.make or self.adapter)()
        made.__dict__["claims"] = self.claims  # a project may claim less than its adapter can
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSubject:
    """What a plugin's author adds, so that more of the contract can be checked.

    All of it is optional. Give it as the fixture ``hot_reload_subject``, or under a
    dotted name in ``[tool.hot-reload]``; without it the clauses that need it count
    as not claimed, and the report says what to add.

    Example::

        hot_reload_subject = PluginSubject(
            config=lambda folder: {"path": str(folder / "events.db")},
            exercise=use_it,                      # async def use_it(plugin): ...
            observe=read_rows,                    # async def read_rows(plugin) -> list of events
        )
    """

    config: Mapping[str, Any] | Callable[[Path], Mapping[str, Any]] = field(default_factory=dict)
    """What the plugin is configured with; a function is given a fresh folder for each case."""
    exercise: Callable[[Any], Awaitable[None]] | None = None
    """Use the running plugin as its users would, so that its hooks have something to do."""
    events: Sequence[Any] | Any = ()
    """Events that a sink takes: a sequence, or a Hypothesis strategy of one event."""
    observe: Callable[[Any], Awaitable[Sequence[Any]]] | None = None
    """For a sink: what has arrived where it writes, in order, as the events that were written."""
    states: Sequence[Any] | Any = ()
    """States that its restore hook takes: a sequence, a Hypothesis strategy, or recorded files."""
    recorded: Sequence[str | Path] = ()
    """Files with a state of an earlier released version, as JSON, kept in the plugin's repository;
    a relative path begins at the plugin's own folder, and of a folder every ``*.json`` counts."""
    secrets: Sequence[str] = ()
    """Values in ``config`` that must appear nowhere."""

    def configured(self, folder: Path) -> dict[str, Any]:
        """The config for one case, whose own empty folder is ``folder``."""
        return dict(self.config(folder) if callable(self.config) else self.config)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginUnderTest:
    """A plugin: the file or package that is judged, and what its author added."""

    path: Path
    name: str
    subject: PluginSubject = field(default_factory=PluginSubject)
    described: bool = False
    """Whether the author gave a description."""

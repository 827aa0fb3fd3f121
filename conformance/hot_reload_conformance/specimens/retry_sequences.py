"""Wrong hosts whose retries are right for one plugin and one edit, and not beside or behind others.

No example of the contract comes to these: the watching machine does.
"""

from __future__ import annotations

from pathlib import Path

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.specimens.blue_green import HostError
from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.watching_host import (
    Entry,
    Print,
    WatchingAdapter,
    WatchingHost,
)


class _OneBudget(WatchingHost):
    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        others = [each.tries for other, each in self.entries.items() if other != name]
        entry.tries = max(entry.tries, *others, 0)
        super().failed_at(name, entry, target, error)


@specimen(
    "HR-LIMIT-03",
    says="does not serve: it was tried",
    bug="one budget of retries for the whole host, which a neighbour's trouble uses up",
)
class OneBudget(WatchingAdapter):
    name = "one-budget-of-retries-for-all"
    host_class = _OneBudget


class _OnceInPassing(WatchingHost):
    """A plugin that once failed in passing is one that fails in passing."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.passing: set[str] = set()

    def transient(self, error: HostError) -> bool:
        name = str(error).split("'")[1]
        if super().transient(error):
            self.passing.add(name)
        return name in self.passing


@specimen(
    "HR-LIMIT-03",
    says="a syntax error in",
    bug="what kind of failure it was is kept for the plugin, not for the edit",
)
class OnceInPassing(WatchingAdapter):
    name = "syntax-error-retried-behind-a-passing-one"
    host_class = _OnceInPassing


class _DelayGoesOn(WatchingHost):
    """The pauses of an edit begin with the longest that the plugin ever had."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.longest: dict[str, float] = {}

    def failed_at(self, name: str, entry: Entry, target: Print, error: HostError) -> None:
        super().failed_at(name, entry, target, error)
        if entry.tries < self.pace.tries:
            pause = max(self.delay(entry.tries), self.longest.get(name, 0.0))
            entry.not_before = self.now() + pause
        elif entry.applied == target:
            self.longest[name] = self.delay(entry.tries - 1)


@specimen(
    "HR-LIMIT-03",
    says="come without a growing delay",
    bug="a new edit resets the number of tries, and not the pause between them",
)
class DelayGoesOn(WatchingAdapter):
    name = "new-edit-keeps-the-retry-delay"
    host_class = _DelayGoesOn

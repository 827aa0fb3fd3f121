"""Wrong hosts that may be used from any thread, and leave a door open for one."""

from __future__ import annotations

from hot_reload_conformance.specimens.locked_host import Entry, LockedAdapter, LockedHost
from hot_reload_conformance.specimens.registry import specimen

# HR-STATE-02, no-lost-update


class _MovesUnlocked(LockedHost):
    """Calls go on while the state is on its way: only the swap itself is guarded."""

    def take_over(self, old: Entry, new: Entry) -> None:
        self.carry(old, new)
        self.begin(new, "on_reload")
        with self.serving:
            new.enabled = old.enabled
            self.plugins[old.name] = new


@specimen(
    "HR-STATE-02",
    says="was answered, and is lost",
    bug="a lock around the assignment, and none around what it completes",
)
class MovesUnlocked(LockedAdapter):
    name = "state-moves-unlocked"
    host_class = _MovesUnlocked


# HR-STATE-05, enabled-flag


class _TakesTheFlagEarly(LockedHost):
    """It is read with the state of the code, not with that of the plugin."""

    def made(self, name: str) -> Entry:
        new = super().made(name)
        new.enabled = "on_reload" in new.parts
        return new

    def take_over(self, old: Entry, new: Entry) -> None:
        enabled = new.enabled
        super().take_over(old, new)
        new.enabled = enabled


@specimen("HR-STATE-05", says="a disabled plugin", bug="a new entry is enabled, as each is")
class TakesTheFlagEarly(LockedAdapter):
    name = "locked-entry-enabled-anew"
    host_class = _TakesTheFlagEarly

"""Wrong hosts whose settings are right behind each file, and not behind what comes next.

No example of the contract comes to these: the machine of configuration does.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Ports
from hot_reload_conformance.specimens.blue_green import Generation, HostError
from hot_reload_conformance.specimens.configured_host import (
    APPLIES_EVERY_SECONDS,
    ConfiguredAdapter,
    ConfiguredHost,
)
from hot_reload_conformance.specimens.registry import specimen


class _AppliesBesideReloads(ConfiguredHost):
    @contextlib.asynccontextmanager
    async def held(self, names: Sequence[str]) -> AsyncIterator[None]:
        yield


@specimen(
    "HR-CONF-01",
    says="other settings than the good file that was applied last says",
    bug="settings given to the old generation while its plugin's reload has those before in hand",
)
class AppliesBesideReloads(ConfiguredAdapter):
    name = "config-lost-beside-a-reload"
    host_class = _AppliesBesideReloads


class _ForgetsAtAFailure(ConfiguredHost):
    """A failed reload clears away all that is kept under the plugin's name."""

    async def release_half_made(self, new: Generation) -> None:
        await super().release_half_made(new)
        self.settings.pop(new.name, None)


@specimen(
    "HR-CONF-01",
    says="other settings than the good file that was applied last says",
    bug="the reload behind one that failed makes its plugin without settings",
)
class ForgetsAtAFailure(ConfiguredAdapter):
    name = "config-forgotten-by-a-failed-reload"
    host_class = _ForgetsAtAFailure


class _ReadsInto(ConfiguredHost):
    """Reads into what it keeps, and looks whether it is right behind that."""

    def check(self, name: str, settings: Mapping[str, Any], text: str, path: Path) -> None:
        if any(True for _ in self.wrong_keys(name, settings)):
            self.settings[name] = dict(settings)
        super().check(name, settings, text, path)


@specimen(
    "HR-CONF-02",
    says="other settings than those that ran, the last file that was tried being",
    bug="a wrong value was refused, and comes with the next reload of its plugin's code",
)
class ReadsInto(ConfiguredAdapter):
    name = "config-bad-one-comes-with-a-reload"
    host_class = _ReadsInto


class _KeepsWhatWasTaken(ConfiguredHost):
    """Those that took theirs are given the old ones again; what is kept is the new."""

    async def give_back(self, took: Sequence[str], changed: Sequence[str]) -> None:
        await super().give_back(took, changed)
        self.settings |= {name: self.wanted[name] for name in took}

    async def give_all(self, wanted: dict[str, dict[str, Any]], changed: Sequence[str]) -> None:
        self.wanted = wanted
        await super().give_all(wanted, changed)


@specimen(
    "HR-CONF-03",
    says="other settings than those that ran, the last file that was tried being refused by",
    bug="a roll-back that plugins see and the host's own table does not, until the next reload",
)
class KeepsWhatWasTaken(ConfiguredAdapter):
    name = "config-refused-one-comes-with-a-reload"
    host_class = _KeepsWhatWasTaken


class _BacksOff(ConfiguredHost):
    """Who has written two bad files in a row is thought to be in the middle of something."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.bad = 0

    async def apply(self, path: Path) -> None:
        try:
            await super().apply(path)
        except HostError:
            self.bad += 1
            if self.bad > 1:
                self.applied_at = self.ports.clock.now() + APPLIES_EVERY_SECONDS
            raise
        self.bad = 0


@specimen(
    "HR-CONF-04",
    says="with nothing before it, it took",
    bug="a back-off that begins at the second bad file and delays the good one behind it",
)
class BacksOff(ConfiguredAdapter):
    name = "config-backs-off-behind-bad-ones"
    host_class = _BacksOff

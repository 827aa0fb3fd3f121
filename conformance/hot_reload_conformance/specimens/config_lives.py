"""Wrong hosts whose plugins come back with the wrong settings, or are given none of some."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hot_reload_conformance.specimens.blue_green import BlueGreenHost, Generation, HostError
from hot_reload_conformance.specimens.configured_host import (
    ConfiguredAdapter,
    ConfiguredHost,
    Settings,
)
from hot_reload_conformance.specimens.registry import specimen

# HR-CONF-01, applied


class _FirstSettings(ConfiguredHost):
    """What a plugin was given first is kept for its next load."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.first: dict[str, dict[str, Any]] = {}

    async def take(self, given: Settings) -> None:
        await super().take(given)
        for name, settings in self.settings.items():
            self.first.setdefault(name, settings)

    async def load_locked(self, name: str) -> None:
        if name in self.first:
            self.settings[name] = self.first[name]
        await super().load_locked(name)


@specimen(
    "HR-CONF-01",
    says="was unloaded and loaded again, and runs with settings that it had before",
    bug="load() keeps its own arguments, and uses them again",
)
class FirstSettings(ConfiguredAdapter):
    name = "settings-of-the-first-load"
    host_class = _FirstSettings


class _NoneAtTheSecond(ConfiguredHost):
    """A load gives no settings, and what the file says is held to be what runs."""

    async def load_locked(self, name: str) -> None:
        kept = self.settings.pop(name, None)
        await super().load_locked(name)
        if kept is not None:
            self.settings[name] = kept


@specimen(
    "HR-CONF-01",
    says="compares the file with the last one, and not with what runs",
    bug="the reference engine's reloader, once",
)
class NoneAtTheSecond(ConfiguredAdapter):
    name = "no-settings-after-a-second-load"
    host_class = _NoneAtTheSecond


class _ForgetsAtReload(ConfiguredHost):
    """Settings belong to a load: what comes in by a reload behind a second one has none."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.loads: dict[str, int] = {}

    async def load_locked(self, name: str) -> None:
        await super().load_locked(name)
        self.loads[name] = self.loads.get(name, 0) + 1

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        if new.name in self.live and self.loads.get(new.name, 0) > 1:
            await BlueGreenHost.build(self, new, files)
        else:
            await super().build(new, files)


@specimen(
    "HR-CONF-01",
    says="after a plugin that had been loaded again was reloaded",
    bug="the second load stands in another table than the first",
)
class ForgetsAtReload(ConfiguredAdapter):
    name = "settings-lost-behind-a-second-load"
    host_class = _ForgetsAtReload


class _DeafAfterAFailure(ConfiguredHost):
    """A plugin whose reload failed is passed over until one succeeds."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.bad: set[str] = set()

    async def reload(self, name: str) -> list[str]:
        self.bad.add(name)
        warnings = await super().reload(name)
        self.bad.discard(name)
        return warnings

    def changed(self, wanted: Settings) -> list[str]:
        return [name for name in super().changed(wanted) if name not in self.bad]


@specimen(
    "HR-CONF-01",
    says="after a failed reload, and new settings",
    bug="a plugin in error is left out of every later pass",
)
class DeafAfterAFailure(ConfiguredAdapter):
    name = "no-settings-after-a-failed-reload"
    host_class = _DeafAfterAFailure


class _DropsWhatIsOut(ConfiguredHost):
    """A part for nobody is taken for done: it is compared with the next file."""

    async def apply(self, path: Path) -> None:
        given = self.read_settings_of_some(path)
        await self.take(self.completed({n: s for n, s in given.items() if n in self.live}))

    def read_settings_of_some(self, path: Path) -> Settings:
        held: Settings = self.parse(path.read_bytes().decode("utf-8"), path)
        return held


@specimen(
    "HR-CONF-01",
    says="was loaded, whose part had changed before, and runs with settings that it had before",
    bug="what is not loaded is skipped, and loaded later with what it had",
)
class DropsWhatIsOut(ConfiguredAdapter):
    name = "part-for-an-unloaded-one-dropped"
    host_class = _DropsWhatIsOut


class _TruthOnly(ConfiguredHost):
    def copied(self, given: Settings) -> dict[str, dict[str, Any]]:
        new = super().copied(given)
        return {name: {k: v for k, v in each.items() if v} for name, each in new.items()}


@specimen("HR-CONF-01", says="other settings than they should", bug="'if value:' for 'is not None'")
class TruthOnly(ConfiguredAdapter):
    name = "empty-settings-left-out"
    host_class = _TruthOnly


class _ComparesByEquality(ConfiguredHost):
    def changed(self, wanted: Settings) -> list[str]:
        return [name for name, each in wanted.items() if self.settings.get(name) != each]


@specimen("HR-CONF-01", says="other settings than they should", bug="True == 1, so nothing changed")
class ComparesByEquality(ConfiguredAdapter):
    name = "settings-compared-by-equality"
    host_class = _ComparesByEquality


class _ComparesAsSets(ConfiguredHost):
    def changed(self, wanted: Settings) -> list[str]:
        found = super().changed(wanted)
        return [n for n in found if _unordered(wanted[n]) != _unordered(self.settings.get(n))]


def _unordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _unordered(each) for key, each in value.items()}
    return sorted(map(repr, value)) if isinstance(value, list) else repr(value)


@specimen("HR-CONF-01", says="other settings than they should", bug="a hash over sorted items")
class ComparesAsSets(ConfiguredAdapter):
    name = "order-of-lists-overlooked"
    host_class = _ComparesAsSets


class _AsciiOnly(ConfiguredHost):
    def copied(self, given: Settings) -> dict[str, dict[str, Any]]:
        text = json.dumps(super().copied(given), ensure_ascii=False)
        copied: dict[str, dict[str, Any]] = json.loads(text.encode("ascii", "replace"))
        return copied


@specimen("HR-CONF-01", says="other settings than they should", bug="a round trip by the C locale")
class AsciiOnly(ConfiguredAdapter):
    name = "settings-in-ascii"
    host_class = _AsciiOnly


class _SkipsDisabled(ConfiguredHost):
    def changed(self, wanted: Settings) -> list[str]:
        live = {name for name, each in self.live.items() if each.enabled}
        return [name for name in super().changed(wanted) if name in live or name not in self.live]


@specimen(
    "HR-CONF-01",
    says="changed while it was disabled",
    bug="who does not serve is told nothing, now or later",
)
class SkipsDisabled(ConfiguredAdapter):
    name = "no-settings-while-disabled"
    host_class = _SkipsDisabled


class _RefusesCarriageReturns(ConfiguredHost):
    def read_settings(self, path: Path) -> Settings:
        if path.is_file() and b"\r" in path.read_bytes():
            raise HostError(f"{path}:1: a control character")
        return super().read_settings(path)


@specimen("HR-CONF-01", says="refused for how it is written", bug="a file from a Windows editor")
class RefusesCarriageReturns(ConfiguredAdapter):
    name = "settings-with-windows-line-ends-refused"
    host_class = _RefusesCarriageReturns


class _GivesShort(ConfiguredHost):
    """A value goes over a pipe of which one read is taken for all."""

    async def give(self, name: str, settings: Mapping[str, Any]) -> None:
        cut = {k: v[:65_536] if isinstance(v, str) else v for k, v in settings.items()}
        await super().give(name, cut)


@specimen("HR-CONF-01", says="after a good settings file was applied", bug="one read of 64 KiB")
class GivesShort(ConfiguredAdapter):
    name = "long-settings-cut"
    host_class = _GivesShort


class _ForgetsTheOthers(ConfiguredHost):
    """Whoever is loaded begins the book of what runs anew."""

    async def load_locked(self, name: str) -> None:
        await super().load_locked(name)
        self.settings = {n: each for n, each in self.settings.items() if n == name}


@specimen(
    "HR-CONF-01",
    says="the same file was applied, and alpha, gamma were stopped, started or given settings",
    bug="a load clears the cache of what was applied",
)
class ForgetsTheOthers(ConfiguredAdapter):
    name = "all-told-again-after-a-load"
    host_class = _ForgetsTheOthers

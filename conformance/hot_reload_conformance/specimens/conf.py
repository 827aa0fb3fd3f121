"""Wrong hosts: settings that are half applied, not told of, shared, or run as code."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hot_reload_conformance.adapter import Reply
from hot_reload_conformance.specimens.blue_green import BlueGreenHost, Generation, HostError
from hot_reload_conformance.specimens.configured_host import (
    ConfiguredAdapter,
    ConfiguredHost,
    Settings,
)
from hot_reload_conformance.specimens.registry import specimen

# HR-CONF-01, applied


class _TellsAll(ConfiguredHost):
    def changed(self, wanted: Settings) -> list[str]:
        found = super().changed(wanted)
        return list(wanted) if found else []


@specimen("HR-CONF-01", says="whose own did not change", bug="everyone is told of every change")
class TellsAll(ConfiguredAdapter):
    name = "config-told-to-all"
    host_class = _TellsAll


class _KeepsWhatIsGone(ConfiguredHost):
    def completed(self, given: Settings) -> Settings:
        return given


@specimen(
    "HR-CONF-01", says="no file has them any more", bug="only what the file names is looked at"
)
class KeepsWhatIsGone(ConfiguredAdapter):
    name = "config-part-gone-stays"
    host_class = _KeepsWhatIsGone


class _Merges(ConfiguredHost):
    def copied(self, given: Settings) -> dict[str, dict[str, Any]]:
        new = super().copied(given)
        return {name: {**self.settings.get(name, {}), **each} for name, each in new.items()}


@specimen("HR-CONF-01", says="other settings than they should", bug="vectordotdev/vector#18933")
class Merges(ConfiguredAdapter):
    name = "config-keys-never-go"
    host_class = _Merges


class _GoesByTheDate(ConfiguredHost):
    date = 0

    async def apply(self, path: Path) -> None:
        date = path.stat().st_mtime_ns if path.exists() else -1
        if date != self.date:
            await super().apply(path)
            self.date = date


@specimen(
    "HR-CONF-01",
    says="after a good settings file of the same date was applied",
    bug="settings are cached by their file's mtime",
)
class GoesByTheDate(ConfiguredAdapter):
    name = "settings-by-date"
    host_class = _GoesByTheDate


class _KeyByKey(ConfiguredHost):
    async def give(self, name: str, settings: Mapping[str, Any]) -> None:
        given = {k: v for k, v in self.settings.get(name, {}).items() if k in settings}
        for key, value in settings.items() or [("", None)]:
            given |= {key: value} if settings else {}
            await super().give(name, given)


@specimen("HR-CONF-01", says="piece by piece", bug="setattr(plugin, key, value) for each key")
class KeyByKey(ConfiguredAdapter):
    name = "settings-key-by-key"
    host_class = _KeyByKey


class _SettingsLast(ConfiguredHost):
    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        await BlueGreenHost.build(self, new, files)

    async def reload(self, name: str) -> list[str]:
        warnings = await super().reload(name)
        if name in self.settings:
            await self.give(name, self.settings[name])
        return warnings


@specimen(
    "HR-CONF-01",
    says="it had begun to serve without them",
    bug="a reload is a load, and settings are a step behind it",
)
class SettingsLast(ConfiguredAdapter):
    name = "settings-last"
    host_class = _SettingsLast


class _ComparesTop(ConfiguredHost):
    def changed(self, wanted: Settings) -> list[str]:
        found = super().changed(wanted)
        return [name for name in found if _plain(wanted[name]) != _plain(self.settings.get(name))]


def _plain(settings: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if settings is None:
        return None
    return {key: value for key, value in settings.items() if not isinstance(value, dict)} | {
        key: sorted(value) for key, value in settings.items() if isinstance(value, dict)
    }


@specimen("HR-CONF-01", says="other settings than they should", bug="compared at the top only")
class ComparesTop(ConfiguredAdapter):
    name = "config-compared-at-the-top"
    host_class = _ComparesTop


# HR-CONF-02, invalid-keeps-old


class _TrustsPrograms(ConfiguredHost):
    async def take_mapping(self, given: Settings) -> None:
        await self.take(given)


@specimen("HR-CONF-02", says="a mapping with a text for beta's size", bug="only files are checked")
class TrustsPrograms(ConfiguredAdapter):
    name = "config-of-programs-unchecked"
    host_class = _TrustsPrograms


class _EmptyApplies(ConfiguredHost):
    def parse(self, text: str, path: Path) -> Any:
        if not text.strip():
            return {name: {} for name in self.live}
        return super().parse(text, path)


@specimen("HR-CONF-02", says="that is empty is applied", bug="deblasis/wintty#1138")
class EmptyApplies(ConfiguredAdapter):
    name = "config-empty-applies"
    host_class = _EmptyApplies


class _ChecksAsItGoes(ConfiguredHost):
    def check(self, name: str, settings: Mapping[str, Any], text: str, path: Path) -> None:
        self.last = text, path

    async def give(self, name: str, settings: Mapping[str, Any]) -> None:
        super().check(name, settings, *self.last)
        await super().give(name, settings)

    async def give_back(self, took: Sequence[str], changed: Sequence[str]) -> None:
        return None


@specimen("HR-CONF-02", says="other settings than they should", bug="checked as it is applied")
class ChecksAsItGoes(ConfiguredAdapter):
    name = "config-checked-as-it-goes"
    host_class = _ChecksAsItGoes


class _Unchecked(ConfiguredHost):
    def check(self, name: str, settings: Mapping[str, Any], text: str, path: Path) -> None:
        return None


@specimen(
    "HR-CONF-02", says="is applied", bug="open-telemetry/opentelemetry-collector#11817, unchecked"
)
class Unchecked(ConfiguredAdapter):
    name = "config-unchecked"
    host_class = _Unchecked


@specimen("HR-CONF-02", says="is applied", bug="design A-w: except: pass")
class Swallowed(ConfiguredAdapter):
    name = "config-error-swallowed"

    async def apply_config(self, path: Path) -> Reply | bool | None:
        try:
            return await super().apply_config(path)
        except HostError:
            return None


class _WithoutLine(ConfiguredHost):
    async def apply(self, path: Path) -> None:
        try:
            await super().apply(path)
        except HostError as error:
            words = " ".join(w for w in str(error).split() if not any(c.isdigit() for c in w))
            raise HostError(f"{path}: {words}") from None


@specimen("HR-CONF-02", says="does not name the line", bug="which of 400 lines is it?")
class WithoutLine(ConfiguredAdapter):
    name = "config-error-without-line"
    host_class = _WithoutLine


class _WithoutKey(ConfiguredHost):
    def check(self, name: str, settings: Mapping[str, Any], text: str, path: Path) -> None:
        try:
            super().check(name, settings, text, path)
        except HostError as error:
            raise HostError(str(error).replace("size", "a value")) from None


@specimen("HR-CONF-02", says="does not name the key", bug="expected int, got str")
class WithoutKey(ConfiguredAdapter):
    name = "config-error-without-key"
    host_class = _WithoutKey


# HR-CONF-03, all-or-nothing


class _KeepsHalf(ConfiguredHost):
    async def give_back(self, took: Sequence[str], changed: Sequence[str]) -> None:
        return None


@specimen("HR-CONF-03", says="other settings than they should", bug="fapilog: half is told")
class KeepsHalf(ConfiguredAdapter):
    name = "config-half-applied"
    host_class = _KeepsHalf


class _GoodTooEarly(ConfiguredHost):
    async def take(self, given: Settings) -> None:
        try:
            await super().take(given)
        except HostError:
            self.settings |= self.copied(given)
            raise


@specimen("HR-CONF-03", says="says that they are applied", bug="last_good is set before the commit")
class GoodTooEarly(ConfiguredAdapter):
    name = "config-good-too-early"
    host_class = _GoodTooEarly


class _GoesOn(ConfiguredHost):
    async def give(self, name: str, settings: Mapping[str, Any]) -> None:
        try:
            await super().give(name, settings)
        except HostError:
            return


@specimen("HR-CONF-03", says="says that they are applied", bug="design E-s: the error is swallowed")
class GoesOn(ConfiguredAdapter):
    name = "config-refusal-swallowed"
    host_class = _GoesOn


# HR-CONF-04, next-good-applies


class _BurnsTheInterval(ConfiguredHost):
    async def look(self, path: Path, now: float) -> None:
        before = self.handled
        await super().look(path, now)
        if self.handled != before:
            self.applied_at = now


@specimen("HR-CONF-04", says="without the bad one it took", bug="design A-v")
class BurnsTheInterval(ConfiguredAdapter):
    name = "config-bad-one-burns-the-interval"
    host_class = _BurnsTheInterval


class _EndsTheWatch(ConfiguredHost):
    async def look_again_and_again(self, path: Path) -> None:
        try:
            await super().look_again_and_again(path)
        except HostError:
            return

    async def look(self, path: Path, now: float) -> None:
        if path.read_bytes() != self.handled:
            self.read_settings(path)
        await super().look(path, now)


@specimen(
    "HR-CONF-04",
    says="is not applied in 60 s",
    bug="prometheus-operator/prometheus-operator#4705",
)
class EndsTheWatch(ConfiguredAdapter):
    name = "config-watch-ends-at-a-bad-one"
    host_class = _EndsTheWatch


class _RemembersFailure(ConfiguredHost):
    spent = False

    async def apply(self, path: Path) -> None:
        if self.spent:
            raise HostError(f"{path}: the configuration has failed; start the host again")
        try:
            await super().apply(path)
        except HostError:
            self.spent = True
            raise


@specimen("HR-CONF-04", says="a good settings file is not applied", bug="failed until a restart")
class RemembersFailure(ConfiguredAdapter):
    name = "config-failed-for-ever"
    host_class = _RemembersFailure


# HR-CONF-05, copied


class _KeepsTheMapping(ConfiguredHost):
    def copied(self, given: Settings) -> dict[str, dict[str, Any]]:
        return {
            name: each if isinstance(each, dict) else dict(each) for name, each in given.items()
        }


@specimen("HR-CONF-05", says="and a reload", bug="copied for the plugin, kept by reference")
class KeepsTheMapping(ConfiguredAdapter):
    name = "config-kept-by-reference"
    host_class = _KeepsTheMapping


class _CopiesTop(ConfiguredHost):
    async def give(self, name: str, settings: Mapping[str, Any]) -> None:
        await self.hook(self.known(name, "settings"), "configure", dict(settings))

    def copied(self, given: Settings) -> dict[str, dict[str, Any]]:
        return {name: dict(settings) for name, settings in given.items()}


@specimen("HR-CONF-05", says="after the caller changed the mapping", bug="a shallow copy")
class CopiesTop(ConfiguredAdapter):
    name = "config-copied-at-the-top"
    host_class = _CopiesTop


class _SharesAmongPlugins(ConfiguredHost):
    async def take(self, given: Settings) -> None:
        self.one = {id(each): dict(each) for each in given.values()}
        self.which = {name: id(each) for name, each in given.items()}
        await super().take(given)

    async def give(self, name: str, settings: Mapping[str, Any]) -> None:
        shared = self.one[self.which[name]]
        await self.hook(self.known(name, "settings"), "configure", shared)


@specimen("HR-CONF-05", says="changed its own settings", bug="one mapping for two plugins")
class SharesAmongPlugins(ConfiguredAdapter):
    name = "config-shared-among-plugins"
    host_class = _SharesAmongPlugins


# HR-CONF-06, unchanged-noop


class _AlwaysApplies(ConfiguredHost):
    def changed(self, wanted: Settings) -> list[str]:
        return list(wanted)


@specimen("HR-CONF-06", says="applied a second time", bug="each write costs an interruption")
class AlwaysApplies(ConfiguredAdapter):
    name = "config-applied-every-time"
    host_class = _AlwaysApplies


class _ComparesInOrder(ConfiguredHost):
    def changed(self, wanted: Settings) -> list[str]:
        return [n for n, each in wanted.items() if json.dumps(each) != self.text_of(n)]

    def text_of(self, name: str) -> str:
        return json.dumps(self.settings.get(name))


@specimen("HR-CONF-06", says="in another order", bug="a management tool sorts keys anew")
class ComparesInOrder(ConfiguredAdapter):
    name = "config-compared-as-text"
    host_class = _ComparesInOrder


# HR-CONF-07, safe


class _Trusting(ConfiguredHost):
    """``yaml.load`` as it was in the manuals for years."""

    def parse(self, text: str, path: Path) -> Any:
        if path.suffix != ".yaml":
            return super().parse(text, path)
        import importlib

        from ruamel.yaml import YAML
        from ruamel.yaml.constructor import SafeConstructor

        def call(constructor: Any, suffix: str, node: Any) -> Any:
            module, _, function = suffix.rpartition(".")
            arguments = [each.value for each in node.value]
            return getattr(importlib.import_module(module), function)(*arguments)

        class Unsafe(SafeConstructor):
            pass

        Unsafe.add_multi_constructor("tag:yaml.org,2002:python/object/apply:", call)
        yaml = YAML(typ="safe", pure=True)
        yaml.Constructor = Unsafe
        return yaml.load(text)


@specimen("HR-CONF-07", says="ran code in the host", bug="yaml.load with its full loader")
class Trusting(ConfiguredAdapter):
    name = "config-runs-tags"
    host_class = _Trusting


class _SafeLoaderAlone(ConfiguredHost):
    def parse(self, text: str, path: Path) -> Any:
        if path.suffix != ".yaml":
            return super().parse(text, path)
        from ruamel.yaml import YAML

        try:
            return YAML(typ="safe", pure=True).load(text)
        except Exception as error:
            raise HostError(f"{path}: {error}") from None


@specimen("HR-CONF-07", says="aliases of aliases is applied", bug="safe_load is not safe enough")
class SafeLoaderAlone(ConfiguredAdapter):
    name = "config-takes-aliases"
    host_class = _SafeLoaderAlone


class _LastKeyWins(ConfiguredHost):
    def parse(self, text: str, path: Path) -> Any:
        return json.loads(text) if path.suffix == ".json" else super().parse(text, path)


@specimen("HR-CONF-07", says="with a key twice is applied", bug="the last one wins")
class LastKeyWins(ConfiguredAdapter):
    name = "config-last-key-wins"
    host_class = _LastKeyWins


@specimen("HR-CONF-07", says="200 deep is applied", bug="as deep as the stack is")
class AnyDepth(ConfiguredAdapter):
    name = "config-takes-any-depth"
    host_class = _LastKeyWins


@specimen("HR-CONF-07", says="ends in a RecursionError", bug="as deep as the stack is")
class Overflows(ConfiguredAdapter):
    name = "config-overflows-the-stack"
    host_class = _LastKeyWins

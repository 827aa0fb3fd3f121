"""Wrong hosts: the state of a plugin on its way from the old generation to the new one."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from hot_reload_conformance.adapter import Event, Reply
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.pipeline_host import PipelineAdapter, PipelineHost
from hot_reload_conformance.specimens.registry import specimen
from hot_reload_conformance.specimens.stop_first_host import StopFirstAdapter, StopFirstHost


class _EmptyIsNone(BlueGreenHost):
    async def restore_state(self, old: Generation, new: Generation, state: Any) -> None:
        if state:
            await super().restore_state(old, new, state)


@specimen("HR-STATE-01", says="and the new one was never given it", bug="`if state:` is no None")
class EmptyIsNone(BlueGreenAdapter):
    name = "empty-state-not-given"
    host_class = _EmptyIsNone


class _ByReference(BlueGreenHost):
    def carried(self, state: Any) -> Any:
        return state


@specimen("HR-STATE-03", says="both hold the same object", bug="design A-a: state by reference")
class ByReference(BlueGreenAdapter):
    name = "state-by-reference"
    host_class = _ByReference


class _ShallowCopy(BlueGreenHost):
    def carried(self, state: Any) -> Any:
        super().carried(state)
        return dict(state) if isinstance(state, dict) else state


@specimen("HR-STATE-03", says="both hold the same object", bug="copy.copy of nested state")
class ShallowCopy(BlueGreenAdapter):
    name = "state-copied-shallowly"
    host_class = _ShallowCopy


class _TuplesAsTheyAre(BlueGreenHost):
    def carried(self, state: Any) -> Any:
        super().carried(state)
        return self.copied(state)

    def copied(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.copied(each) for key, each in value.items()}
        return [self.copied(each) for each in value] if isinstance(value, list) else value


@specimen(
    "HR-STATE-03",
    says="a list that lies in a tuple",
    bug="a copy of one's own that takes every tuple for unchangeable",
)
class TuplesAsTheyAre(BlueGreenAdapter):
    name = "tuples-of-the-state-shared"
    host_class = _TuplesAsTheyAre


class _ReadAfterStop(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        async with self.lock(name):
            old = self.known(name, "reload")
            new = await self.prepare(name, None)
            self.commit(name, new)
            stateful = hasattr(new.plugin, "set_reload_state")
            plugin = old.plugin
            warnings = await self.retire(old)
            old.plugin = plugin
            if stateful and hasattr(plugin, "get_reload_state"):
                state = await self.hook(old, "get_reload_state")
                await self.hook(new, "set_reload_state", self.carried(state))
                new.carried = True
            self.forget(old)
            return warnings


@specimen("HR-STATE-02", says="is lost", bug="state read after stop, given after the commit")
class ReadAfterStop(BlueGreenAdapter):
    name = "state-read-after-stop"
    host_class = _ReadAfterStop


class _LostSilently(BlueGreenHost):
    async def hand_over(self, old: Generation, new: Generation) -> None:
        return None


@specimen("HR-STATE-01", says="does not have the state", bug="a reload that forgets the state")
class LostSilently(BlueGreenAdapter):
    name = "state-lost-silently"
    host_class = _LostSilently


class _ThroughJson(BlueGreenHost):
    def carried(self, state: Any) -> Any:
        return json.loads(json.dumps(state, default=list))


@specimen("HR-STATE-01", says="another type", bug="tuples become lists, int keys become strings")
class ThroughJson(BlueGreenAdapter):
    name = "state-through-json"
    host_class = _ThroughJson


class _RegistersBeforeRestore(BlueGreenHost):
    async def hand_over(self, old: Generation, new: Generation) -> None:
        self.live[old.name] = new
        await super().hand_over(old, new)

    async def release_half_made(self, new: Generation) -> None:
        if self.live.get(new.name) is not new:
            await super().release_half_made(new)


@specimen(
    "HR-STATE-04",
    says="does not serve as before",
    bug="the new one is registered before its state is restored, and stays",
)
class RegistersBeforeRestore(BlueGreenAdapter):
    name = "restore-failure-keeps-new"
    host_class = _RegistersBeforeRestore


class _RestoreFailureSwallowed(BlueGreenHost):
    async def hand_over(self, old: Generation, new: Generation) -> None:
        with contextlib.suppress(HostError):  # "better an empty state than no reload"
            await super().hand_over(old, new)


@specimen(
    "HR-STATE-04",
    says="does not serve as before",
    bug="a restore that fails is logged, and the reload goes on with an empty state",
)
class RestoreFailureSwallowed(BlueGreenAdapter):
    name = "restore-failure-swallowed"
    host_class = _RestoreFailureSwallowed


class _NoGate(BlueGreenHost):
    def close_gate(self, name: str) -> None:
        return None


@specimen("HR-STATE-02", says="is lost", bug="design A-b: calls go on between read and commit")
class NoGate(BlueGreenAdapter):
    name = "no-state-gate"
    host_class = _NoGate


class _NoDrain(BlueGreenHost):
    async def hand_over(self, old: Generation, new: Generation) -> None:
        old.idle.set()  # the calls in flight do not count
        await super().hand_over(old, new)


@specimen("HR-STATE-02", says="in flight", bug="state is read under a call that still changes it")
class NoDrain(BlueGreenAdapter):
    name = "state-read-under-a-call"
    host_class = _NoDrain


class _EnabledForAMoment(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        old = self.known(name, "reload")
        enabled, old.enabled = old.enabled, True
        try:
            return await super().reload(name)
        finally:
            self.live[name].enabled = enabled


@specimen("HR-STATE-05", says="enabled for a moment", bug="reload as unload, load, disable again")
class EnabledForAMoment(BlueGreenAdapter):
    name = "disabled-enabled-for-a-moment"
    host_class = _EnabledForAMoment


class _ReloadEnables(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        warnings = await super().reload(name)
        self.live[name].enabled = True
        return warnings


@specimen("HR-STATE-05", says="is enabled after its reload", bug="a fresh object is enabled")
class ReloadEnables(BlueGreenAdapter):
    name = "reload-enables"
    host_class = _ReloadEnables


class _AlwaysCarried(BlueGreenAdapter):
    async def reload(self, ref: str) -> Reply | bool | None:
        await self.host.reload(ref)
        return Reply(ok=True, state_carried=True)


@specimen("HR-STATE-06", says="that has no state hooks", bug="the result says what was meant")
class AlwaysCarried(_AlwaysCarried):
    name = "says-state-carried"


class _DemandsHooks(BlueGreenHost):
    async def hand_over(self, old: Generation, new: Generation) -> None:
        if not hasattr(old.plugin, "get_reload_state"):
            raise HostError(f"{old.name!r} failed at get_reload_state: it has no such hook")
        await super().hand_over(old, new)


@specimen("HR-STATE-06", says="does not reload", bug="AttributeError: no attribute 'get_state'")
class DemandsHooks(BlueGreenAdapter):
    name = "demands-state-hooks"
    host_class = _DemandsHooks


class _NoPath(BlueGreenHost):
    def carried(self, state: Any) -> Any:
        try:
            return super().carried(state)
        except Exception:
            raise HostError("the state cannot be carried") from None

    async def hand_over(self, old: Generation, new: Generation) -> None:
        try:
            await super().hand_over(old, new)
        except HostError as error:
            raise HostError(str(error).split(",")[0]) from None


@specimen("HR-STATE-07", says="path to the value", bug="TypeError: cannot pickle '_thread.lock'")
class NoPath(BlueGreenAdapter):
    name = "uncopyable-state-unnamed"
    host_class = _NoPath


class _CopiesAttributes(BlueGreenHost):
    async def hand_over(self, old: Generation, new: Generation) -> None:
        await super().hand_over(old, new)
        new.plugin.__dict__.update(old.plugin.__dict__)


@specimen("HR-STATE-08", says="more was copied than was given", bug="new.__dict__.update(old)")
class CopiesAttributes(BlueGreenAdapter):
    name = "copies-all-attributes"
    host_class = _CopiesAttributes


class _EmptyStateForNone(StopFirstHost):
    async def replace(self, name: str) -> list[str]:
        failed = name in self.broken
        warnings = await super().replace(name)
        if failed and hasattr(self.live[name].plugin, "set_reload_state"):
            await self.hook(self.live[name], "set_reload_state", {})
        return warnings


@specimen("HR-STATE-08", says="that had no state is given one", bug="state = kept.get(name, {})")
class EmptyStateForNone(StopFirstAdapter):
    name = "gives-an-empty-state"
    host_class = _EmptyStateForNone


class _HoldsCallsAlone(BlueGreenHost):
    def deliver(self, generation: Generation, event: Event) -> None:
        with contextlib.suppress(Exception):
            generation.plugin.write(event)


@specimen("HR-STATE-02", says="events after its state had been read", bug="a gate for calls alone")
class HoldsCallsAlone(BlueGreenAdapter):
    name = "delivers-while-state-moves"
    host_class = _HoldsCallsAlone


class _MailboxGoesOn(PipelineHost):
    def close_gate(self, name: str) -> None:
        BlueGreenHost.close_gate(self, name)


@specimen(
    "HR-STATE-02",
    says="events after its state had been read",
    bug="what is queued for a sink is delivered by its task, which knows of no gate",
)
class MailboxGoesOn(PipelineAdapter):
    name = "mailbox-goes-on-while-state-moves"
    host_class = _MailboxGoesOn


class _CompoundKeysAsText(BlueGreenHost):
    def carried(self, state: Any) -> Any:
        if isinstance(state, dict):
            state = {str(k) if isinstance(k, tuple) else k: each for k, each in state.items()}
        return super().carried(state)


@specimen("HR-STATE-01", says="another type", bug="keys that are no atoms go through str()")
class CompoundKeysAsText(BlueGreenAdapter):
    name = "compound-keys-become-text"
    host_class = _CompoundKeysAsText

"""Wrong hosts: results that say what is not so, and what is handed over wrongly."""

from __future__ import annotations

import dataclasses

from hot_reload_conformance.adapter import Reply
from hot_reload_conformance.recording import Connection
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.handover_host import HandoverAdapter, HandoverHost
from hot_reload_conformance.specimens.operated_host import OperatedAdapter
from hot_reload_conformance.specimens.registry import specimen

# HR-OBS-04, result-tells-truth


@specimen("HR-OBS-04", says="says success, and a call says otherwise", bug="errbotio/errbot#1346")
class AlwaysOk(BlueGreenAdapter):
    name = "result-always-ok"

    async def reload(self, ref: str) -> Reply | bool | None:
        try:
            return await super().reload(ref)
        except HostError:
            return Reply(ok=True, message=f"{ref} reloaded")


@specimen("HR-OBS-04", says="says no success, and yet the edit serves", bug="a warning is an error")
class WarnsByFailing(BlueGreenAdapter):
    name = "result-fails-on-success"

    async def reload(self, ref: str) -> Reply | bool | None:
        await super().reload(ref)
        return Reply(ok=False, message=f"{ref}: an atexit handler could not be removed")


@specimen("HR-OBS-04", says="as its new version, and a call says", bug="filled from the request")
class TellsTheOldVersion(OperatedAdapter):
    name = "result-names-old-version"

    async def reload(self, ref: str) -> Reply | bool | None:
        reply = await super().reload(ref)
        assert isinstance(reply, Reply)
        return dataclasses.replace(reply, new=reply.old)


# HR-STATE-09, migration


class _TellsTheNew(HandoverHost):
    def told(self, old: Generation) -> str:
        return str(self.numbers)  # of nothing that the new one could know


@specimen("HR-STATE-09", says="was told another version", bug="a counter instead of the version")
class TellsTheNew(HandoverAdapter):
    name = "tells-no-version"
    host_class = _TellsTheNew


class _TellsTheLastTried(HandoverHost):
    def __init__(self, *arguments: object) -> None:
        super().__init__(*arguments)  # type: ignore[arg-type]
        self.tried = ""

    def told(self, old: Generation) -> str:
        return self.tried or super().told(old)

    async def restore_state(self, old: Generation, new: Generation, state: object) -> None:
        await super().restore_state(old, new, state)
        self.tried = str(new.plugin.version)


@specimen("HR-STATE-09", says="was told another version", bug="remembered before the commit")
class TellsTheLastTried(HandoverAdapter):
    name = "tells-the-last-tried-version"
    host_class = _TellsTheLastTried


class _IgnoresRefusal(HandoverHost):
    async def restore_state(self, old: Generation, new: Generation, state: object) -> None:
        try:
            await super().restore_state(old, new, state)
        except HostError:
            return


@specimen("HR-STATE-09", says="and the reload says success", bug="a refusal is logged, no more")
class IgnoresRefusal(HandoverAdapter):
    name = "ignores-refused-migration"
    host_class = _IgnoresRefusal


# HR-STATE-10, connections


class _ClosesOnStop(HandoverHost):
    async def retire(self, old: Generation) -> list[str]:
        if old.name in self.connections and old.name in self.live:
            self.connections[old.name].close()
        return await super().retire(old)


@specimen("HR-STATE-10", says="was closed by the reload", bug="users are cut off at every edit")
class ClosesOnStop(HandoverAdapter):
    name = "closes-connections"
    host_class = _ClosesOnStop


class _ClosesOnRollBack(HandoverHost):
    async def release_half_made(self, new: Generation) -> None:
        if new.plugin is not None and new.name in self.connections:
            self.connections[new.name].close()
        await super().release_half_made(new)


@specimen("HR-STATE-10", says="does not have its connection open", bug="released with it")
class ClosesOnRollBack(HandoverAdapter):
    name = "closes-connections-on-roll-back"
    host_class = _ClosesOnRollBack


class _HandsTwice(HandoverHost):
    def hand(self, new: Generation, connection: Connection) -> None:
        super().hand(new, connection)
        super().hand(new, connection)


@specimen("HR-STATE-10", says="2 times", bug="once by the constructor and once by start")
class HandsTwice(HandoverAdapter):
    name = "hands-connections-twice"
    host_class = _HandsTwice


class _OpensAnew(HandoverHost):
    def hand(self, new: Generation, connection: Connection) -> None:
        return None


@specimen("HR-STATE-10", says="was not handed the connection", bug="a new one is opened each time")
class OpensAnew(HandoverAdapter):
    name = "opens-connections-anew"
    host_class = _OpensAnew

"""A correct host of another design: plugins that stop first beside others, in one transaction.

A plugin that declares ``stop_first`` gives way before the next one starts, and whoever needs
it gives way before it does; all others serve until the commit. Where the transaction fails
later, what gave way is made anew from the bytes that it ran from and gets its state back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from hot_reload_conformance.adapter import Claim, PluginSpec, Ports
from hot_reload_conformance.specimens.blue_green import BlueGreenHost, Generation, HostError
from hot_reload_conformance.specimens.graph_host import GraphAdapter, GraphHost


class EitherOrderHost(GraphHost):
    """Everything but what stops first is as in the graph host."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.given: dict[str, Any] = {}
        """The plugins that have given way, each with the state that it had."""
        self.gone: set[int] = set()
        """The numbers of the generations that were stopped before their commit."""
        self.broken: dict[str, str] = {}
        """The plugins in FAILED state, and why."""

    async def swap(
        self, staged: dict[str, dict[str, bytes]], old_edges: Mapping[str, Mapping[str, str]]
    ) -> list[str]:
        leaving = self.leaving(staged, old_edges)
        self.broken = {name: why for name, why in self.broken.items() if name not in staged}
        try:
            try:
                order = reversed(self.levels(leaving, old_edges))
                await self.finished(self.give_way([name for level in order for name in level]))
            except BaseException:
                await self.roll_back_all({n: self.live[n] for n in leaving if n in self.given})
                raise
            return await super().swap(staged, old_edges)
        except BaseException as error:
            failed = [
                f"{name!r} is FAILED: {self.broken[name]}" for name in leaving & {*self.broken}
            ]
            if failed:
                raise HostError(f"{error}; {'; '.join(failed)}") from error
            raise
        finally:
            for name in leaving:
                self.given.pop(name, None)

    def leaving(
        self, names: Iterable[str], edges: Mapping[str, Mapping[str, str]]
    ) -> frozenset[str]:
        """What has to stop before anything new starts."""
        first = [name for name in names if getattr(self.live[name].plugin, "stop_first", False)]
        return frozenset(self.followers(first, edges))

    async def give_way(self, names: Sequence[str]) -> None:
        for name in names:
            old = self.live[name]
            self.given[name] = None
            self.close_gate(name)
            await self.drain(old)
            self.given[name] = self.carried(await self.hook(old, "get_reload_state"))
        for name in names:
            self.gone.add(self.live[name].number)
            for what in ("flush", "stop"):
                await self.guarded(self.live[name], what)

    async def guarded(self, old: Generation, what: str) -> None:
        try:
            await self.hook(old, what)
        except HostError as error:
            self.warnings_of(old).append(str(error))

    def warnings_of(self, old: Generation) -> list[str]:
        found: list[str] = vars(old).setdefault("warnings", [])
        return found

    async def hand_over(self, old: Generation, new: Generation) -> None:
        if old.name in self.given:
            await self.give_state(new)
        else:
            await super().hand_over(old, new)

    async def give_state(self, new: Generation) -> None:
        state = self.given[new.name]
        if state is not None and hasattr(new.plugin, "set_reload_state"):
            await self.hook(new, "set_reload_state", self.carried(state))
            new.carried = True

    async def retire(self, old: Generation) -> list[str]:
        if old.number not in self.gone:
            return await super().retire(old)
        self.gone.discard(old.number)
        await self.guarded(old, "teardown")
        self.forget(old)
        return self.warnings_of(old)

    async def roll_back(self, name: str, old: Generation) -> None:
        if old.number in self.gone:
            self.gone.discard(old.number)
            self.forget(old)
            old = await self.made_again(name, old)
            self.live[name] = old
        elif name in self.given:
            self.given.pop(name)
        await super().roll_back(name, old)

    async def made_again(self, name: str, old: Generation) -> Generation:
        """A fresh instance of the old code, without setup: that ran when the plugin was loaded."""
        again = Generation(name, next(self.numbers))
        again.enabled = old.enabled
        self.staged[name] = self.files[name]  # its imports are those of the old text
        try:
            await self.build(again, self.files[name])
            await self.hook(again, "start")
            await self.give_state(again)
        except BaseException as error:
            await self.release_half_made(again)
            self.broken[name] = f"restoring the old one failed too: {error}"
            again = Generation(name, next(self.numbers))
            again.plugin = _Failed()
        return again


class _Failed:
    """Stands where a plugin was that could not be brought back: it answers nothing."""

    is_sink = False

    def handlers(self) -> list[Any]:
        return []


class EitherOrderAdapter(GraphAdapter):
    """The adapter of ``EitherOrderHost``; a specimen sets ``host_class``."""

    name = "either-order"
    claims = GraphAdapter.claims | {Claim.STATE, Claim.STOP_FIRST}
    stages: ClassVar[tuple[str, ...]] = (
        *("read", "import", "start", "get_reload_state", "set_reload_state"),
        *("health_check", "on_reload"),
    )
    host_class: type[BlueGreenHost] = EitherOrderHost
    host: EitherOrderHost

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        files = dict(super().render(spec))
        if not spec.stop_first:
            return files
        return {name: text.replace(_SINK, f"{_FIRST}{_SINK}") for name, text in files.items()}

    async def snapshot(self) -> Mapping[str, object]:
        return {**await super().snapshot(), "failed": sorted(self.host.broken)}


_FIRST = "    stop_first = True\n"
_SINK = "    is_sink = "

"""Wrong hosts: plugins that stop first beside others that do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hot_reload_conformance.specimens.blue_green import Generation
from hot_reload_conformance.specimens.either_order_host import EitherOrderAdapter, EitherOrderHost
from hot_reload_conformance.specimens.registry import specimen

# HR-ROLL-01, old-keeps-serving


class _BackWithoutState(EitherOrderHost):
    async def made_again(self, name: str, old: Generation) -> Generation:
        self.given[name] = None
        return await super().made_again(name, old)


@specimen(
    "HR-ROLL-01",
    says="the old one came back without the state that it had",
    bug="the state that was read for the new one is dropped with it",
)
class BackWithoutState(EitherOrderAdapter):
    name = "restored-without-its-state"
    host_class = _BackWithoutState


# HR-SWAP-05, start-before-stop


class _AllStopFirst(EitherOrderHost):
    def leaving(
        self, names: Iterable[str], edges: Mapping[str, Mapping[str, str]]
    ) -> frozenset[str]:
        return frozenset(names) if super().leaving(names, edges) else frozenset()


@specimen(
    "HR-SWAP-05",
    says="together with a plugin that stops first, one that does not was stopped before",
    bug="one order for a whole batch: that of the plugin that stops first",
)
class AllStopFirst(EitherOrderAdapter):
    name = "whole-batch-stops-first"
    host_class = _AllStopFirst

"""Wrong hosts: refusals that say nothing, failures of several that name none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

from hot_reload_conformance.specimens.audited_host import AuditedAdapter, AuditedHost, _acting
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    HostError,
)
from hot_reload_conformance.specimens.graph_host import GraphAdapter, GraphHost
from hot_reload_conformance.specimens.package_host import PackageAdapter, PackageHost, _Loader
from hot_reload_conformance.specimens.registry import specimen

# HR-LOAD-07, unknown-name


class _LooksUp(BlueGreenHost):
    def known(self, name: str, operation: str) -> Generation:
        return self.live[name]


@specimen("HR-LOAD-07", says="ends in a look-up that failed", bug="the name is not asked for first")
class LooksUp(BlueGreenAdapter):
    name = "unknown-name-is-a-key-error"
    host_class = _LooksUp


# HR-GUARD-01, last-sink-stays


class _CrashesBesideDisabled(BlueGreenHost):
    """The words about the sinks that stay, which there seldom are, are off by one."""

    def guard_last_sink(self, name: str, operation: str) -> None:
        others = [n for n, g in self.live.items() if g.plugin.is_sink and n != name]
        if self.live[name].plugin.is_sink and not any(self.live[n].enabled for n in others):
            staying = f"; {others[len(others)]!r} is disabled" if others else ""
            raise HostError(f"{operation} of {name!r} refused: it is the last sink{staying}")


@specimen(
    "HR-GUARD-01",
    says="the last sink, beside a disabled one does not name the sink",
    bug="the refusal's own words raise: nobody had a disabled sink beside the last one",
)
class CrashesBesideDisabled(BlueGreenAdapter):
    name = "refusal-beside-disabled-sink-crashes"
    host_class = _CrashesBesideDisabled


class _NamesNoSink(BlueGreenHost):
    def guard_last_sink(self, name: str, operation: str) -> None:
        try:
            super().guard_last_sink(name, operation)
        except HostError:
            raise HostError("refused: that is the last sink") from None


@specimen("HR-GUARD-01", says="does not name the sink", bug="a refusal without the name")
class NamesNoSink(BlueGreenAdapter):
    name = "last-sink-refused-without-its-name"
    host_class = _NamesNoSink


# HR-ROLL-04, failure-reported


class _SomeoneFailed(GraphHost):
    async def swap(
        self, staged: dict[str, dict[str, bytes]], old_edges: Mapping[str, Mapping[str, str]]
    ) -> list[str]:
        try:
            return await super().swap(staged, old_edges)
        except HostError as error:
            first, cause = next(iter(staged)), str(error).partition(" failed ")[2]
            raise HostError(f"{first!r} failed {cause}") from None


@specimen(
    "HR-ROLL-04",
    says="which of the plugins that were reloaded together it was",
    bug="the failure of a batch is laid at its first plugin's door",
)
class SomeoneFailed(GraphAdapter):
    name = "blames-the-one-that-was-asked-for"
    host_class = _SomeoneFailed


class _Anonymous(_Loader):
    def exec_module(self, module: ModuleType) -> None:
        new, _, source = self.host.bytes_of[module.__name__]
        self.host.run(new, module, compile(source, "<string>", "exec", dont_inherit=True))


class _CompilesStrings(PackageHost):
    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> ModuleSpec | None:
        found = super().find_spec(fullname, path, target)
        return found and spec_from_loader(fullname, _Anonymous(self), is_package=False)


@specimen("HR-ROLL-04", says="one file of a package is broken", bug="code compiled without a file")
class CompilesStrings(PackageAdapter):
    name = "syntax-errors-of-no-file"
    host_class = _CompilesStrings


# HR-LEAK-01, old-generation-collected


class _KeepsMailboxes(BlueGreenHost):
    """What delivers to a sink is kept by the sink's name, and never forgotten."""

    def deliver(self, generation: Generation, event: object) -> None:
        mailboxes = vars(self).setdefault("mailboxes", {})
        mailboxes[generation.name] = generation.plugin.write
        super().deliver(generation, event)  # type: ignore[arg-type]


@specimen("HR-LEAK-01", says="a sink that was removed is kept", bug="mailboxes of removed sinks")
class KeepsMailboxes(BlueGreenAdapter):
    name = "mailboxes-of-removed-sinks-stay"
    host_class = _KeepsMailboxes


# HR-SWAP-13, self-reload


class _DeferralCrashes(BlueGreenHost):
    async def reload(self, name: str) -> list[str]:
        if self.inside(name):
            raise RuntimeError("no context to run it in")
        return await super().reload(name)


@specimen("HR-SWAP-13", says="in words that do not name it", bug="the way to defer was never gone")
class DeferralCrashes(BlueGreenAdapter):
    name = "deferral-of-own-reload-crashes"
    host_class = _DeferralCrashes


# HR-OBS-05, audit


class _ForgetsWhoAsked(AuditedHost):
    @contextlib.contextmanager
    def attempt(self, operation: str, plugin: str) -> Iterator[None]:
        """What a plugin asks for is done in a context of its own, where nobody acts."""
        token = _acting.set(("", "")) if self.inside(plugin) else None
        try:
            with super().attempt(operation, plugin):
                yield
        finally:
            if token is not None:
                _acting.reset(token)


@specimen("HR-OBS-05", says="not every audit record of that tells so", bug="a context of no one's")
class ForgetsWhoAsked(AuditedAdapter):
    name = "forgets-in-whose-name-a-plugin-asked"
    host_class = _ForgetsWhoAsked

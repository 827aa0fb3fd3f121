"""The adapter of a plain host on ``importlib.reload``: what such a host can and can't show."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from hot_reload_conformance.adapter import Claim, Event, HostAdapter, PluginSpec, Ports
from hot_reload_conformance.adapters.importlib_host import ImportlibHost
from hot_reload_conformance.dialect import package_files


class ImportlibReloadAdapter(HostAdapter):
    """``ImportlibHost`` as the kit sees it."""

    name = "importlib"
    # No such host promises blue-green; it is claimed to have the gap measured, which its
    # users meet whether it was promised or not.
    claims = frozenset(
        {
            Claim.RELOAD,
            Claim.UNLOAD,
            Claim.SNAPSHOT,
            Claim.HOOKS,
            Claim.PACKAGES,
            Claim.BLUE_GREEN,
        }
    )
    stages = ("read", "syntax", "import", "plugin", "start")
    # setup(registry) runs for every generation, so it is what the kit calls "start".
    hook_order = ("old stop", "new start")

    async def open(self, workdir: Path, ports: Ports) -> None:
        self._modules, self._path = set(sys.modules), list(sys.path)
        self.host = ImportlibHost(workdir)

    async def close(self) -> None:
        for name in set(sys.modules) - self._modules:
            del sys.modules[name]
        sys.path[:] = self._path

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        lines = [
            "from hot_reload_conformance import probe",
            f"P = probe.attach({spec.name!r}, {spec.version!r})",
        ]
        for handler in spec.handlers:
            lines.append(f"def on_{handler}(event): return P.reply(event, {handler!r})")
        lines += [
            "def setup(registry):",
            "    P.hook('start')",
            "    registry.collect(__name__)",
            "def teardown(registry): P.hook('stop')",
        ]
        text = "\n".join(lines) + "\n"
        if spec.package:
            return package_files(spec, text, import_name=_module_name(spec.ref))
        return {f"{spec.ref}.py": text}

    async def load(self, ref: str) -> None:
        self.host.load(_module_name(ref))

    async def reload(self, ref: str) -> None:
        self.host.reload(_module_name(ref))

    async def unload(self, ref: str) -> None:
        self.host.unload(_module_name(ref))

    async def call(self, event: Event | None = None) -> list[str]:
        return [handler(event) for handler in list(self.host.registry.handlers)]

    async def snapshot(self) -> Mapping[str, object]:
        handlers = [f"{each.__module__}.{each.__name__}" for each in self.host.registry.handlers]
        return {"plugins": sorted(self.host.plugins), "handlers": sorted(handlers)}


def _module_name(ref: str) -> str:
    return ref.replace("/", ".")

"""A correct host for packages: each generation has a namespace of its own.

The blue-green host, with plugins that may be packages. A generation's modules are
called ``alpha@7`` and ``alpha@7.part`` in ``sys.modules``; its code gets an
``__import__`` that maps ``alpha.part`` to them, so that old and new, alive at the
same time, each import their own. A finder serves them from the generation's bytes.
"""

from __future__ import annotations

import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from hot_reload_conformance.adapter import Claim, PluginSpec, Ports
from hot_reload_conformance.dialect import package_files
from hot_reload_conformance.specimens.blue_green import (
    BlueGreenAdapter,
    BlueGreenHost,
    Generation,
    render_class,
)


class PackageHost(BlueGreenHost, importlib.abc.MetaPathFinder):
    """One finder and loader for all of its generations."""

    def __init__(self, root: Path, ports: Ports) -> None:
        super().__init__(root, ports)
        self.bytes_of: dict[str, tuple[Generation, Path, bytes]] = {}
        sys.meta_path.insert(0, self)

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        # ``import alpha.part`` binds what stands before the first dot: that is this module.
        new.module_name = new.module_name.replace(".", "-")
        await super().build(new, files)

    def execute(self, new: Generation, part: str, files: Mapping[str, bytes]) -> None:
        """The package's own module runs; it imports the others as it needs them."""
        if len(files) == 1:
            return super().execute(new, part, files)
        if part:
            path = self.root / new.name / f"{part}.py"
            self.bytes_of[f"{new.module_name}.{part}"] = (new, path, files[part])
            return None
        return super().execute(new, part, files)

    def run(self, new: Generation, module: ModuleType, code: Any) -> None:
        vars(module)["__builtins__"] = self.builtins_of(new)
        exec(code, module.__dict__)

    def builtins_of(self, new: Generation) -> dict[str, Any]:
        own, top = vars(builtins).copy(), new.module_name
        short = new.name.rpartition("/")[2]  # what its own code calls it

        def imported(
            name: str,
            globals: Mapping[str, object] | None = None,
            locals: Mapping[str, object] | None = None,
            fromlist: Sequence[str] = (),
            level: int = 0,
        ) -> ModuleType:
            if level == 0 and (name == short or name.startswith(f"{short}.")):
                name = top + name[len(short) :]
            return builtins.__import__(name, globals, locals, fromlist or (), level)

        own["__import__"] = imported
        return own

    def find_spec(
        self, fullname: str, path: object = None, target: object = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in self.bytes_of:
            return None
        return importlib.util.spec_from_loader(fullname, _Loader(self), is_package=False)

    def forget(self, generation: Generation) -> None:
        super().forget(generation)
        for name in [each for each, found in self.bytes_of.items() if found[0] is generation]:
            del self.bytes_of[name]


class _Loader(importlib.abc.Loader):
    def __init__(self, host: PackageHost) -> None:
        self.host = host

    def exec_module(self, module: ModuleType) -> None:
        new, path, source = self.host.bytes_of[module.__name__]
        self.host.run(new, module, compile(source, str(path), "exec", dont_inherit=True))


class PackageAdapter(BlueGreenAdapter):
    name = "package-host"
    claims = BlueGreenAdapter.claims | {Claim.PACKAGES}
    host_class: type[BlueGreenHost] = PackageHost

    def render(self, spec: PluginSpec) -> Mapping[str, str]:
        text = render_class(spec)
        return package_files(spec, text) if spec.package else {f"{spec.ref}.py": text}

    async def close(self) -> None:
        await super().close()
        sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, PackageHost)]

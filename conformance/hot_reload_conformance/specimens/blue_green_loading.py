"""How the blue-green host makes a module of files: each read once, compiled, run."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from hot_reload_conformance.specimens.blue_green_generation import Generation, HostError
from hot_reload_conformance.specimens.blue_green_hooks import Hooks


class Loading(Hooks):
    """The steps from the bytes on disk to a constructed plugin; each is a specimen's to break."""

    root: Path

    def read(self, name: str) -> dict[str, bytes]:
        """The bytes of the plugin's files, each read once; the main one first."""
        main = self.root / f"{name}.py"
        package = self.root / name / "__init__.py"
        path = package if package.is_file() else main
        try:
            files = {"": path.read_bytes()}
            if path is package:
                for each in sorted(package.parent.glob("*.py")):
                    if each != package:
                        files[each.stem] = each.read_bytes()
        except OSError as error:
            raise HostError(f"{name!r} failed at read: {error}") from error
        if not files[""].strip():
            raise HostError(f"{name!r} failed at read: {path} is empty")
        return files

    async def build(self, new: Generation, files: Mapping[str, bytes]) -> None:
        new.sha256 = hashlib.sha256(files[""]).hexdigest()
        for part in reversed(list(files)):
            self.execute(new, part, files)
        module = sys.modules[new.module_name]
        classes = [each for key, each in vars(module).items() if key.startswith("Plugin")]
        if len(classes) != 1:
            raise HostError(
                f"{new.name!r} failed at plugin: its module has {len(classes)} plugin classes"
            )
        if not getattr(classes[0], "version", None):
            raise HostError(f"{new.name!r} failed at metadata: no version")
        try:
            new.plugin = classes[0]()
        except BaseException as error:
            raise self.failed(new, "construct", error) from error

    def execute(self, new: Generation, part: str, files: Mapping[str, bytes]) -> None:
        name = f"{new.module_name}.{part}" if part else new.module_name
        package = len(files) > 1
        path = self.root / (f"{new.name}/{part or '__init__'}.py" if package else f"{new.name}.py")
        try:
            code = compile(files[part], str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None)
            raise HostError(f"{new.name!r} failed at syntax: {error} ({path}:{line})") from error
        module = ModuleType(name)
        module.__file__ = str(path)
        module.__package__ = new.module_name if len(files) > 1 else ""
        if len(files) > 1 and not part:
            module.__path__ = []
        sys.modules[name] = module
        if part:
            return self.late(new, module, code)
        try:
            self.run(new, module, code)
        except BaseException as error:
            raise self.failed(new, "import", error) from error

    def run(self, new: Generation, module: ModuleType, code: Any) -> None:
        exec(code, module.__dict__)

    def late(self, new: Generation, module: ModuleType, code: Any) -> None:
        """A module of a package runs before the package's own: the rendered ones need no more."""
        try:
            exec(code, module.__dict__)
        except BaseException as error:
            raise self.failed(new, "import", error) from error

    def forget(self, generation: Generation) -> None:
        top = generation.module_name
        for name in [each for each in sys.modules if each == top or each.startswith(f"{top}.")]:
            del sys.modules[name]
        generation.plugin = None

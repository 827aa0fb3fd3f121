"""A plain host on ``importlib.reload``, as many programs have one.

Nothing is done badly on purpose: names are checked, a teardown that raises is
logged, what a plugin registered is removed even if its teardown forgot, and a
failed first load is cleared away. What is left is what ``importlib.reload`` itself
is: it runs new code in the old module, after the old code was torn down.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

logger = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Any], str]


class Registry:
    """Which functions answer, in the order of their registration."""

    def __init__(self) -> None:
        self.handlers: list[Handler] = []

    def collect(self, module_name: str) -> None:
        """Register every function of a module whose name begins with ``on_``."""
        module = sys.modules[module_name]
        self.handlers += [value for name, value in vars(module).items() if name.startswith("on_")]

    def forget(self, module_name: str) -> None:
        """Remove whatever the module registered."""
        self.handlers = [each for each in self.handlers if each.__module__ != module_name]


class ImportlibHost:
    """Plugins are modules in ``directory`` with ``setup(registry)`` and ``teardown(registry)``."""

    def __init__(self, directory: Path) -> None:
        self.registry = Registry()
        self.plugins: dict[str, ModuleType] = {}
        sys.path.insert(0, str(directory))

    def load(self, name: str) -> None:
        """Import the module and set it up.

        Raises:
            ValueError: a plugin of that name is loaded.
            Exception: what the import or the setup raised.
        """
        if name in self.plugins:
            raise ValueError(f"plugin {name!r} is already loaded")
        importlib.invalidate_caches()
        module = importlib.import_module(name)
        try:
            module.setup(self.registry)
        except Exception:
            self._remove(name)
            raise
        self.plugins[name] = module

    def reload(self, name: str) -> None:
        """Tear the plugin down, run its file again in the same module, set it up.

        Raises:
            LookupError: no plugin of that name is loaded.
            Exception: what the import or the setup raised.
        """
        module = self._loaded(name)
        # First, since importlib.reload puts the new teardown in the place of the old one.
        self._tear_down(module)
        importlib.reload(module)
        module.setup(self.registry)

    def unload(self, name: str) -> None:
        """Tear the plugin down and drop its modules.

        Raises:
            LookupError: no plugin of that name is loaded.
        """
        self._tear_down(self._loaded(name))
        del self.plugins[name]
        self._remove(name)

    def _loaded(self, name: str) -> ModuleType:
        try:
            return self.plugins[name]
        except KeyError:
            raise LookupError(f"plugin {name!r} is not loaded") from None

    def _tear_down(self, module: ModuleType) -> None:
        try:
            module.teardown(self.registry)
        except Exception:
            logger.exception("teardown of plugin %r failed", module.__name__)
        self.registry.forget(module.__name__)

    def _remove(self, name: str) -> None:
        self.registry.forget(name)
        for each in [each for each in sys.modules if f"{each}.".startswith(f"{name}.")]:
            del sys.modules[each]

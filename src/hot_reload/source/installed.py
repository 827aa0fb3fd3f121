"""Installed plugins: from the name of an entry point to the file that the engine loads.

A distribution offers a plugin in its metadata::

    [project.entry-points."hot_reload.plugins"]
    counter = "my_package.counter"            # a module, or a package

Nothing of the distribution is imported to find it: the engine reads the file itself, as it
does with any other.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from hot_reload.errors import EngineMisuse, SourceError

GROUP = "hot_reload.plugins"
"""The group of entry points that offer plugins."""


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One plugin that an installed distribution offers, and the version of that distribution."""

    name: str
    module: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"{self.distribution} {self.version}"


def installed_plugins() -> tuple[InstalledPlugin, ...]:
    """Every plugin that is offered in this environment, by name. Imports none of them."""
    found = map(_described, entry_points(group=GROUP))
    return tuple(sorted(found, key=lambda each: (each.name, each.distribution)))


def find_plugin(name: str, *, version: str = "", distribution: str | None = None) -> Path:
    """The module file or package directory of the installed plugin ``name``, for ``load``.

    ``version`` is a range (PEP 440, such as ``">=1.2,<2"``) that the version of the
    distribution has to be in; pre-releases count. ``distribution`` chooses among several
    that offer the name. Imports and runs nothing of the plugin.

    Raises:
        EngineMisuse: ``version`` is no range.
        SourceError: none is installed, none in the range, more than one is, or the file
            is not there; the message names what there is instead.
    """
    wanted = _range(version)
    offered = [each for each in installed_plugins() if each.name == name]
    if distribution is not None:
        same = _normal(distribution)
        offered = [each for each in offered if _normal(each.distribution) == same]
    if not offered:
        known = ", ".join(dict.fromkeys(each.name for each in installed_plugins())) or "none"
        raise SourceError(
            f"no plugin {name!r} is installed{f' by {distribution}' if distribution else ''}; "
            f"installed are: {known}",
            hint=f"install the distribution that offers {name!r} in the entry points {GROUP}, "
            "or load the plugin by its path",
        )
    fitting = [each for each in offered if _fits(each.version, wanted)]
    if not fitting:
        raise SourceError(
            f"plugin {name!r} is wanted in {version}, but installed is "
            f"{' and '.join(map(str, offered))}",
            hint=f'python -m pip install "{offered[0].distribution}{version}"',
        )
    if len(fitting) > 1:
        raise SourceError(
            f"plugin {name!r} is offered by {' and by '.join(map(str, fitting))}",
            hint=f"say which one: distribution={fitting[0].distribution!r}",
        )
    return _path(fitting[0])


def _described(entry: EntryPoint) -> InstalledPlugin:
    found = entry.dist
    name, version = (found.name, found.version) if found is not None else ("?", "0")
    return InstalledPlugin(entry.name, entry.module, name, version)


def _range(version: str) -> SpecifierSet:
    try:
        return SpecifierSet(version)
    except InvalidSpecifier:
        raise EngineMisuse(
            f'version {version!r} is no range of versions; write ">=1.2,<2"'
        ) from None


def _fits(version: str, wanted: SpecifierSet) -> bool:
    try:
        return wanted.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not str(wanted)  # nothing can be said of it but that it is there


def _normal(distribution: str) -> str:
    return distribution.lower().replace("_", "-").replace(".", "-")


def _path(plugin: InstalledPlugin) -> Path:
    origin = _origin(plugin.module)
    if origin is None:
        raise SourceError(
            f"the entry point {plugin.name!r} of {plugin} names the module {plugin.module!r}, "
            "which has no source file",
            hint=f"install {plugin.distribution} again, or correct its entry point",
        )
    return origin.parent if origin.name == "__init__.py" else origin


def _origin(module: str) -> Path | None:
    # Not importlib.util.find_spec: it imports the packages above the module.
    where: Sequence[str] | None = None
    parts = module.split(".")
    for length in range(1, len(parts)):
        package = _spec(".".join(parts[:length]), where)
        where = package.submodule_search_locations if package is not None else None
        if where is None:
            return None
    spec = _spec(module, where)
    source = spec.origin if spec is not None and spec.has_location else None
    return Path(source) if source and source.endswith(".py") else None


def _spec(name: str, where: Sequence[str] | None) -> ModuleSpec | None:
    """What the import system's finders say of ``name`` in the folders of its package."""
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find(name, where, None) if find is not None else None
        if spec is not None:
            return spec
    return None

"""Discovery: from paths, and from a project that names none, to sources of subjects."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hot_reload_conformance.subjects.configuration import Configuration
from hot_reload_conformance.subjects.source import HOST_NAME, Source, SourceKind, outline

DEFAULT_LINE = (
    "no subject given and none found: testing the embedded default, "
    "the reference engine and the sample plugin counter"
)


class DiscoveryError(Exception):
    """A path holds no subject; the text says what was looked for."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """A subject that comes with the kit, tested where a project has none."""

    label: str
    target: str = ""

    @property
    def path(self) -> Path:
        """Where it lies in this installation, editable or not."""
        package, _, rest = self.label.partition("/")
        root = Path(__file__).parent
        if package != root.name:
            import importlib.util

            spec = importlib.util.find_spec(package)
            if spec is None or spec.origin is None:
                raise DiscoveryError(f"{package} is not installed beside the kit")
            root = Path(spec.origin).parent
        return root / rest

    @property
    def source(self) -> Source:
        kind = SourceKind.HOST if self.target else SourceKind.PLUGIN
        return Source(kind=kind, anchor=self.path, target=self.target, label=self.label)


EMBEDDED = (
    Embedded(
        "hot_reload_conformance/adapters/reference.py",
        "hot_reload_conformance.adapters.reference:ReferenceAdapter",
    ),
    Embedded("hot_reload_fixtures/samples/counter.py"),
)


def embedded_path(label: str) -> Path | None:
    """The file behind the label of an embedded subject, so that its ids paste back."""
    return next((each.path for each in EMBEDDED if each.label == label), None)


def sources_at(path: Path, configuration: Configuration) -> tuple[Source, ...] | None:
    """The sources that ``path`` stands for; None: it is no matter of the kit's.

    A file is an adapter's when it has the name ``hot_reload_host``, else a plugin;
    ``test_*.py`` without a plugin in it is an ordinary test file. pyproject.toml
    stands for the host that it names.

    Raises:
        DiscoveryError: a folder without any plugin or host, or a file with an adapter that
            does not go by that name.
    """
    for each in EMBEDDED:
        if path == each.path:
            return (each.source,)
    if path.is_dir():
        found = tuple(_in_directory(path))
        if not found:
            raise DiscoveryError(
                f"no plugin and no host found in {path}: it has no file with a class that has "
                f"a version or a hook, no package, and no {HOST_NAME}{_unnamed_adapters(path)}"
                f"{_with_plugins_below(path)}"
            )
        return found
    if path == configuration.file and configuration.host:
        return (_configured_host(configuration),)
    if path.suffix == ".py" and path.is_file():
        source = _in_file(path)
        for_tests = source is None and path.name != "conftest.py"
        if not for_tests and (source is None or source.kind is SourceKind.PLUGIN):
            _is_no_adapter(path)
        return (source,) if source else None
    return None


def default_sources(configuration: Configuration) -> tuple[tuple[Source, ...], bool]:
    """The sources of a project when no path is given, and whether they are the embedded default.

    The table's ``plugins`` and ``host``; else a host in the root's conftest.py, the
    folder ``plugins`` and the project's own ``hot_reload.plugins`` entry points;
    else what the kit brings along.

    Raises:
        DiscoveryError: what the table names is not there.
    """
    found = _configured(configuration) or _conventional(configuration)
    if found:
        return found, False
    return tuple(each.source for each in EMBEDDED), True


def _configured(configuration: Configuration) -> tuple[Source, ...]:
    found: list[Source] = []
    for text in configuration.plugins:
        path = configuration.root / text
        if not path.exists():
            raise DiscoveryError(
                f"{configuration.file}: [tool.hot-reload] plugins names {text!r}, "
                f"and there is no {path}"
            )
        found += sources_at(path, configuration) or ()
    if configuration.host:
        found.append(_configured_host(configuration))
    return _unique(found)


def _conventional(configuration: Configuration) -> tuple[Source, ...]:
    root = configuration.root
    found: list[Source] = []
    conftest = _in_file(root / "conftest.py")
    if conftest is not None:
        found.append(conftest)
    if (root / "plugins").is_dir():
        found += _in_directory(root / "plugins")
    for name, value in configuration.entry_points.items():
        found.append(_at_entry_point(name, value, configuration))
    return _unique(found)


def _configured_host(configuration: Configuration) -> Source:
    return Source(kind=SourceKind.HOST, anchor=configuration.file, target=configuration.host)


def _at_entry_point(name: str, value: str, configuration: Configuration) -> Source:
    """The file of an entry point, found on the path without importing anything."""
    parts = value.partition(":")[0].strip().split(".")
    for folder in (configuration.root, configuration.root / "src", *map(Path, sys.path)):
        for path in (folder.joinpath(*parts, "__init__.py"), folder.joinpath(*parts)):
            anchor = path if path.name == "__init__.py" else path.with_suffix(".py")
            if anchor.is_file():
                return Source(kind=SourceKind.PLUGIN, anchor=anchor)
    raise DiscoveryError(
        f"{configuration.file}: the entry point {name!r} of hot_reload.plugins names "
        f"{value!r}, and no such module is in the project or on sys.path"
    )


def _in_directory(folder: Path) -> Iterator[Source]:
    package = folder / "__init__.py"
    if package.is_file() and _is_package_of_one(folder):
        yield Source(kind=SourceKind.PLUGIN, anchor=package)
        return
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        if path.is_dir() and (path / "__init__.py").is_file():
            yield from _in_directory(path)
        elif path.suffix == ".py" and path.is_file():
            source = _in_file(path)
            if source is not None and (source.kind is SourceKind.HOST or _may_be_plugin(path)):
                yield source


def _is_no_adapter(path: Path) -> None:
    adapters = outline(path).adapters
    if adapters:
        raise DiscoveryError(
            f"{path} looks like the file of an adapter (class {adapters[-1]}(HostAdapter)), and "
            f"nothing in it is named {HOST_NAME}, so it would be judged as a plugin. End it with\n"
            f"    {HOST_NAME} = {adapters[-1]}\n"
            f"or name the class in pyproject.toml: [tool.hot-reload] host = "
            f'"package.module:{adapters[-1]}"'
        )


def _unnamed_adapters(folder: Path) -> str:
    for path in sorted(folder.glob("*.py")):
        adapters = outline(path).adapters
        if adapters:
            hint = f"write {HOST_NAME} = {adapters[-1]} at its end"
            return f" ({path.name} has the adapter {adapters[-1]}: {hint})"
    return ""


def _with_plugins_below(folder: Path) -> str:
    for path in sorted(folder.iterdir()):
        named = path.is_dir() and not path.name.startswith((".", "_"))
        if named and next(_in_directory(path), None) is not None:
            return f". Folders in it are not searched: name {path}"
    return ""


def _in_file(path: Path) -> Source | None:
    seen = outline(path)
    if HOST_NAME in seen.names:
        fixture = HOST_NAME in seen.fixtures
        return Source(kind=SourceKind.HOST, anchor=path, fixture=fixture)
    if path.name == "conftest.py" or (_is_test_file(path) and not seen.plugin):
        return None
    return Source(kind=SourceKind.PLUGIN, anchor=path)


def _is_package_of_one(folder: Path) -> bool:
    """Whether the package is a plugin, and not just a folder of them that has an ``__init__``."""
    seen = outline(folder / "__init__.py")
    if seen.plugin or seen.reexports or not seen.readable:
        return True
    return not any(
        outline(path).plugin for path in folder.glob("*.py") if not path.name.startswith("_")
    )


def _may_be_plugin(path: Path) -> bool:
    """In a folder, a file that shows no plugin is a module of the others'."""
    seen = outline(path)
    return seen.plugin or not seen.readable


def _is_test_file(path: Path) -> bool:
    return path.name.startswith("test_") or path.stem.endswith("_test")


def _unique(sources: Iterable[Source]) -> tuple[Source, ...]:
    return tuple({each.anchor: each for each in sources}.values())

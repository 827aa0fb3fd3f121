"""A namespace for each generation: its own modules, under names of its own.

The modules of generation 7 of ``counter`` are ``counter@g7``, ``counter@g7.helpers``
and so on in ``sys.modules`` while the generation lives (pickling, dataclasses and
type hints look there), and are gone afterwards. Three things make the plugin's own
imports reach its own generation:

- relative imports follow ``__package__``, which is ``counter@g7``;
- absolute ones (``import counter.helpers``) go through an ``__import__`` in the
  generation's own builtins, which maps the plugin's own name and those of its neighbours;
- one finder on ``sys.meta_path`` serves modules by these names from the snapshot, and leaves
  none of them to Python's own: that one would take a file that was written since, or its
  bytecode, and nobody would take the module out again.

Data files beside the modules are no part of a snapshot: they are read from the disk as it is.
"""

from __future__ import annotations

import builtins
import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import linecache
import logging
import os
import re
import sys
import threading
import typing
import weakref
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any, Protocol

from hot_reload.errors import SourceSyntaxError
from hot_reload.source.bindings import Texts
from hot_reload.source.code import CodeCache
from hot_reload.source.imports import imported_tops
from hot_reload.source.snapshot import SourceSnapshot

MARK = "@g"

_live: dict[str, weakref.ref[Namespace]] = {}
"""Every namespace that is in ``sys.modules`` now, by the name of its top module. Engines on loops
of several threads must not take one name both: to take it is one step of a plain dictionary. A
lock, left by an interrupt in the wrong moment, would hold up every load that is to come."""


class Neighbours(Protocol):
    """The other plugins, as one that is being built sees them."""

    def importable(self, top: str) -> Collection[str]:
        """The plugins whose module is imported as ``top``; mostly none."""

    def namespace(self, plugin: str) -> Namespace | None:
        """Where ``plugin`` is imported from now; None: nothing of it runs."""


class Namespace:
    """The modules of one generation.

    ``neighbours`` are the plugins that it may import as long as it is not ``sealed``.
    One in ``declared`` (asked only where an import may mean a neighbour) comes before
    anything else of that name; any other, only where nothing else has the name. What an
    import reached stays for the generation's life.
    """

    def __init__(
        self,
        snapshot: SourceSnapshot,
        generation: int,
        codes: CodeCache,
        *,
        neighbours: Neighbours | None = None,
        declared: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self.snapshot = snapshot
        self.thread = threading.get_ident()
        """On which it was made: that of its engine's loop."""
        self._codes = codes
        self._neighbours = neighbours
        self._declared = declared
        self._borrowed: set[str] = set()
        self._modules: dict[str, ModuleType] = {}
        self._extensions: set[str] = set()
        self._released = False
        self._builtins = {**vars(builtins), "__import__": self._import}
        self.top = _taken_name(self, snapshot.top, generation)
        # A plugin in a file named json.py that says `import json` means the standard
        # library, which everyone else has imported under that name; its own modules it
        # reaches by relative imports, and no other plugin reaches it.
        self._names = {snapshot.top: self.top} if _may_shadow(snapshot.top) else {}

    def execute(self) -> ModuleType:
        """Run the top module, and whatever of its own it imports as it runs.

        Raises:
            SourceSyntaxError: a file does not compile.
            BaseException: whatever the module raises.
        """
        _Finder.install()
        return importlib.import_module(self.top)

    def compile_all(self) -> dict[str, SourceSyntaxError]:
        """Compile every file, before anything of it runs.

        Returns:
            What does not compile and is not imported by the plugin's text, by dotted name.

        Raises:
            SourceSyntaxError: a file that the plugin imports does not compile.
        """
        faults: dict[str, SourceSyntaxError] = {}
        for name, file in self.snapshot.files.items():
            try:
                self._codes.code(file)
            except SourceSyntaxError as fault:
                faults[name] = fault.with_traceback(None)  # that would hold this namespace
        if faults:
            reached = Texts(self.snapshot).reached
            for name in faults:
                if name in reached:
                    raise faults.pop(name)  # not left in a frame that it then refers to
        return faults

    def modules(self) -> Mapping[str, ModuleType]:
        """The modules of this generation that have been imported, by full name."""
        return self._modules

    def owns(self, frame: FrameType) -> bool:
        """Whether ``frame`` runs code of this generation, be its module imported or failed.

        By identity: another engine's generation may have, or have had, the same name.
        """
        return frame.f_builtins is self._builtins

    def reachable(self) -> list[Namespace]:
        """The neighbours that its text may import, each after those that it may import itself.

        None once it is sealed.
        """
        neighbours = self._neighbours
        found: dict[str, Namespace | None] = {}

        def visit(snapshot: SourceSnapshot, neighbours: Neighbours) -> None:
            for top in sorted(imported_tops(snapshot)):
                for plugin in sorted(neighbours.importable(top)):
                    namespace = neighbours.namespace(plugin)
                    if plugin in found or namespace is None or namespace is self:
                        continue
                    found[plugin] = None  # it is being looked at: plugins may import in a circle
                    visit(namespace.snapshot, neighbours)
                    del found[plugin]
                    found[plugin] = namespace

        if neighbours is not None:
            visit(self.snapshot, neighbours)
        return [each for each in found.values() if each is not None]

    def absent(self) -> list[str]:
        """The plugins that its text declares it needs and of which nothing runs, nor will."""
        neighbours = self._neighbours
        if neighbours is None:
            return []
        return [name for name in sorted(self._declared()) if neighbours.namespace(name) is None]

    def seal(self, declared: Collection[str]) -> frozenset[str]:
        """Fix what is imported from other plugins: those in ``declared``, from now on.

        Returns:
            The plugins that were imported without being declared.
        """
        neighbours, self._neighbours = self._neighbours, None
        self._declared = frozenset  # whoever could say is the transaction's, and ends with it
        if neighbours is not None:
            for plugin in declared:
                namespace = neighbours.namespace(plugin)
                if namespace is not None and _may_shadow(namespace.snapshot.top):
                    self._names.setdefault(namespace.snapshot.top, namespace.top)
        return frozenset(self._borrowed.difference(declared))

    def release(self) -> None:
        """Take the modules out of ``sys.modules``; late imports are still served. Idempotent."""
        self._released = True  # first: what ends with its modules may import them still
        if _namespace(self.top) is self:  # later on the name may be another one's
            for name in [*self._modules, *self._extensions]:
                sys.modules.pop(name, None)
            _forget_loggers(self.top)
            _forget_types()
            del _live[self.top]  # last: until then whoever is interrupted does it again
        if not _live:
            _Finder.uninstall()

    def spec(self, full_name: str) -> importlib.machinery.ModuleSpec | None:
        """How to load one of this namespace's modules; None: it has no such module."""
        name = full_name[len(self.top) + 1 :]
        file = self.snapshot.files.get(name)
        if file is None:
            return self._spec_of_no_source(full_name, name)
        package = name in self.snapshot.packages
        spec = importlib.machinery.ModuleSpec(
            full_name, _Loader(self, name), origin=str(file.path), is_package=package
        )
        # No ``has_location``, though it has one: a spec that says so makes up the path of a
        # bytecode file and gives the module a ``__cached__``. None may belong to it.
        if package:
            spec.submodule_search_locations = [str(file.path.parent)]
        return spec

    def _spec_of_no_source(
        self, full_name: str, name: str
    ) -> importlib.machinery.ModuleSpec | None:
        """How to load a folder without ``__init__.py``, or a compiled extension."""
        if not self.snapshot.is_package:
            return None
        place = os.path.join(self.snapshot.main.path.parent, *name.split("."))
        if os.path.isdir(place) or any(each.startswith(f"{name}.") for each in self.snapshot.files):
            spec = importlib.machinery.ModuleSpec(
                full_name, _FolderLoader(self, place), is_package=True
            )
            spec.submodule_search_locations = [place]
            return spec
        for suffix in importlib.machinery.EXTENSION_SUFFIXES:
            if os.path.isfile(place + suffix):
                self._extensions.add(full_name)
                return importlib.util.spec_from_file_location(full_name, place + suffix)
        return None

    def enter(self, module: ModuleType) -> None:
        """Keep ``module``, of which nothing is run, until the release."""
        self._modules[module.__name__] = module

    def run(self, module: ModuleType, name: str) -> None:
        """Execute the file ``name`` in ``module``."""
        file = self.snapshot.files[name]
        code = self._codes.code(file)
        module.__file__ = str(file.path)
        # Python takes an edit of the same size and moment for none, and shows older lines.
        linecache.cache.pop(module.__file__, None)
        module.__dict__["__builtins__"] = self._builtins
        full_name = module.__name__
        self._modules[full_name] = module
        try:
            exec(code, module.__dict__)
        except BaseException:
            del self._modules[full_name]
            raise

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        """``__import__`` for this generation's code."""
        if level == 0:
            top, dot, rest = name.partition(".")
            mapped = self._names.get(top) or self._borrow(top)
            if mapped is None:
                try:
                    return builtins.__import__(name, globals, locals, fromlist or (), 0)
                except ModuleNotFoundError as error:
                    if self._neighbours is None and error.name == top and _is_plugin(top):
                        error.msg = (
                            f"{error}; it is a plugin's: declare it in the dependencies of the "
                            "one that imports it"
                        )
                    raise
            full_name = f"{mapped}{dot}{rest}"
        else:
            package = str((globals or {}).get("__package__") or "")
            full_name = importlib.util.resolve_name("." * level + name, package)
        if self._released and full_name.partition(".")[0] == self.top:
            return self._late_import(full_name, fromlist or ())
        return builtins.__import__(
            full_name if level == 0 else name, globals, locals, fromlist or (), level
        )

    def _borrow(self, top: str) -> str | None:
        """The top module of the neighbour that ``import top`` means; None: it means none."""
        neighbours = self._neighbours
        if neighbours is None or not _may_shadow(top):
            return None
        candidates = neighbours.importable(top)
        if not candidates:
            return None
        declared = frozenset(self._declared()).intersection(candidates)
        if not declared and _stands_elsewhere(top):
            return None
        plugin = min(declared or candidates)
        namespace = neighbours.namespace(plugin)
        if namespace is None:
            return None
        self._borrowed.add(plugin)
        self._names[top] = namespace.top
        return namespace.top

    def _late_import(self, full_name: str, fromlist: Sequence[str]) -> ModuleType:
        """An import by code that outlives its generation: served, but never published."""
        module = self._late_module(full_name)
        for name in fromlist:
            child = f"{full_name}.{name}"
            if not hasattr(module, name) and self.spec(child) is not None:
                setattr(module, name, self._late_module(child))
        return module if fromlist else self._modules[self.top]

    def _late_module(self, full_name: str) -> ModuleType:
        module = self._modules.get(full_name)
        if module is not None:
            return module
        parent, _, leaf = full_name.rpartition(".")
        spec = self.spec(full_name)
        if spec is None:
            raise ModuleNotFoundError(f"No module named {full_name!r}", name=full_name)
        container = self._late_module(parent)
        module = importlib.util.module_from_spec(spec)
        assert spec.loader is not None
        spec.loader.exec_module(module)
        setattr(container, leaf, module)
        return module


class _Loader(importlib.abc.InspectLoader):
    def __init__(self, namespace: Namespace, name: str) -> None:
        self._namespace = namespace
        self._name = name

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self._namespace.run(module, self._name)

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._namespace.snapshot.files[self._name].data)

    def get_filename(self, fullname: str) -> str:
        return str(self._namespace.snapshot.files[self._name].path)

    def is_package(self, fullname: str) -> bool:
        return self._name in self._namespace.snapshot.packages

    def get_data(self, path: str) -> bytes:
        """For ``pkgutil.get_data``: a source file as it runs, any other as it is now."""
        for file in self._namespace.snapshot.files.values():
            if str(file.path) == path:
                return file.data
        return Path(path).read_bytes()

    def get_resource_reader(self, fullname: str) -> Any:
        """For ``importlib.resources``."""
        return _resources(os.path.dirname(self.get_filename(fullname)))


class _FolderLoader(importlib.abc.Loader):
    """Of a folder without ``__init__.py``: there is nothing to run."""

    def __init__(self, namespace: Namespace, folder: str) -> None:
        self._namespace = namespace
        self._folder = folder

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self._namespace.enter(module)

    def get_resource_reader(self, fullname: str) -> Any:
        return _resources(self._folder)


def _resources(folder: str) -> Any:
    # Here: few plugins have data files, and importlib.resources takes a while to import.
    from importlib.resources.readers import FileReader

    loader: Any = SimpleNamespace(path=os.path.join(folder, "__init__.py"))
    return FileReader(loader)


class _Finder(importlib.abc.MetaPathFinder):
    """The one finder of this process; on ``sys.meta_path`` while a generation lives."""

    _installed: _Finder | None = None

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if MARK not in fullname:
            return None
        namespace = _namespace(fullname.partition(".")[0])
        if namespace is None:
            return None
        spec = namespace.spec(fullname)
        if spec is None and importlib.machinery.PathFinder.find_spec(fullname, path) is not None:
            # It was written since; at None the other finders would load it from the disk.
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return spec

    @classmethod
    def install(cls) -> None:
        if cls._installed is None or cls._installed not in sys.meta_path:
            cls._installed = cls()
            # First: the names are ours alone, and the others would search the disk for them.
            sys.meta_path.insert(0, cls._installed)

    @classmethod
    def uninstall(cls) -> None:
        if cls._installed in sys.meta_path:
            sys.meta_path.remove(cls._installed)
        cls._installed = None


def _taken_name(namespace: Namespace, top: str, generation: int) -> str:
    """A module name for a generation that no other engine's generation has now; it has it."""
    # A dot in a file's name would make importlib look for a parent package.
    name = f"{top.replace('.', '_')}{MARK}{generation}"
    names = itertools.chain((name,), (f"{name}x{number}" for number in itertools.count(2)))
    return next(each for each in names if _take(each, namespace))


def _take(top: str, namespace: Namespace) -> bool:
    mine = weakref.ref(namespace, partial(_forget, top))
    return _live.setdefault(top, mine) is mine


def _forget(top: str, _: weakref.ref[Namespace]) -> None:
    # Of a released one, and of one that did not get the name, the reference is gone already.
    _live.pop(top, None)


def _namespace(top: str) -> Namespace | None:
    held = _live.get(top)
    return None if held is None else held()


def as_written(text: str) -> str:
    """``text`` with the names of modules as authors write them: ``counter`` for ``counter@g7``."""
    return _NUMBER.sub("", text)


def missing_of_a_plugin(name: str) -> str | None:
    """What to do about the missing module ``name``, where it would be a plugin's own, which no
    installation brings; None: it is nobody's."""
    written = as_written(name)
    if written == name:
        return None
    return (
        f"no plugin has the module {written!r}: add its file (in no folder that is a link, which "
        "is not followed), or mend the import"
    )


_NUMBER = re.compile(rf"(?<=\w){MARK}\d+(?:x\d+)?\b")


def is_elsewhere(name: object) -> bool:
    """Whether a module of this name is, or was, that of an engine on another thread.

    Its loop imports it and lets it go at any moment, and that is nobody's doing on this thread,
    where nothing is released while an import runs.
    """
    top = name.partition(".")[0] if isinstance(name, str) else ""
    if MARK not in top:
        return False
    namespace = _namespace(top)
    return namespace is None or namespace.thread != threading.get_ident()


def _may_shadow(top: str) -> bool:
    """Whether a plugin's file of this name is what others mean by ``import top``."""
    return top not in sys.stdlib_module_names


def _is_plugin(top: str) -> bool:
    """Whether a plugin that is loaded now is imported as ``top``."""
    return _may_shadow(top) and any(each.partition(MARK)[0] == top for each in list(_live))


def _stands_elsewhere(top: str) -> bool:
    """Whether ``import top`` finds something that is no plugin: a distribution, most likely."""
    return top in sys.modules or importlib.util.find_spec(top) is not None


def _forget_types() -> None:
    """Let ``typing`` forget what it made: ``Optional[Job]`` keeps the class ``Job``, and with that
    its generation, in a cache for the whole process. What is asked for again is made again."""
    for forget in getattr(typing, "_cleanups", ()):
        forget()


def _forget_loggers(top: str) -> None:
    """Drop the loggers that a generation made by its ``__name__``: else each reload adds one."""
    loggers = logging.Logger.manager.loggerDict
    if top not in loggers:  # those below it would have put a placeholder there
        return
    for name in [each for each in loggers if each == top or each.startswith(f"{top}.")]:
        del loggers[name]

"""The house holds: which module may import what, and what files may be called.

Every rule reads the source with ``ast`` and imports nothing of it, so it judges a
tree that does not even run. Imports under ``if TYPE_CHECKING`` count nowhere;
imports inside functions count like any other, except where a rule says "at the top".
The second half of this file feeds each rule a small wrong tree and expects it to bite.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

ROOTS = {
    "hot_reload": "src",
    "hot_reload_fixtures": "fixtures",
    "hot_reload_conformance": "conformance",
}
"""Each import root and its folder; a root may import itself and those before it."""

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "outcome", "events", "manifest", "hooks", "settings", "ports", "plugin"}),
    frozenset({"policy"}),
    frozenset({"source", "config"}),
    frozenset({"runtime"}),
)
"""The floors of ``hot_reload`` from the ground up. Whatever is not listed stands above them."""
RUNTIME = 3

PURE = ("hot_reload.policy", "hot_reload.runtime")
OUTSIDE_WORLD = {"time", "random", "watchfiles", "threading"}
INPUT_OUTPUT = {"asyncio", "concurrent", "io", "multiprocessing", "os", "shutil", "socket"} | {
    "subprocess",
    "tempfile",
}
FORBIDDEN_NAMES = {"to_thread", "wait_for", "Thread"}
LOCKS_ALLOWED = "hot_reload.runtime.dispatch"

PYTEST_NAMES = ("pytest_plugin", "suite")
PYTEST_COLLECTORS: frozenset[str] = frozenset({"hot_reload_conformance.door"})
"""Others that make or parametrize tests: pytest is what they are about."""
HYPOTHESIS_NAMES = ("strategies", "machine", "suite", "properties")
HYPOTHESIS_MODULES: frozenset[str] = frozenset(
    {
        "hot_reload_conformance.exploration.drawing",
        "hot_reload_conformance.exploration.rules",
        "hot_reload_conformance.exploration.trial_rules",
        "hot_reload_conformance.plugins.examples",
    }
)
"""Others that run properties: each is imported only by those who run checks."""

REFERENCE_ADAPTER = "hot_reload_conformance.adapters.reference"
PLUGIN_SUBJECT: frozenset[str] = frozenset(
    {"hot_reload_conformance.plugins.bare", "hot_reload_conformance.plugins.case"}
)
"""Modules that use the engine or parts of it because a plugin, and no host, is the subject."""

LIGHT_AT_THE_TOP = {"__future__", "collections.abc", "pathlib", "pytest", "typing"}
"""What a pytest plugin module may import at once; pytest itself has loaded pathlib by then."""

BANNED_STEMS = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


@dataclass(frozen=True)
class Import:
    """One imported thing. ``symbol`` is the name taken from the module ``target``, if any."""

    target: str
    symbol: str | None
    line: int
    at_top: bool

    @property
    def full(self) -> str:
        return f"{self.target}.{self.symbol}" if self.symbol else self.target


@dataclass(frozen=True)
class Module:
    """One source file. ``path`` is relative to the repository."""

    name: str
    path: PurePosixPath
    tree: ast.Module

    @property
    def root(self) -> str:
        return self.name.partition(".")[0]

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(self._imports(self.tree, at_top=True))

    def inside(self, *packages: str) -> bool:
        return any(within(self.name, package) for package in packages)

    def named_like(self, prefixes: tuple[str, ...]) -> bool:
        """Whether a part of the dotted name is, or begins with, one of ``prefixes``."""
        return any(part.startswith(prefixes) for part in self.name.split(".")[1:])

    def _imports(self, node: ast.AST, *, at_top: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(alias.name, None, child.lineno, at_top)
            elif isinstance(child, ast.ImportFrom):
                for alias in child.names:
                    yield Import(self._absolute(child), alias.name, child.lineno, at_top)
            elif isinstance(child, ast.If) and _is_type_checking(child.test):
                for statement in child.orelse:
                    yield from self._imports(
                        ast.Module([statement], type_ignores=[]), at_top=at_top
                    )
            else:
                if isinstance(child, ast.Call) and (named := _named_at_run_time(child)):
                    yield Import(named, None, child.lineno, at_top)
                inner = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
                yield from self._imports(child, at_top=at_top and not inner)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = self.name.split(".")
        keep = len(parts) - node.level + self.is_package
        return ".".join([*parts[:keep], *([node.module] if node.module else [])])


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _named_at_run_time(call: ast.Call) -> str | None:
    """The module that ``import_module("x")`` or ``__import__("x")`` names, if it is absolute."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in {"import_module", "__import__"} or not call.args:
        return None
    first = call.args[0]
    text = first.value if isinstance(first, ast.Constant) else None
    return text if isinstance(text, str) and not text.startswith(".") else None


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@dataclass(frozen=True)
class Violation:
    path: PurePosixPath
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.text}"


class House:
    """Every module of the three roots below ``repository``, parsed once."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.modules: dict[str, Module] = {}
        self.unreadable: list[Violation] = []
        for root, folder in ROOTS.items():
            base = repository / folder
            for file in sorted((base / root).rglob("*.py")):
                self._add(file, base)

    def _add(self, file: Path, base: Path) -> None:
        parts = file.relative_to(base).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        path = PurePosixPath(file.relative_to(self.repository).as_posix())
        try:
            tree = ast.parse(file.read_bytes())
        except FileNotFoundError:
            return  # removed while we were looking
        except (SyntaxError, ValueError) as error:
            line = getattr(error, "lineno", None) or 1
            self.unreadable.append(Violation(path, line, "syntax", f"does not parse: {error}"))
            return
        self.modules[name] = Module(name, path, tree)

    def resolve(self, found: Import) -> str:
        """The module that is imported: ``from a import b`` is ``a.b`` where that is one."""
        return found.full if found.full in self.modules else found.target


def floor(name: str) -> int:
    """The floor of a module of ``hot_reload``; its front door stands above everything."""
    parts = name.split(".")
    if len(parts) == 1:
        return len(FLOORS) + 1
    return next((i for i, names in enumerate(FLOORS) if parts[1] in names), len(FLOORS))


def every_file_parses(house: House) -> Iterator[Violation]:
    yield from house.unreadable


def roots_import_one_way(house: House) -> Iterator[Violation]:
    order = list(ROOTS)
    for module in house.modules.values():
        for found in module.imports:
            target = found.target.partition(".")[0]
            if target in ROOTS and order.index(target) > order.index(module.root):
                yield Violation(
                    module.path,
                    found.line,
                    "one way",
                    f"{module.root} imports {found.full}: imports go {' <- '.join(order)}",
                )


def roots_use_public_names_of_each_other(house: House) -> Iterator[Violation]:
    for module in house.modules.values():
        for found in module.imports:
            parts = found.full.split(".")
            private = [p for p in parts if p.startswith("_") and not p.endswith("__")]
            if parts[0] in ROOTS and parts[0] != module.root and private:
                yield Violation(
                    module.path,
                    found.line,
                    "public names",
                    f"{found.full} is private to {parts[0]}: make {private[0]} public there, "
                    "or do without it",
                )


def floors_import_downward(house: House) -> Iterator[Violation]:
    for module in house.modules.values():
        for found in module.imports if module.root == "hot_reload" else ():
            target = house.resolve(found)
            if within(target, "hot_reload") and floor(target) > floor(module.name):
                yield Violation(
                    module.path,
                    found.line,
                    "floors",
                    f"{module.name} imports {found.full}, which stands above it: the floors are "
                    "vocabulary < policy < source < runtime < all others < hot_reload itself",
                )


def no_import_cycles(house: House) -> Iterator[Violation]:
    edges = {
        name: {
            house.resolve(found): found.line
            for found in module.imports
            if house.resolve(found) in house.modules and house.resolve(found) != name
        }
        for name, module in house.modules.items()
    }
    for cycle in _cycles(edges):
        first, second = cycle[0], cycle[1]
        yield Violation(
            house.modules[first].path,
            edges[first][second],
            "no cycles",
            f"import cycle {' -> '.join((*cycle, first))}: move what both need to a third module",
        )


def _cycles(edges: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, ...]]:
    """One cycle for each edge that closes one, each beginning with its smallest name."""
    done: set[str] = set()
    for start in sorted(edges):
        path: dict[str, Iterator[str]] = {} if start in done else {start: iter(edges[start])}
        while path:
            name, rest = next(reversed(path.items()))
            target = next((each for each in rest if each not in done), None)
            if target is None:
                path.popitem()
                done.add(name)
            elif target in path:
                members = [*path][[*path].index(target) :]
                turn = members.index(min(members))
                yield (*members[turn:], *members[:turn])
            else:
                path[target] = iter(edges[target])


def the_outside_world_comes_in_by_ports(house: House) -> Iterator[Violation]:
    for module in house.modules.values():
        if not module.inside(*PURE):
            continue
        forbidden = set(OUTSIDE_WORLD)
        locks = module.name.startswith(LOCKS_ALLOWED)
        if locks:
            forbidden.discard("threading")
        if module.inside("hot_reload.policy"):
            forbidden |= INPUT_OUTPUT
        for found in module.imports:
            top = found.target.partition(".")[0]
            if top in forbidden:
                yield Violation(
                    module.path, found.line, "ports", f"imports {top}: take it through a port"
                )
        for line, used in _names_used(module.tree):
            owner, _, name = used.rpartition(".")
            if name == "wait_for" and locks and owner not in {"", "asyncio"}:
                continue  # threading.Condition has a method of this name
            if name in FORBIDDEN_NAMES:
                yield Violation(
                    module.path, line, "ports", f"uses {name}: it is not allowed in {module.name}"
                )
            elif name == "open()" and module.inside("hot_reload.policy"):
                yield Violation(module.path, line, "ports", "opens a file: policy is pure")


def _names_used(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Names and attributes outside annotations: those are never run, and start nothing."""
    match node:
        case ast.Attribute(value=ast.Name(id=owner), attr=name, lineno=line):
            yield line, f"{owner}.{name}"
        case ast.Attribute(attr=name, lineno=line):
            yield line, f"...{name}"
        case ast.Name(id=name, lineno=line):
            yield line, name
        case ast.ImportFrom(names=names, lineno=line):
            yield from ((line, alias.name) for alias in names)
        case ast.Call(func=ast.Name(id="open"), lineno=line):
            yield line, "open()"
    for field_name, value in ast.iter_fields(node):
        if field_name in {"annotation", "returns"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _names_used(child)


def pytest_stays_in_its_modules(house: House) -> Iterator[Violation]:
    for module in house.modules.values():
        if module.named_like(PYTEST_NAMES) or module.inside(*PYTEST_COLLECTORS):
            continue
        for found in module.imports:
            if found.target.partition(".")[0] in {"pytest", "_pytest"}:
                yield Violation(
                    module.path,
                    found.line,
                    "pytest",
                    f"imports {found.full}: only {', '.join(PYTEST_NAMES)} and the modules of "
                    "PYTEST_COLLECTORS may",
                )


def hypothesis_stays_in_its_modules(house: House) -> Iterator[Violation]:
    for module in house.modules.values():
        if module.named_like(HYPOTHESIS_NAMES) or module.inside(*HYPOTHESIS_MODULES):
            continue
        for found in module.imports:
            if found.target.partition(".")[0] == "hypothesis":
                yield Violation(
                    module.path,
                    found.line,
                    "hypothesis",
                    f"imports {found.full}: only modules named {', '.join(HYPOTHESIS_NAMES)} "
                    "and those of HYPOTHESIS_MODULES may",
                )


def one_module_of_the_kit_knows_the_engine(house: House) -> Iterator[Violation]:
    for module in house.modules.values():
        if module.root != "hot_reload_conformance" or module.inside(
            REFERENCE_ADAPTER, *PLUGIN_SUBJECT
        ):
            continue
        for found in module.imports:
            target = house.resolve(found)
            if within(target, "hot_reload") and floor(target) >= RUNTIME:
                yield Violation(
                    module.path,
                    found.line,
                    "one engine",
                    f"imports {found.full}: only {REFERENCE_ADAPTER} knows the reference engine; "
                    "import vocabulary from its own module, such as hot_reload.outcome",
                )


def pytest_plugins_are_light(house: House) -> Iterator[Violation]:
    """Importing a plugin module imports its packages first: those count too."""
    allowed = LIGHT_AT_THE_TOP | {"importlib"}
    for module in house.modules.values():
        if module.name.rpartition(".")[2] == "pytest_plugin":
            light = LIGHT_AT_THE_TOP
        elif f"{module.name}.pytest_plugin" in house.modules:
            light = allowed - {"pytest"}
        else:
            continue
        for found in module.imports:
            if found.at_top and not {found.target, found.full} & light:
                yield Violation(
                    module.path,
                    found.line,
                    "light plugin",
                    f"imports {found.full} at the top, so every start of pytest pays for it: "
                    "import it in the function that needs it",
                )


def no_loose_files(house: House) -> Iterator[Violation]:
    for folder in ROOTS.values():
        for file in sorted((house.repository / folder).glob("*.py")):
            yield Violation(
                PurePosixPath(folder, file.name),
                1,
                "no loose files",
                "stands beside the packages and would be importable by itself: move it into one",
            )


def names_say_something(house: House) -> Iterator[Violation]:
    for module in house.modules.values():
        stem = module.name.rpartition(".")[2].strip("_")
        if stem in BANNED_STEMS or stem.endswith("_manager"):
            yield Violation(
                module.path, 1, "names", f"{stem} says nothing: name the module by its noun"
            )


Check = Callable[[House], Iterator[Violation]]
CHECKS: tuple[Check, ...] = (
    every_file_parses,
    roots_import_one_way,
    roots_use_public_names_of_each_other,
    floors_import_downward,
    no_import_cycles,
    the_outside_world_comes_in_by_ports,
    pytest_stays_in_its_modules,
    hypothesis_stays_in_its_modules,
    one_module_of_the_kit_knows_the_engine,
    pytest_plugins_are_light,
    no_loose_files,
    names_say_something,
)


@pytest.fixture(scope="module")
def house() -> House:
    return House(REPOSITORY)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_house_keeps_the_rule(check: Check, house: House) -> None:
    found = [str(violation) for violation in check(house)]
    assert not found, "\n" + "\n".join(found)


def test_the_house_was_found(house: House) -> None:
    """A rule over no module would pass too."""
    assert {module.root for module in house.modules.values()} == set(ROOTS)
    assert "hot_reload.policy.graph" in house.modules
    assert house.modules["hot_reload.policy.graph"].imports


def test_no_exception_outlives_its_module(house: House) -> None:
    listed = PYTEST_COLLECTORS | HYPOTHESIS_MODULES | PLUGIN_SUBJECT
    assert listed <= house.modules.keys()


# Each rule with wrong trees: the files, and how the message that must come begins.

Files = dict[str, str]
ENGINE = {"src/hot_reload/runtime/engine.py": "class Engine: ...\n"}
KIT = "conformance/hot_reload_conformance"
GUARDED = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n"

WRONG: list[tuple[Check, Files, str]] = [
    (every_file_parses, {"src/hot_reload/a.py": "x = 1\ndef ("}, "src/hot_reload/a.py:2: [syntax]"),
    (
        roots_import_one_way,
        {"src/hot_reload/a.py": "import os\nimport hot_reload_fixtures.clock\n"},
        "src/hot_reload/a.py:2: [one way] hot_reload imports hot_reload_fixtures.clock",
    ),
    (
        roots_import_one_way,
        {
            "fixtures/hot_reload_fixtures/a.py": (
                "def f():\n    from hot_reload_conformance import adapter\n"
            )
        },
        "fixtures/hot_reload_fixtures/a.py:2: [one way]",
    ),
    (
        roots_use_public_names_of_each_other,
        {f"{KIT}/a.py": "from hot_reload.outcome import _x\n"},
        f"{KIT}/a.py:1: [public names] hot_reload.outcome._x",
    ),
    (
        roots_use_public_names_of_each_other,
        {f"{KIT}/a.py": "import hot_reload_fixtures._inner.clock\n"},
        f"{KIT}/a.py:1: [public names] hot_reload_fixtures._inner.clock",
    ),
    (
        floors_import_downward,
        {"src/hot_reload/policy/a.py": "\nfrom ..runtime import engine\n", **ENGINE},
        "src/hot_reload/policy/a.py:2: [floors] hot_reload.policy.a imports "
        "hot_reload.runtime.engine",
    ),
    (
        floors_import_downward,
        {"src/hot_reload/outcome.py": "from hot_reload.policy.graph import G\n"},
        "src/hot_reload/outcome.py:1: [floors]",
    ),
    (
        floors_import_downward,
        {"src/hot_reload/source/a.py": "def f():\n import hot_reload.runtime.engine\n"},
        "src/hot_reload/source/a.py:2: [floors]",
    ),
    (
        floors_import_downward,
        {"src/hot_reload/runtime/a.py": "from hot_reload.watch import sweep\n"},
        "src/hot_reload/runtime/a.py:1: [floors]",
    ),
    (
        floors_import_downward,
        {"src/hot_reload/runtime/a.py": "from hot_reload import Engine\n"},
        "src/hot_reload/runtime/a.py:1: [floors]",
    ),
    (
        no_import_cycles,
        {
            f"{KIT}/c.py": "from hot_reload_conformance import a\n",
            f"{KIT}/a.py": "import os\nfrom hot_reload_conformance.b import x\n",
            f"{KIT}/b.py": "def f():\n    from . import c\n",
        },
        f"{KIT}/a.py:2: [no cycles] import cycle hot_reload_conformance.a -> "
        "hot_reload_conformance.b -> hot_reload_conformance.c -> hot_reload_conformance.a",
    ),
    *(
        (
            the_outside_world_comes_in_by_ports,
            {f"src/hot_reload/{floor_name}/a.py": f"x = 1\n{line}\n"},
            f"src/hot_reload/{floor_name}/a.py:2: [ports] {words}",
        )
        for floor_name in ("policy", "runtime")
        for line, words in [
            ("import time as clock", "imports time"),
            ("from random import choice", "imports random"),
            ("import watchfiles.main", "imports watchfiles"),
            ("import threading", "imports threading"),
            ("importlib.import_module('time')", "imports time"),
            ("asyncio.to_thread(f)", "uses to_thread"),
            ("from asyncio import wait_for as w", "uses wait_for"),
            ("wait_for(f, 1)", "uses wait_for"),
        ]
        # In policy the import of asyncio is reported first.
        if not (floor_name == "policy" and line.startswith("from asyncio"))
    ),
    (
        the_outside_world_comes_in_by_ports,
        {"src/hot_reload/runtime/dispatch.py": "import threading\nthreading.Thread()\n"},
        "src/hot_reload/runtime/dispatch.py:2: [ports] uses Thread",
    ),
    *(
        (
            the_outside_world_comes_in_by_ports,
            {"src/hot_reload/runtime/dispatch.py": f"x = 1\n{line}\n"},
            "src/hot_reload/runtime/dispatch.py:2: [ports] uses wait_for",
        )
        for line in ("asyncio.wait_for(f, 1)", "from asyncio import wait_for", "wait_for(f, 1)")
    ),
    (
        the_outside_world_comes_in_by_ports,
        {"src/hot_reload/runtime/engine.py": "x.condition.wait_for(f)\n"},
        "src/hot_reload/runtime/engine.py:1: [ports] uses wait_for",
    ),
    (
        the_outside_world_comes_in_by_ports,
        {"src/hot_reload/policy/a.py": "import asyncio\n"},
        "src/hot_reload/policy/a.py:1: [ports] imports asyncio",
    ),
    (
        the_outside_world_comes_in_by_ports,
        {"src/hot_reload/policy/a.py": "with open('x') as f: ...\n"},
        "src/hot_reload/policy/a.py:1: [ports] opens a file",
    ),
    (
        pytest_stays_in_its_modules,
        {f"{KIT}/report.py": "def f():\n    import pytest\n"},
        f"{KIT}/report.py:2: [pytest] imports pytest",
    ),
    (
        pytest_stays_in_its_modules,
        {f"{KIT}/report.py": "from _pytest.python import Module\n"},
        f"{KIT}/report.py:1: [pytest] imports _pytest.python.Module",
    ),
    (
        hypothesis_stays_in_its_modules,
        {f"{KIT}/report.py": "from hypothesis import given\n"},
        f"{KIT}/report.py:1: [hypothesis] imports hypothesis.given",
    ),
    *(
        (
            one_module_of_the_kit_knows_the_engine,
            {f"{KIT}/checks/load.py": line, "src/hot_reload/__init__.py": "", **ENGINE},
            f"{KIT}/checks/load.py:1: [one engine]",
        )
        for line in (
            "from hot_reload.runtime.engine import Engine\n",
            "from hot_reload.runtime import engine\n",
            "from hot_reload import Engine\n",
            "import hot_reload\n",
            "import hot_reload.watch\n",
        )
    ),
    (
        pytest_plugins_are_light,
        {f"{KIT}/pytest_plugin.py": "import pytest\nfrom hot_reload_conformance import suite\n"},
        f"{KIT}/pytest_plugin.py:2: [light plugin] imports hot_reload_conformance.suite",
    ),
    (
        pytest_plugins_are_light,
        {f"{KIT}/pytest_plugin.py": "try:\n    import asyncio\nexcept ImportError: ...\n"},
        f"{KIT}/pytest_plugin.py:2: [light plugin] imports asyncio",
    ),
    (
        pytest_plugins_are_light,
        {f"{KIT}/pytest_plugin.py": "", f"{KIT}/__init__.py": "from .adapter import A\n"},
        f"{KIT}/__init__.py:1: [light plugin] imports hot_reload_conformance.adapter.A",
    ),
    *(
        (no_loose_files, {f"{folder}/a.py": ""}, f"{folder}/a.py:1: [no loose files]")
        for folder in ROOTS.values()
    ),
    *(
        (names_say_something, {f"src/hot_reload/{path}": ""}, f"src/hot_reload/{path}:1: [names]")
        for path in (
            "utils.py",
            "policy/helpers.py",
            "common/__init__.py",
            "misc.py",
            "_utils.py",
            "runtime/plugin_manager.py",
        )
    ),
]

RIGHT: Files = {
    "src/hot_reload/__init__.py": (
        "def __getattr__(name):\n    from hot_reload.runtime.engine import Engine\n"
    ),
    "src/hot_reload/outcome.py": f"import enum\n{GUARDED}    from hot_reload.ports import Clock\n",
    "src/hot_reload/ports.py": "import time\nfrom hot_reload import outcome\n",
    "src/hot_reload/policy/graph.py": "from hot_reload.outcome import x, __version__\n",
    "src/hot_reload/runtime/dispatch_gate.py": (
        "import threading\nx: list[threading.Thread] = []\ny = threading.Lock()\n"
        "def f(a: threading.Thread) -> threading.Thread:\n    self._room.wait_for(a)\n"
    ),
    "src/hot_reload/runtime/engine.py": "import asyncio\nfrom hot_reload.policy import graph\n",
    "src/hot_reload/watch/watcher.py": "import threading\nfrom ..runtime.engine import Engine\n",
    "fixtures/hot_reload_fixtures/clock.py": "from hot_reload.ports import Clock\n",
    "fixtures/hot_reload_fixtures/pytest_plugin.py": (
        f"import pytest\n{GUARDED}    from hot_reload_fixtures import clock\n"
        "def f():\n    from hot_reload_fixtures import clock\n"
    ),
    f"{KIT}/__init__.py": "import importlib\nfrom typing import Any\n",
    f"{KIT}/adapter.py": "import hot_reload.outcome\nfrom hot_reload import ports\n",
    f"{KIT}/adapters/reference.py": "from hot_reload.runtime.engine import Engine\n",
    f"{KIT}/plugins/case.py": "from hot_reload import Engine\n",
    f"{KIT}/pytest_plugin.py": (
        "from __future__ import annotations\nfrom collections import abc\nimport pytest\n"
    ),
    f"{KIT}/suite/items.py": "import pytest\nimport hypothesis\n",
    f"{KIT}/strategies.py": "from hypothesis import strategies\n",
    f"{KIT}/machines/load.py": "import hypothesis.stateful\n",
    "conformance/hosts/some/adapter.py": "import pytest\nimport hot_reload.runtime.engine\n",
}


def house_of(files: Files, folder: Path) -> House:
    for path, text in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return House(folder)


@pytest.mark.parametrize(
    ("check", "files", "message"),
    [pytest.param(*case, id=f"{case[0].__name__}-{number}") for number, case in enumerate(WRONG)],
)
def test_the_rule_bites(check: Check, files: Files, message: str, tmp_path: Path) -> None:
    found = [str(violation) for violation in check(house_of(files, tmp_path))]
    assert [line.startswith(message) for line in found] == [True], found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_rule_spares_a_good_house(check: Check, tmp_path: Path) -> None:
    found = [str(violation) for violation in check(house_of(RIGHT, tmp_path))]
    assert found == []


def test_every_rule_has_a_tree_that_it_bites() -> None:
    assert {check for check, _, _ in WRONG} == set(CHECKS)

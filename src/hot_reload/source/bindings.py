"""What the names of a plugin's modules are bound to, read from the text: nothing is run.

The answers are certain or they are not given. A name that is bound twice, under a
condition, by a star import or from outside the plugin is ``UNKNOWN``.
"""

from __future__ import annotations

import ast
import enum
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from hot_reload.source.snapshot import SourceFile, SourceSnapshot

IMPORT_CHAIN_LIMIT = 16
_BY_NAME = re.compile(
    rb"\b(__import__|import_module|iter_modules|walk_packages|exec_module|run_module)\b"
)
"""With one of these words a module may import others whose names it computes."""

Scope: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef


UNPARSED = (SyntaxError, ValueError, MemoryError, RecursionError)
"""What the parser raises for a text that it cannot take."""


class Unbound(enum.Enum):
    """Why there is no ``Bound`` for a name."""

    ABSENT = "nothing binds it"
    MODULE = "it is a module"
    UNKNOWN = "it cannot be told without running the module"


@dataclass(frozen=True, slots=True)
class Bound:
    """The one statement that binds a name, and the module of the plugin that it stands in.

    ``outside`` is the dotted name of what is imported where it comes from outside the plugin.
    """

    module: str
    node: ast.stmt
    outside: str = ""


@dataclass(frozen=True, slots=True)
class ImportedName:
    """One name of an import statement, absolute where it is of another distribution.

    ``own`` is the module of the plugin that it means, by its dotted name inside the plugin;
    None where it is not the plugin's own.
    """

    target: str
    symbol: str | None
    own: str | None


class Text:
    """One module of a plugin, parsed.

    Raises:
        SyntaxError, ValueError, MemoryError, RecursionError: it does not parse.
    """

    def __init__(self, name: str, file: SourceFile) -> None:
        self.name = name
        self.file = file
        self.tree = ast.parse(file.data, str(file.path))

    @cached_property
    def bound(self) -> dict[str, list[ast.stmt | None]]:
        """Each name of the module's scope with what binds it; None: under a condition."""
        found: dict[str, list[ast.stmt | None]] = {}
        for statement in self.tree.body:
            direct = isinstance(statement, _DIRECT)
            for name in names_bound(statement):
                found.setdefault(name, []).append(statement if direct else None)
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Global):
                for name in node.names:
                    found.setdefault(name, []).append(None)
        return found


class Texts:
    """The modules of a snapshot, each parsed when it is first asked for.

    To go through them passes over those that do not parse and that nothing imports, such as
    the templates of files to come.
    """

    def __init__(self, snapshot: SourceSnapshot) -> None:
        self.snapshot = snapshot
        self._kept: dict[str, Text] = {}

    def __getitem__(self, name: str) -> Text:
        if name not in self._kept:
            self._kept[name] = Text(name, self.snapshot.files[name])
        return self._kept[name]

    def __iter__(self) -> Iterator[Text]:
        for name in self.snapshot.files:
            try:
                text = self[name]
            except UNPARSED:
                if name in self.reached:
                    raise
            else:
                yield text

    @cached_property
    def reached(self) -> frozenset[str]:
        """The modules that the plugin may import, itself among them.

        They are those that import statements lead to, wherever these stand. Where a module on
        the way imports by a name that it computes, every one of its packages' counts; a folder
        without ``__init__.py`` is then taken for data.
        """
        found: dict[str, None] = {}
        waiting = [""]
        while waiting:
            name = waiting.pop()
            if name in found or name not in self.snapshot.files:
                continue
            found[name] = None
            waiting += self._led_to(name)
        return frozenset(found)

    def _led_to(self, module: str) -> Iterator[str]:
        """What running ``module`` may import of the plugin's own, there or not."""
        if _BY_NAME.search(self.snapshot.files[module].data):
            yield from filter(self._is_packaged, self.snapshot.files)
        try:
            tree = self[module].tree
        except UNPARSED:
            return
        for node in ast.walk(tree):
            if not isinstance(node, (ast.Import, ast.ImportFrom)):
                continue
            for name in self.imported(module, node):
                if name.own is None:
                    continue
                yield from _with_packages(name.own)
                inner = f"{name.own}." if name.own else ""
                if name.symbol == "*":  # those that its __all__ names, whatever that is
                    yield from (
                        each
                        for each in self.snapshot.files
                        if each.startswith(inner) and "." not in each[len(inner) :]
                    )
                elif name.symbol is not None:
                    yield f"{inner}{name.symbol}"

    def _is_packaged(self, name: str) -> bool:
        *around, _ = _with_packages(name)
        return self.snapshot.packages.issuperset(around)

    def look_up(self, module: str, name: str, *, links: int = 0) -> Bound | Unbound:
        """What ``name`` means in ``module`` when it has been imported."""
        bound = self[module].bound
        statements = bound.get(name, [])
        if "*" in bound or len(statements) > 1:
            return Unbound.UNKNOWN
        if not statements:
            return Unbound.UNKNOWN if "__getattr__" in bound else Unbound.ABSENT
        statement = statements[0]
        if statement is None or links > IMPORT_CHAIN_LIMIT:
            return Unbound.UNKNOWN
        if not isinstance(statement, (ast.Import, ast.ImportFrom)):
            return Bound(module, statement)
        alias = next(
            each for each in statement.names if (each.asname or each.name.partition(".")[0]) == name
        )
        return self._imported(module, statement, alias, links)

    def imported(
        self, module: str, statement: ast.Import | ast.ImportFrom
    ) -> Iterator[ImportedName]:
        """Each name of ``statement``, which stands in ``module``."""
        for alias in statement.names:
            if isinstance(statement, ast.Import):
                yield ImportedName(alias.name, None, self._own(alias.name))
            elif statement.level:
                base = self._relative(module, statement)
                shown = "." * statement.level + (statement.module or "")
                yield ImportedName(shown, alias.name, base)
            else:
                target = statement.module or ""
                yield ImportedName(target, alias.name, self._own(target))

    def _imported(
        self, module: str, statement: ast.Import | ast.ImportFrom, alias: ast.alias, links: int
    ) -> Bound | Unbound:
        found = next(
            each
            for each, other in zip(self.imported(module, statement), statement.names, strict=True)
            if other is alias
        )
        if found.symbol is None:
            return Unbound.MODULE
        if found.own is None and isinstance(statement, ast.ImportFrom) and statement.level:
            return Unbound.UNKNOWN  # it goes above the plugin
        if found.own is None:
            return Bound(module, statement, f"{found.target}.{found.symbol}")
        if found.own not in self.snapshot.files:
            return Unbound.UNKNOWN
        if f"{found.own}.{found.symbol}".lstrip(".") in self.snapshot.files:
            others = self[found.own].bound.get(found.symbol, [])
            alone = all(each is statement for each in others)
            return Unbound.MODULE if alone else Unbound.UNKNOWN
        return self.look_up(found.own, found.symbol, links=links + 1)

    def _own(self, target: str) -> str | None:
        top, _, rest = target.partition(".")
        # As the namespace has it: a plugin in json.py that imports json means the library.
        return rest if top == self.snapshot.top and top not in sys.stdlib_module_names else None

    def _relative(self, module: str, statement: ast.ImportFrom) -> str | None:
        """The module that a relative import starts from; None: above the plugin."""
        package = module.split(".") if module else []
        if module not in self.snapshot.packages:
            package = package[:-1]
            if not module:  # a plugin that is one file has no package to be relative to
                return None
        up = statement.level - 1
        if up > len(package):
            return None
        parts = [*package[: len(package) - up], *((statement.module or "").split("."))]
        return ".".join(each for each in parts if each)


def _with_packages(name: str) -> list[str]:
    """The names of the packages around a module, the plugin first, then its own."""
    parts = name.split(".")
    return ["", *(".".join(parts[:length]) for length in range(1, len(parts) + 1))]


def names_bound(node: ast.AST) -> Iterator[str]:
    """The names that running ``node`` binds or deletes in its own scope; ``*`` for a star."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
            return
        case ast.Lambda():
            return
        case ast.If(test=test) if is_type_checking(test):
            for statement in node.orelse:
                yield from names_bound(statement)
            return
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            yield from (each.asname or each.name.partition(".")[0] for each in aliases)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            yield name
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            yield name
        case ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            yield name
        case ast.AnnAssign(target=ast.Name(), value=None):
            return  # an annotation alone binds nothing
    for child in ast.iter_child_nodes(node):
        yield from names_bound(child)


def is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


_DIRECT = (
    ast.Assign,
    ast.AnnAssign,
    ast.Import,
    ast.ImportFrom,
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
)
"""Statements that always bind the same, wherever the module is run."""

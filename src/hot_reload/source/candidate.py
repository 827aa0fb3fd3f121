"""Which class of a module is its plugin, told from the text as discovery tells it from the module.

``register`` comes first, then the one class that fits, then ``create``. Where the text
leaves it open (an outside base, a decorator, a condition) the answer is that it does.
"""

from __future__ import annotations

import ast
import builtins
import enum
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from hot_reload.hooks import TABLE
from hot_reload.manifest import ROLE_METHOD
from hot_reload.source.bindings import Bound, Texts, Unbound, names_bound

_OWN_METHODS = frozenset(ROLE_METHOD.values()) | {name for hook in TABLE for name in hook.names}
_PLUGIN_BASES = frozenset({"hot_reload.Plugin", "hot_reload.plugin.Plugin"})
_DECLARING_LIBRARIES = frozenset({"importlib", "ipaddress", "uuid"})
"""Of the standard library, what has classes with a version or metadata of their own."""
_FIELDS_AS_ATTRIBUTES = frozenset({"typing.NamedTuple"})
_HARMLESS_DECORATORS = frozenset({"dataclasses.dataclass", "typing.final"})


class Doubt(enum.Enum):
    """Why no class can be named."""

    NO_PLUGIN = "there is no plugin in the module"
    SEVERAL = "more than one class fits"
    UNKNOWN = "it cannot be told without running the module"


@dataclass(frozen=True, slots=True)
class Kind:
    """A class of the plugin's own, its own bases first to last, and what else it extends."""

    module: str
    node: ast.ClassDef
    chain: tuple[ast.ClassDef, ...]
    """The class, its base, that one's base and so on: those of the plugin's own."""
    outside: frozenset[str]

    @property
    def is_plugin(self) -> bool:
        return bool(self.outside & _PLUGIN_BASES)

    def has(self, name: str) -> bool:
        return any(name in class_names(each) for each in self.chain)

    @property
    def is_exception(self) -> bool:
        kinds = (getattr(builtins, name, None) for name in self.outside)
        return any(isinstance(each, type) and issubclass(each, BaseException) for each in kinds)

    @property
    def is_abstract(self) -> bool:
        return "abc.ABC" in self.outside and any(
            _is_abstract(method) and self._last(method.name) is method
            for each in self.chain
            for method in each.body
            if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef))
        )

    def _last(self, name: str) -> ast.stmt:
        """What gives the class its ``name``, which one of the chain binds."""
        return next(
            statement
            for each in self.chain
            for statement in reversed(each.body)
            if name in names_bound(statement)
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """What makes the plugin: a class, or a function (``register``, ``create``) that may be one's.

    ``kind`` is None where the function's text does not say what it returns.
    """

    kind: Kind | None
    maker: ast.FunctionDef | ast.AsyncFunctionDef | None = None


def find_choice(texts: Texts) -> Choice | Doubt:
    """What the engine would take for the plugin of ``texts``' main module.

    Raises:
        SyntaxError, ValueError, MemoryError, RecursionError: a module does not parse.
    """
    register = texts.look_up("", "register")
    if register is Unbound.UNKNOWN:
        return Doubt.UNKNOWN
    if isinstance(register, Bound) and _may_be_function(register):
        return _made_by(texts, register)
    fitting = _fitting(texts)
    if isinstance(fitting, Doubt):
        return fitting
    if fitting:
        return Choice(fitting[0]) if len(fitting) == 1 else Doubt.SEVERAL
    create = texts.look_up("", "create")
    if create is Unbound.UNKNOWN:
        return Doubt.UNKNOWN
    if isinstance(create, Bound) and _may_be_function(create):
        return _made_by(texts, create)
    return Doubt.UNKNOWN if _calls_for_a_class(texts) else Doubt.NO_PLUGIN


def _calls_for_a_class(texts: Texts) -> bool:
    """Whether a name with a capital is what some call gives: ``Sink = type(...)``."""
    return any(
        isinstance(statement, (ast.Assign, ast.AnnAssign))
        and isinstance(statement.value, ast.Call)
        and name[:1].isupper()
        for name, statements in texts[""].bound.items()
        for statement in statements
    )


def class_names(node: ast.ClassDef) -> set[str]:
    return {name for statement in node.body for name in names_bound(statement)}


def _fitting(texts: Texts) -> list[Kind] | Doubt:
    declared = any(
        texts.look_up("", name) is not Unbound.ABSENT for name in ("PLUGIN_META", "PLUGIN_METADATA")
    )
    kinds: dict[int, Kind] = {}
    for name in texts[""].bound:
        bound = texts.look_up("", name)
        if bound is Unbound.UNKNOWN:
            if _may_name_a_class(texts, name):
                return Doubt.UNKNOWN
            continue
        if not isinstance(bound, Bound) or bound.outside:
            continue
        if not isinstance(bound.node, ast.ClassDef):
            continue
        kind = kind_of(texts, bound.module, bound.node)
        if kind is None:
            return Doubt.UNKNOWN
        if not kind.is_abstract and _fits(kind, declared):
            kinds[id(bound.node)] = kind
    unique = list(kinds.values())
    return [k for k in unique if not any(k.node in other.chain[1:] for other in unique)]


def _fits(kind: Kind, declared: bool) -> bool:
    if kind.is_plugin:
        return True
    if kind.is_exception:
        return False
    if any(kind.has(name) for name in ("version", "metadata")):
        return True
    return declared and any(kind.has(name) for name in _OWN_METHODS)


def kind_of(texts: Texts, module: str, node: ast.ClassDef) -> Kind | None:
    """``node`` with what it extends; None: it extends or is decorated by what is not known."""
    chain: list[ast.ClassDef] = []
    outside: set[str] = set()
    here: tuple[str, ast.ClassDef] | None = (module, node)
    while here is not None:
        where, each = here
        if each in chain or not _plain(texts, where, each):
            return None
        chain.append(each)
        here = None
        for base in each.bases:
            if isinstance(base, ast.Subscript):
                base = base.value
            bound = _meaning(texts, where, base)
            if isinstance(bound, str):
                if not _declares_nothing(bound):
                    return None
                outside.add(bound)
            elif here is not None or bound is None:
                return None  # two bases of its own: which comes first is Python's to say
            else:
                here = bound
    return Kind(module, node, tuple(chain), frozenset(outside))


def _meaning(texts: Texts, module: str, node: ast.expr) -> str | tuple[str, ast.ClassDef] | None:
    """A dotted name from outside, or a class of the plugin's own; None: it cannot be told."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        bound = texts.look_up(module, node.value.id)
        if isinstance(bound, Unbound):
            # `import abc` is no name taken from a module, so look_up leaves it open.
            statements = texts[module].bound.get(node.value.id, [])
            imports = [s for s in statements if isinstance(s, ast.Import)]
            if len(statements) == 1 and imports:
                for alias in imports[0].names:
                    if (alias.asname or alias.name) == node.value.id:
                        return f"{alias.name}.{node.attr}"
        return None
    if not isinstance(node, ast.Name):
        return None
    found = texts.look_up(module, node.id)
    if isinstance(found, Unbound):
        return node.id if found is Unbound.ABSENT else None
    if found.outside:
        return found.outside
    return (found.module, found.node) if isinstance(found.node, ast.ClassDef) else None


def _plain(texts: Texts, module: str, node: ast.ClassDef) -> bool:
    names = class_names(node)
    if node.keywords or names & {"__getattr__", "__getattribute__", "__init_subclass__", "__new__"}:
        return False
    for decorator in node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if _meaning(texts, module, called) not in _HARMLESS_DECORATORS:
            return False
    return True


def _may_be_function(bound: Bound) -> bool:
    """Whether it is one, or may be: discovery passes over what surely is none."""
    if bound.outside or isinstance(bound.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return True
    if isinstance(bound.node, ast.ClassDef):
        return False
    value = getattr(bound.node, "value", None)
    return not isinstance(value, ast.Constant)


def _made_by(texts: Texts, bound: Bound) -> Choice:
    node = bound.node
    if bound.outside or not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return Choice(None)
    returned = [each for each in _own_statements(node.body) if isinstance(each, ast.Return)]
    if len(returned) != 1 or node.decorator_list or returned[0] is not node.body[-1]:
        return Choice(None, node)
    value = returned[0].value
    local = [name for statement in node.body for name in names_bound(statement)]
    if isinstance(value, ast.Name) and local.count(value.id) == 1:
        value = next(
            (
                each.value
                for each in node.body
                if isinstance(each, ast.Assign) and value.id in names_bound(each)
                if isinstance(each.targets[0], ast.Name) and len(each.targets) == 1
            ),
            value,
        )
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name):
        return Choice(None, node)
    arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
    if value.func.id in local or value.func.id in {each.arg for each in arguments}:
        return Choice(None, node)
    found = texts.look_up(bound.module, value.func.id)
    if isinstance(found, Unbound) or found.outside or not isinstance(found.node, ast.ClassDef):
        return Choice(None, node)
    kind = kind_of(texts, found.module, found.node)
    if kind is not None and any(each.decorator_list for each in kind.chain) and _given(value):
        kind = None  # a dataclass is what its arguments say
    return Choice(kind, node)


def _given(call: ast.Call) -> bool:
    return bool(call.args or call.keywords)


def _own_statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        yield statement
        for child in ast.iter_child_nodes(statement):
            if isinstance(child, ast.stmt):
                yield from _own_statements([child])
            elif isinstance(child, (ast.ExceptHandler, ast.match_case)):
                yield from _own_statements(child.body)


def _may_name_a_class(texts: Texts, name: str) -> bool:
    """Whether one of the statements that bind ``name`` could bind a class of the plugin's own."""
    for node in ast.walk(texts[""].tree):
        if isinstance(node, ast.ClassDef) and node.name == name:
            return True
        if isinstance(node, ast.Assign) and any(name in names_bound(t) for t in node.targets):
            if not isinstance(node.value, (ast.Constant, ast.Dict, ast.List, ast.Tuple, ast.Set)):
                return True
        elif isinstance(node, ast.ImportFrom):
            imported = zip(texts.imported("", node), node.names, strict=True)
            if any(i.own is not None and (a.asname or a.name) == name for i, a in imported):
                return True
    return False


def _declares_nothing(base: str) -> bool:
    """Whether an outside class is known to declare nothing of a plugin."""
    top, dot, _ = base.partition(".")
    if not dot:
        return hasattr(builtins, base)
    known = top in sys.stdlib_module_names and top not in _DECLARING_LIBRARIES
    return base in _PLUGIN_BASES or (known and base not in _FIELDS_AS_ATTRIBUTES)


def _is_abstract(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    names = (getattr(each, "attr", getattr(each, "id", "")) for each in method.decorator_list)
    return any("abstract" in name for name in names)

"""What a plugin declares that it needs, read from its text before anything of it runs.

The order in which plugins are loaded follows from their dependencies, and those are
wanted before the module's body can import one of them. What cannot be read with
certainty is left open: ``read_manifest`` has the last word when the plugin is there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from hot_reload.errors import ManifestError
from hot_reload.manifest import Dependency, parse_dependencies
from hot_reload.source.bindings import Bound, Texts, Unbound, names_bound
from hot_reload.source.candidate import Choice, Kind, find_choice
from hot_reload.source.snapshot import SourceSnapshot

FIELD = "dependencies"
_MAPPINGS = ("PLUGIN_META", "PLUGIN_METADATA")

_WORDS = (
    *(b"dependencies", b"metadata", b"register", b"create", b"import *"),
    *(b"getattr", b"setattr", b"__dict__", b"exec", b"eval", b"globals", b"vars", b"locals"),
    *(b"__new__", b"__init_subclass__", b"metaclass", b"modules", b"type(", b"**", b"coding"),
)
"""Without any of these a module declares nothing but by an outside base or a decorator."""
_MAPPING_USED = re.compile(rb"PLUGIN_META(?:DATA)?\b(?![ \t]*=[ \t]*\{)|import.*PLUGIN_META")
_DECORATED = re.compile(rb"^@(?!dataclass\b|final\b)", re.MULTILINE)
_CLASS = re.compile(
    rb"^[ \t]*class\s+(\w+)\s*(?:\[[^\]]*\])?\s*(?:\(([^()]*)\)\s*)?(:)?", re.MULTILINE
)
_PLUGIN_IMPORT = re.compile(rb"^from hot_reload(?:\.plugin)? import Plugin$", re.MULTILINE)


class _Open(Exception):
    """The text does not say."""


def declared_dependencies(snapshot: SourceSnapshot) -> tuple[Dependency, ...] | None:
    """The plugins that ``snapshot`` declares it needs; None: its text does not say for certain.

    Runs nothing. Where it gives an answer, ``read_manifest`` gives the same of the plugin
    that the engine makes from these bytes. Dependencies that are malformed give None: the
    stage that is about them will tell. Of a text that does not compile it says nothing useful.
    """
    if _surely_silent(snapshot):
        return ()
    try:
        value = _declared(Texts(snapshot))
        return () if value is None else parse_dependencies(value)
    except (_Open, ManifestError):
        return None
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _surely_silent(snapshot: SourceSnapshot) -> bool:
    """Whether the words alone show that nothing is declared: parsing costs as much as compiling."""
    texts = [file.data for file in snapshot.files.values()]
    if any(word in text for text in texts for word in _WORDS):
        return False
    if any(b"PLUGIN_META" in text and _MAPPING_USED.search(text) for text in texts):
        return False
    if any(b"@" in text and _DECORATED.search(text) for text in texts):
        return False
    found = [match for text in texts for match in _CLASS.finditer(text)]
    known = {match[1] for match in found} | {b"", b"object"}
    if any(_PLUGIN_IMPORT.search(text) for text in texts):
        known.add(b"Plugin")
    for match in found:
        bases = {base.strip() for base in (match[2] or b"").split(b",")}
        if match[3] is None or not bases <= known:
            return False
    return True


def _declared(texts: Texts) -> Any:
    """The value of the field as it stands in the text; None: there is none."""
    _refuse_tricks(texts)
    for name in _MAPPINGS:
        bound = texts.look_up("", name)
        if bound is Unbound.ABSENT:
            continue
        if not isinstance(bound, Bound) or _disturbed(texts, name):
            raise _Open
        found, value = _field_of(texts, bound.module, _assigned(bound.node, name))
        if found:
            return value
    choice = find_choice(texts)
    if not isinstance(choice, Choice) or choice.kind is None:
        raise _Open
    return _of_class(texts, choice.kind)


def _of_class(texts: Texts, kind: Kind) -> Any:
    metadata = _attribute(kind, "metadata")
    if metadata is not None:
        found, value = _field_of(texts, kind.module, metadata)
        if found:
            return value
    node = _attribute(kind, FIELD)
    return None if node is None else _literal(texts, kind.module, node)


def _attribute(kind: Kind, name: str) -> ast.expr | None:
    """The expression that gives a class attribute or a property its value; None: it has none."""
    for each in kind.chain:
        statements = [s for s in each.body if name in names_bound(s)]
        if len(statements) > 1:
            raise _Open
        for statement in statements:
            return _value_of(statement, name)
    return None


def _value_of(statement: ast.stmt, name: str) -> ast.expr:
    if isinstance(statement, ast.FunctionDef):
        decorators = [getattr(each, "id", None) for each in statement.decorator_list]
        body = [s for s in statement.body if not _is_docstring(s)]
        match body:
            case [ast.Return(value=ast.expr() as value)] if decorators == ["property"]:
                return value
        raise _Open
    return _assigned(statement, name)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _assigned(statement: ast.stmt, name: str) -> ast.expr:
    match statement:
        case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
            return value
        case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
            return value
    raise _Open


def _field_of(texts: Texts, module: str, node: ast.expr) -> tuple[bool, Any]:
    """Whether a mapping has the field, and its value. Other values may be no literals."""
    if isinstance(node, ast.Constant) and node.value is None:
        return False, None
    if not isinstance(node, ast.Dict):
        raise _Open
    found: tuple[bool, Any] = (False, None)
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant):
            raise _Open
        if key.value == FIELD:
            found = True, _literal(texts, module, value)
            if found[1] is None:
                raise _Open  # malformed: read_manifest says so
    return found


def _literal(texts: Texts, module: str, node: ast.expr) -> Any:
    """The value of a literal, in which ``Dependency("name", ">=1")`` may stand too."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return tuple(_literal(texts, module, each) for each in node.elts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        bound = texts.look_up(module, node.func.id)
        if isinstance(bound, Bound) and bound.outside == "hot_reload.manifest.Dependency":
            return _dependency(node)
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise _Open from None


def _dependency(call: ast.Call) -> Dependency:
    try:
        positional = [ast.literal_eval(each) for each in call.args]
        named = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
        return Dependency(*positional, **named)
    except (ValueError, TypeError):
        raise _Open from None


# A text can change what it declared after it did. These ways are looked for by their names;
# whoever hides one from that has the last word of read_manifest against him.


def _refuse_tricks(texts: Texts) -> None:
    names = {FIELD, "metadata"}
    dynamic = {"exec", "eval", "globals", "vars", "locals", "setattr", "delattr"}
    for text in texts:
        for node, parent in _with_parents(text.tree):
            match node:
                case ast.Name(id=name) if name in dynamic:
                    if not (isinstance(parent, ast.Call) and _sets_another(parent, names)):
                        raise _Open
                case ast.Attribute(attr="modules" | "__dict__" | "__class__"):
                    raise _Open
                case ast.Attribute(attr=name, ctx=ast.Store() | ast.Del()) if name in names:
                    raise _Open
                case ast.Attribute(attr=name) if name in names and _changes(parent):
                    raise _Open


def _sets_another(call: ast.Call, names: set[str]) -> bool:
    if getattr(call.func, "id", "") not in {"setattr", "delattr"} or len(call.args) < 2:
        return False
    named = call.args[1]
    return isinstance(named, ast.Constant) and named.value not in names


def _changes(parent: ast.AST) -> bool:
    """Whether what stands around a name may change the list or mapping that it means."""
    if isinstance(parent, ast.Subscript):
        return not isinstance(parent.ctx, ast.Load)
    if isinstance(parent, ast.Attribute):
        return parent.attr not in {"get", "items", "keys", "values", "index", "count", "version"}
    return not isinstance(parent, (ast.For, ast.comprehension, ast.Compare, ast.FormattedValue))


def _disturbed(texts: Texts, name: str) -> bool:
    """Whether the mapping ``name`` is used other than by reading one field of it."""
    for text in texts:
        for node, parent in _with_parents(text.tree):
            if isinstance(node, ast.Attribute) and node.attr == name:
                return True
            if not (isinstance(node, ast.Name) and node.id == name):
                continue
            if isinstance(node.ctx, ast.Load) and (_changes(parent) or _reads_field(parent)):
                return True
    return False


def _reads_field(parent: ast.AST) -> bool:
    """Whether it is ``NAME["dependencies"]``, a list that may then be appended to."""
    if isinstance(parent, ast.Subscript):
        return not isinstance(parent.slice, ast.Constant) or parent.slice.value == FIELD
    return isinstance(parent, ast.Attribute)


def _with_parents(tree: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    for parent in ast.walk(tree):
        for node in ast.iter_child_nodes(parent):
            yield node, parent

"""What a name is bound to: what would be seen after the import, or no answer."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from hot_reload.source.bindings import Bound, Texts, Unbound, names_bound
from hot_reload.source.snapshot import SourceFile, SourceSnapshot


def texts_of(sources: str | Mapping[str, str]) -> Texts:
    """One file, or a package of several modules by dotted name."""
    texts = {"": sources} if isinstance(sources, str) else sources
    files = {}
    for name, text in texts.items():
        data = text.encode()
        path = Path("/plugins/counter") / f"{name or '__init__'}.py"
        files[name] = SourceFile(path, data, hashlib.sha256(data).hexdigest())
    inner = frozenset() if isinstance(sources, str) else frozenset({""})
    return Texts(SourceSnapshot("counter", files, inner, files[""].sha256))


BINDS: dict[str, tuple[str, set[str]]] = {
    "assignment": ("a = b.c = d[0] = 1", {"a"}),
    "unpacking": ("(a, [b, *c]) = x", {"a", "b", "c"}),
    "annotated": ("a: int = 1", {"a"}),
    "annotation alone": ("a: int", set()),
    "annotation of an attribute": ("a.b: int", set()),
    "deleted": ("del a", {"a"}),
    "function": ("def a(b=(c := 1)): d = 1", {"a"}),
    "class": ("class a:\n    b = 1", {"a"}),
    "lambda": ("a = lambda: (b := 1)", {"a"}),
    "walrus": ("print(a := 1)", {"a"}),
    "imports": ("import a.b, c.d as e", {"a", "e"}),
    "from": ("from a import b, c as d", {"b", "d"}),
    "star": ("from a import *", {"*"}),
    "for types alone": ("if TYPE_CHECKING:\n    import a\nelse:\n    b = 1", {"b"}),
    "for types alone, from the library": ("if typing.TYPE_CHECKING:\n    import a", set()),
    "exception": ("try:\n    a = 1\nexcept E as b:\n    pass", {"a", "b"}),
    "exception without a name": ("try:\n    a = 1\nexcept E:\n    b = 1", {"a", "b"}),
    "with": ("with x as a, y as (b, c): pass", {"a", "b", "c"}),
    "capture": ("match x:\n    case [int() as a, b, *c]: pass", {"a", "b", "c"}),
    "rest of a mapping": ("match x:\n    case {'k': a, **b}: pass", {"a", "b"}),
    "nothing captured": ("match x:\n    case [_, *_] | {}: pass", set()),
}


@pytest.mark.parametrize("case", BINDS)
def test_the_names_that_a_statement_binds(case: str) -> None:
    text, expected = BINDS[case]
    (statement,) = ast.parse(text).body
    assert set(names_bound(statement)) == expected


def test_a_name_is_found_through_modules_of_the_plugin() -> None:
    texts = texts_of(
        {
            "": "import json, os.path as there\nfrom .inner import A as B\n"
            "from json import loads\n",
            "inner": "from .deep import A\n",
            "deep": "class A: ...\n",
        }
    )
    found = texts.look_up("", "B")
    assert isinstance(found, Bound)
    assert isinstance(found.node, ast.ClassDef)
    assert (found.module, found.node.name, found.outside) == ("deep", "A", "")
    outside = texts.look_up("", "loads")
    assert isinstance(outside, Bound)
    assert outside.outside == "json.loads"
    assert texts.look_up("", "json") is Unbound.MODULE
    assert texts.look_up("", "there") is Unbound.MODULE
    assert texts.look_up("", "nowhere") is Unbound.ABSENT


UNKNOWN: dict[str, str | dict[str, str]] = {
    "twice": "x = 1\nx = 2\n",
    "under a condition": "import os\nif os.sep:\n    x = 1\n",
    "by a star": "from os import *\nx = 1\n",
    "by the module's own function": "def __getattr__(name): ...\n",
    "by a global statement": "def f():\n    global x\n    x = 1\n",
    "from above the plugin": {"": "from .. import x\n"},
    "relative in one file": "from . import x\n",
    "from a module that is not there": {"": "from .gone import x\n"},
    "round and round": {"": "from .a import x\n", "a": "from . import x\n"},
    "a module of that name, or what the package binds": {
        "": "from . import x as y\nfrom .other import x\n",
        "x": "",
        "other": "x = 1\n",
    },
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_the_text_does_not_say_is_not_answered(case: str) -> None:
    name = "y" if case.startswith("a module of that name") else "x"
    assert texts_of(UNKNOWN[case]).look_up("", name) is Unbound.UNKNOWN


def test_a_module_that_nothing_else_of_the_package_goes_by_is_that_module() -> None:
    texts = texts_of({"": "from . import x\n", "x": ""})
    assert texts.look_up("", "x") is Unbound.MODULE


REACHED: dict[str, tuple[dict[str, str], set[str]]] = {
    "absolute": ({"": "import counter.a.b"}, {"", "a", "a.b"}),
    "relative": ({"": "from .a import b"}, {"", "a", "a.b"}),
    "relative, of a symbol": ({"": "from .a import name"}, {"", "a"}),
    "in a function, under a condition, for types": (
        {"": "def f():\n    from . import a\nif TYPE_CHECKING:\n    from . import c"},
        {"", "a", "c"},
    ),
    "from a module on the way": (
        {"": "from . import c", "c": "from .a import b"},
        {"", "a", "a.b", "c"},
    ),
    "a star": ({"": "from . import *"}, {"", "a", "c"}),
    "a star below": ({"": "from .a import *"}, {"", "a", "a.b", "a.words"}),
    "round and round": ({"": "from . import c", "c": "from . import c"}, {"", "c"}),
    "of another distribution": ({"": "import a, data.odd"}, {""}),
    "a folder without __init__": ({"": "from .data import odd"}, {"", "data.odd"}),
    "of a name that is computed": (
        {"": "import importlib\nimportlib.import_module(x)"},
        {"", "a", "a.b", "a.words", "c"},
    ),
    "of what does not parse": ({"": "from . import c", "c": "from . import a\n("}, {"", "c"}),
}


@pytest.mark.parametrize("case", REACHED)
def test_f13_the_modules_that_imports_lead_to(case: str) -> None:
    sources, expected = REACHED[case]
    more = {"a": "", "a.b": "", "a.words": "", "c": "", "data.odd": "", "data.pack.x": ""}
    whole = texts_of(more | sources).snapshot
    texts = Texts(replace(whole, packages=frozenset({"", "a", "data.pack"})))
    assert texts.reached - expected == set()
    assert expected - texts.reached == set()


def test_f13_a_plugin_that_is_one_file_reaches_itself() -> None:
    assert texts_of("import importlib, counter\nimportlib.import_module(x)").reached == {""}


def test_f13_what_does_not_parse_is_passed_over_where_nothing_imports_it() -> None:
    texts = texts_of({"": "from . import a", "a": "", "template": "{{ x }} {"})
    assert [each.name for each in texts] == ["", "a"]
    with pytest.raises(SyntaxError):
        list(texts_of({"": "from . import a", "a": "("}))

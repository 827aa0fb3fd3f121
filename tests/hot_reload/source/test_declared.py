"""Dependencies read from the text: what it says for certain, and that the plugin says the same."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hot_reload.errors import PluginFault
from hot_reload.manifest import Dependency, read_manifest
from hot_reload.runtime.context import PluginContext
from hot_reload.runtime.discovery import find
from hot_reload.source import declared
from hot_reload.source.code import CodeCache
from hot_reload.source.declared import declared_dependencies
from hot_reload.source.namespace import Namespace
from hot_reload.source.snapshot import SourceFile, SourceSnapshot

BASE = (Dependency("base", ">=1"),)


def snapshot(
    source: str | Mapping[str, str], *, packages: tuple[str, ...] = ("",)
) -> SourceSnapshot:
    """A plugin ``counter`` of one text, or a package of several by dotted name."""
    texts = {"": source} if isinstance(source, str) else source
    files = {}
    for name, text in texts.items():
        data = text.encode()
        path = Path("/plugins/counter") / f"{name or '__init__'}.py"
        files[name] = SourceFile(path, data, hashlib.sha256(data).hexdigest())
    inner = frozenset() if isinstance(source, str) else frozenset({""})
    return SourceSnapshot("counter", files, inner, files[""].sha256)


def declared_by_running(taken: SourceSnapshot) -> tuple[Dependency, ...]:
    """What ``read_manifest`` says of the plugin that these bytes make."""
    namespace = Namespace(taken, 1, CodeCache())
    try:
        module = namespace.execute()
        context: Any = PluginContext("counter", 1, {}, None)  # type: ignore[arg-type]
        plugin = find(module, None)[0](context)
        return read_manifest(module, plugin, default_name="counter").dependencies
    finally:
        namespace.release()
        assert not [name for name in sys.modules if name.startswith("counter@g")]


PLAIN_CLASS = "class Counter:\n    version = '1'\n"

CERTAIN: dict[str, tuple[str | dict[str, str], tuple[Dependency, ...]]] = {
    "nothing": (PLAIN_CLASS, ()),
    "class attribute": (PLAIN_CLASS + "    dependencies = ['base>=1']\n", BASE),
    "beside a file that does not compile and is not imported": (
        {"": PLAIN_CLASS + "    dependencies = ['base>=1']\n", "template": "{{ x }} {"},
        BASE,
    ),
    "annotated": (PLAIN_CLASS + "    dependencies: tuple[str, ...] = ('base>=1',)\n", BASE),
    "mapping of ranges": (PLAIN_CLASS + "    dependencies = {'base': '>=1'}\n", BASE),
    "None is nothing": (PLAIN_CLASS + "    dependencies = None\n", ()),
    "meta": (f"PLUGIN_META = {{'dependencies': ['base>=1']}}\n{PLAIN_CLASS}", BASE),
    "second name": (f"PLUGIN_METADATA = {{'dependencies': ['base>=1']}}\n{PLAIN_CLASS}", BASE),
    "meta beside what is no literal": (
        f"V = str(1)\nPLUGIN_META = {{'version': V, 'dependencies': ['base>=1']}}\n{PLAIN_CLASS}",
        BASE,
    ),
    "meta wins": (
        f"PLUGIN_META = {{'dependencies': ['base>=1']}}\n{PLAIN_CLASS}    dependencies = ['b']\n",
        BASE,
    ),
    "meta without the field": (
        f"PLUGIN_META = {{'author': 'me'}}\n{PLAIN_CLASS}    dependencies = ['base>=1']\n",
        BASE,
    ),
    "meta of None": (f"PLUGIN_META = None\n{PLAIN_CLASS}    dependencies = ['base>=1']\n", BASE),
    "metadata mapping": (PLAIN_CLASS + "    metadata = {'dependencies': ['base>=1']}\n", BASE),
    "metadata property": (
        "class Counter:\n    version = '1'\n    @property\n    def metadata(self):\n"
        "        'What it is.'\n"
        "        return {'version': self.version, 'dependencies': ['base>=1']}\n",
        BASE,
    ),
    "property": (
        PLAIN_CLASS + "    @property\n    def dependencies(self):\n        return ['base>=1']\n",
        BASE,
    ),
    "Dependency objects": (
        "from hot_reload.manifest import Dependency\n"
        + PLAIN_CLASS
        + "    dependencies = (Dependency('base', '>=1'),)\n",
        BASE,
    ),
    "inherited": (
        "class Root:\n    dependencies = ['base>=1']\nclass Counter(Root):\n    version = '1'\n",
        BASE,
    ),
    "the base class of plugins": (
        "from hot_reload import Plugin\nclass Counter(Plugin):\n    version = '1'\n"
        "    dependencies = ['base>=1']\n",
        BASE,
    ),
    "an exception and an enum beside it": (
        "import enum\nclass Sad(Exception):\n    version = '2'\nclass Mode(enum.Enum):\n    A = 1\n"
        + PLAIN_CLASS
        + "    dependencies = ['base>=1']\n",
        BASE,
    ),
    "an abstract base": (
        "from abc import ABC, abstractmethod\nclass Root(ABC):\n    version = '1'\n"
        "    @abstractmethod\n    def handle(self, request): ...\n"
        "class Counter(Root):\n    dependencies = ['base>=1']\n"
        "    def handle(self, request): ...\n",
        BASE,
    ),
    "register": (
        PLAIN_CLASS + "    dependencies = ['base>=1']\nclass Other:\n    version = '2'\n"
        "def register(app, context):\n    plugin = Counter()\n    return plugin\n",
        BASE,
    ),
    "create": (
        "class Counter:\n    dependencies = ['base>=1']\n"
        "    def __init__(self): self.version = '1'\n"
        "def create(config):\n    return Counter()\n",
        BASE,
    ),
    "read of another class, and set on another name": (
        PLAIN_CLASS
        + "    dependencies = ['base>=1']\n    limit = 1\nsetattr(Counter, 'limit', 2)\n",
        BASE,
    ),
    "Dependency by its words": (
        "from hot_reload.manifest import Dependency\n"
        + PLAIN_CLASS
        + "    dependencies = [Dependency(name='base', versions='>=1')]\n",
        BASE,
    ),
    "optional import": (
        "try:\n    import orjson as json\nexcept ImportError:\n    import json\n"
        + PLAIN_CLASS
        + "    dependencies = ['base>=1']\n",
        BASE,
    ),
    "read, and left as it is": (
        "PLUGIN_META = {'version': '1', 'dependencies': ['base>=1']}\n"
        "class Counter:\n    version = PLUGIN_META['version']\n",
        BASE,
    ),
    "in a submodule": (
        {
            "": "from .meta import PLUGIN_META\nfrom . import sink\nfrom .sink import Counter\n",
            "meta": "PLUGIN_META = {'author': 'me'}\n",
            "sink": PLAIN_CLASS + "    dependencies = ['base>=1']\n",
        },
        BASE,
    ),
    "absolute import of its own": (
        {
            "": "from counter.sink import Counter\n",
            "sink": PLAIN_CLASS + "    dependencies = ['base>=1']\n",
        },
        BASE,
    ),
}


@pytest.mark.parametrize("case", CERTAIN)
def test_what_the_text_says_for_certain(case: str) -> None:
    source, expected = CERTAIN[case]
    taken = snapshot(source)
    assert declared_dependencies(taken) == expected
    assert declared_by_running(taken) == expected


META = "PLUGIN_META = {'dependencies': ['base>=1']}\n"
CLASS = PLAIN_CLASS + "    dependencies = ['base>=1']\n"
OPEN = {
    "does not compile": "dependencies = (",
    "too deep": "x = " + "(" * 200 + ")" * 200 + "\ndependencies = 1",
    "NUL": "x = 1\0 # dependencies",
    "computed": PLAIN_CLASS + "    dependencies = ['base' + '>=1']\n",
    "conditional": f"import sys\nif sys.path:\n    {META}{PLAIN_CLASS}",
    "twice": META + "PLUGIN_META = {'dependencies': []}\n" + PLAIN_CLASS,
    "changed by key": META + "PLUGIN_META['dependencies'] = []\n" + PLAIN_CLASS,
    "list changed": META + "PLUGIN_META['dependencies'].append('more')\n" + PLAIN_CLASS,
    "updated": META + "PLUGIN_META.update(dependencies=[])\n" + PLAIN_CLASS,
    "merged in": META + "PLUGIN_META |= {'dependencies': []}\n" + PLAIN_CLASS,
    "given away": META + "list(map(dict.clear, [PLUGIN_META]))\n" + PLAIN_CLASS,
    "spread": "MORE = {'dependencies': ['b']}\nPLUGIN_META = {**MORE}\n" + PLAIN_CLASS,
    "global": META + "def f():\n    global PLUGIN_META\n    PLUGIN_META = {}\nf()\n" + PLAIN_CLASS,
    "by the instance": CLASS + "    def __init__(self): self.dependencies = []\n",
    "by the class, later": CLASS + "Counter.dependencies = []\n",
    "appended to": CLASS + "Counter.dependencies.append('more')\n",
    "setattr": CLASS + "setattr(Counter, 'dependencies', [])\n",
    "exec": META + "exec('PLUGIN_META.clear()')\n" + PLAIN_CLASS,
    "globals": META + "globals()['PLUGIN_META'] = {}\n" + PLAIN_CLASS,
    "sys.modules": "import sys\n" + META + "sys.modules[__name__].PLUGIN_META = {}\n" + PLAIN_CLASS,
    "its own __getattr__": PLAIN_CLASS + "    def __getattr__(self, name): return ('b',)\n",
    "a module's __getattr__": "def __getattr__(name): return {'dependencies': []}\n" + PLAIN_CLASS,
    "an outside base": "from somewhere import Base\nclass Counter(Base):\n    version = '1'\n",
    "a metaclass": "class Counter(metaclass=type):\n    version = '1'\n    dependencies = []\n",
    "a decorator": f"@(lambda kind: kind)\n{CLASS}",
    "a star import": f"from os.path import *\n{CLASS}",
    "a mapping from outside": f"from somewhere import PLUGIN_META\n{PLAIN_CLASS}",
    "two that fit": CLASS + "class Other:\n    version = '2'\n",
    "no plugin": "dependencies = ['b']\n",
    "register that may return anything": CLASS + "def register(app, context): return app.make()\n",
    "register with arguments": (
        "import dataclasses\n@dataclasses.dataclass\nclass Counter:\n    dependencies: tuple = ()\n"
        "    version: str = '1'\ndef register(app, context): return Counter(('b',))\n"
    ),
    "a decorator alone": f"@mark\n{PLAIN_CLASS}",
    "twice in the class": CLASS + "    dependencies = []\n",
    "a property that decides": (
        PLAIN_CLASS + "    @property\n    def dependencies(self):\n"
        "        if self.version: return ['b']\n        return []\n"
    ),
    "a method of that name": PLAIN_CLASS + "    def dependencies(self): return ['b']\n",
    "an element that is computed": PLAIN_CLASS + "    dependencies = [str('b')]\n",
    "a Dependency that is computed": (
        "from hot_reload.manifest import Dependency\n"
        + PLAIN_CLASS
        + "    dependencies = [Dependency(str('b'))]\n"
    ),
    "a Dependency of too many words": (
        "from hot_reload.manifest import Dependency\n"
        + PLAIN_CLASS
        + "    dependencies = [Dependency('b', '', False, 4, 5, 6)]\n"
    ),
    "read through another name": (
        META + "import sys\nhere = sys\nhere.PLUGIN_META = {}\n" + PLAIN_CLASS
    ),
    "read by a method": META + "more = PLUGIN_META.get('dependencies')\n" + PLAIN_CLASS,
    "malformed": PLAIN_CLASS + "    dependencies = ['base >< 1']\n",
    "a bare string": PLAIN_CLASS + "    dependencies = 'base'\n",
    "metadata that is computed": (
        "class Counter:\n    version = '1'\n    @property\n    def metadata(self): return dict()\n"
    ),
}


@pytest.mark.parametrize("case", OPEN)
def test_what_it_leaves_open(case: str) -> None:
    assert declared_dependencies(snapshot(OPEN[case])) is None


def test_a_plugin_named_like_a_library_imports_the_library() -> None:
    source = {"": "from json.sink import Counter\n", "sink": CLASS}
    taken = snapshot(source)
    as_json = SourceSnapshot("json", taken.files, taken.packages, taken.sha256)
    assert declared_dependencies(as_json) is None


SILENT = {
    "plain": PLAIN_CLASS,
    "bases of its own": f"{PLAIN_CLASS}class Other(Counter, object): ...\n",
    "the base class of plugins": (
        "from hot_reload import Plugin\nclass Counter(Plugin):\n    version = '1'\n"
    ),
    "a mapping without the field": f"PLUGIN_META = {{'version': '1'}}\n{PLAIN_CLASS}",
    "a harmless decorator": f"@dataclass\n{PLAIN_CLASS}",
}


@pytest.mark.parametrize("case", SILENT)
def test_a_text_without_the_words_is_not_parsed(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(_: object) -> None:
        raise AssertionError("it was parsed")

    monkeypatch.setattr(declared, "Texts", parse)
    assert declared_dependencies(snapshot(SILENT[case])) == ()


def test_nothing_of_it_is_run() -> None:
    source = "raise SystemExit('it ran')\n" + CLASS
    assert declared_dependencies(snapshot(source)) == BASE


names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
ranges = st.sampled_from(["", "*", ">=1", ">=1.0,<2", "==1.*", "~=1.4"])
texts = st.builds(lambda name, versions: name + versions.strip("*"), names, ranges)
values = st.one_of(
    st.lists(texts, max_size=3),
    st.lists(texts, max_size=3).map(tuple),
    st.dictionaries(names, st.one_of(ranges, st.none()), max_size=3),
    st.sampled_from([None, (), [], "", "base", ["Bad Name"], [1], 3, {"base": ">>1"}]),
)
LINES = (
    "import os",
    "from json import *",
    "class Sad(Exception): version = '3'",
    "class Other: version = '2'",
    "class Bare: pass",
    "def create(config): return Bare()",
    "def register(app, context): return Counter()",
    "def register(app, context):\n    plugin = Bare()\n    plugin.version = '3'\n    return plugin",
    "PLUGIN_META = PLUGIN_METADATA",
    "if os.sep: PLUGIN_METADATA = {'dependencies': ['late']}",
    "def helper(): dependencies = 1",
)


@st.composite
def modules(draw: st.DrawFn) -> str:
    """A module of a few lines that may each decide what the plugin declares."""
    lines = ["import os", "class Bare: pass"]
    for name in draw(st.permutations(["PLUGIN_META", "PLUGIN_METADATA"])):
        if draw(st.booleans()):
            fields: dict[str, Any] = {"author": "me"}
            if draw(st.booleans()):
                fields["dependencies"] = draw(values)
            lines.append(f"{name} = {fields!r}")
    base = draw(st.sampled_from(["", "(Root)", "(Exception)", "(dict)"]))
    if base == "(Root)":
        lines.append(f"class Root:\n    dependencies = {draw(values)!r}")
    body = ["version = '1'"]
    if draw(st.booleans()):
        body.append(f"dependencies = {draw(values)!r}")
    if draw(st.booleans()):
        body.append(
            f"metadata = { ({'dependencies': draw(values)} if draw(st.booleans()) else {})!r}"
        )
    if draw(st.integers(0, 4)) == 0:
        body.append("def __init__(self): self.dependencies = ['own']")
    lines.append("\n    ".join([f"class Counter{base}:", *body]))
    lines += draw(st.lists(st.sampled_from(LINES), max_size=2))
    return "\n".join(lines) + "\n"


@given(source=modules())
def test_an_answer_is_what_the_running_plugin_says(source: str) -> None:
    taken = snapshot(source)
    answer = declared_dependencies(taken)
    if answer is None:
        return
    try:
        expected = declared_by_running(taken)
    except (PluginFault, NameError):
        return  # no plugin comes of it, so there is nothing to agree with
    assert answer == expected


@given(value=values, where=st.sampled_from(["PLUGIN_META", "PLUGIN_METADATA", "class"]))
def test_a_plain_literal_is_never_left_open(value: object, where: str) -> None:
    own = f"    dependencies = {value!r}\n" if where == "class" else ""
    meta = "" if where == "class" else f"{where} = {{'dependencies': {value!r}}}\n"
    taken = snapshot(meta + PLAIN_CLASS + own)
    try:
        expected = declared_by_running(taken)
    except PluginFault:
        assert declared_dependencies(taken) is None
    else:
        assert declared_dependencies(taken) == expected

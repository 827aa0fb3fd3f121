"""Which class is the plugin, told from the text: as discovery tells it, or not told at all."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hot_reload.errors import NoPluginError
from hot_reload.runtime.context import PluginContext
from hot_reload.runtime.discovery import find
from hot_reload.source.bindings import Texts
from hot_reload.source.candidate import Doubt, find_choice
from hot_reload.source.code import CodeCache
from hot_reload.source.namespace import Namespace
from hot_reload.source.snapshot import SourceFile, SourceSnapshot

Source = str | Mapping[str, str]


def snapshot(source: Source) -> SourceSnapshot:
    texts = {"": source} if isinstance(source, str) else source
    files = {}
    for name, text in texts.items():
        data = text.encode()
        path = Path("/plugins/counter") / f"{name or '__init__'}.py"
        files[name] = SourceFile(path, data, hashlib.sha256(data).hexdigest())
    inner = frozenset() if isinstance(source, str) else frozenset({""})
    return SourceSnapshot("counter", files, inner, files[""].sha256)


def chosen(source: Source) -> str | Doubt:
    """The name of the class, "?" where a function makes what its text does not say, or a doubt."""
    choice = find_choice(Texts(snapshot(source)))
    if isinstance(choice, Doubt):
        return choice
    return choice.kind.node.name if choice.kind is not None else "?"


def made(source: Source) -> str | Doubt:
    """The name of the class that the engine makes of it when it runs."""
    namespace = Namespace(snapshot(source), 1, CodeCache())
    context: Any = PluginContext("counter", 1, {}, None)  # type: ignore[arg-type]
    try:
        plugin = find(namespace.execute(), None)[0](context)
        if inspect.isawaitable(plugin):
            plugin = asyncio.run(_awaited(plugin))
        return type(plugin).__name__
    except NoPluginError as fault:
        return Doubt.SEVERAL if "two plugins" in str(fault) else Doubt.NO_PLUGIN
    finally:
        namespace.release()


async def _awaited(given: Any) -> Any:
    return await given


A = "class A:\n    version = '1'\n"
B = "class B:\n    version = '2'\n"

TOLD: dict[str, tuple[Source, str | Doubt]] = {
    "a base of one's own": (f"{A}class B(A):\n    pass\n", "B"),
    "an abstract one is none": (
        "import os, abc\nclass A(abc.ABC):\n    version = '1'\n"
        "    @abc.abstractmethod\n    def handle(self, request): ...\n",
        Doubt.NO_PLUGIN,
    ),
    "one that leaves an abstract method open is none": (
        "from abc import ABC, abstractmethod\nclass A(ABC):\n    version = '1'\n"
        "    @abstractmethod\n    def handle(self, request): ...\n"
        "class B(A):\n    limit = 1\n    def write(self, event): ...\n"
        + "class C:\n    version = '3'\n",
        "C",
    ),
    "one that fills it in is one": (
        "from abc import ABC, abstractmethod\nclass A(ABC):\n    version = '1'\n"
        "    @abstractmethod\n    def handle(self, request): ...\n"
        "class B(A):\n    def handle(self, request): ...\n    limit = 1\n",
        "B",
    ),
    "a generic base": (
        "from typing import Generic, TypeVar\nT = TypeVar('T')\n"
        "class A(Generic[T]):\n    version = '1'\n",
        "A",
    ),
    "a generic base of one's own": (
        "from typing import Generic, TypeVar\nT = TypeVar('T')\n"
        "class A(Generic[T]):\n    version = '1'\nclass B(A[int]):\n    pass\n",
        "B",
    ),
    "a dataclass": ("import dataclasses\n@dataclasses.dataclass\n" + A, "A"),
    "a final dataclass with arguments": (
        "from dataclasses import dataclass\nfrom typing import final\n"
        "@final\n@dataclass(slots=False)\n" + A,
        "A",
    ),
    "what is named register and is a class": (f"class register: pass\n{A}", "A"),
    "what is named register and is a number": (f"register = 3\n{A}", "A"),
    "what is named create and is a class": (
        "class create: pass\n",
        Doubt.NO_PLUGIN,
    ),
    "an asynchronous register": (f"{A}{B}async def register(app, context): return A()\n", "A"),
    "an asynchronous create": (
        "class A: pass\nasync def create(config):\n    def spare():\n        return 3\n"
        "    a = A()\n    return a\n",
        "A",
    ),
    "a class that fits goes before create": (f"{A}def create(config): return None\n", "A"),
    "names that are values": (f"x = 1\nx = 2\nhere = {{}}\nhere = []\nfor y in (): pass\n{A}", "A"),
    "a name imported twice from outside": (
        "try:\n    from json import loads\nexcept ImportError:\n    from os import sep as loads\n"
        + A,
        "A",
    ),
    "two names of one class": (f"{A}B = A\n", "A"),
    "imported from a module of its own": (
        {"": "from .inner import A\nfrom . import inner\n", "inner": A},
        "A",
    ),
    "a class with a method under a mapping": (
        "PLUGIN_META = {'version': '1'}\nclass A:\n    def handle(self, request): ...\n"
        "class Other:\n    def unrelated(self): ...\n",
        "A",
    ),
    "an exception with a version": ("class A(ValueError):\n    version = '1'\n", Doubt.NO_PLUGIN),
    "an exception's base of one's own": (
        f"class Root(Exception): pass\nclass Sad(Root):\n    version = '1'\n{A}",
        "A",
    ),
    "two that fit": (A + B, Doubt.SEVERAL),
    "nothing": ("x = 1\n", Doubt.NO_PLUGIN),
}


@pytest.mark.parametrize("case", TOLD)
def test_what_is_told_is_what_is_made(case: str) -> None:
    source, expected = TOLD[case]
    assert chosen(source) == expected
    assert made(source) == expected


OPEN: dict[str, tuple[Source, str | Doubt]] = {
    "register twice": (f"{A}def register(app, context): ...\nregister = None\n", Doubt.UNKNOWN),
    "register under a condition": (
        f"import os\nif os.sep:\n    def register(app, context): return A()\n{A}",
        Doubt.UNKNOWN,
    ),
    "create twice": ("def create(config): ...\ncreate = None\n", Doubt.UNKNOWN),
    "a star": (f"from os.path import *\n{A}", Doubt.UNKNOWN),
    "register from outside": (f"from somewhere import register\n{A}", "?"),
    "register that is called together": (f"{A}register = make()\n", "?"),
    "register under a decorator": (f"{A}@mark\ndef register(app, context): return A()\n", "?"),
    "register that returns twice": (
        f"{A}{B}def register(app, context):\n    if app: return A()\n    return B()\n",
        "?",
    ),
    "register that returns inside a try": (
        f"{A}def register(app, context):\n    try:\n        return A()\n"
        "    except ValueError:\n        return None\n",
        "?",
    ),
    "register that returns inside a match": (
        f"{A}def register(app, context):\n    match app:\n        case None:\n"
        "            return None\n    return A()\n",
        "?",
    ),
    "register that returns nothing": (f"{A}def register(app, context): A()\n", "?"),
    "register that returns an attribute": (
        f"{A}def register(app, context): return app.plugin\n",
        "?",
    ),
    "register whose class is its argument": (
        f"{A}def register(A, context): return A()\n",
        "?",
    ),
    "register whose class is its own": (
        f"{A}def register(app, context):\n    class A: pass\n    return A()\n",
        "?",
    ),
    "register of what two names get": (
        f"{A}def register(app, context):\n    a = b = A()\n    return a\n",
        "?",
    ),
    "register of a class from outside": (
        "from somewhere import A\ndef register(app, context): return A()\n",
        "?",
    ),
    "register of a name that nothing binds": ("def register(app, context): return A()\n", "?"),
    "register of a function's answer": (
        f"{A}def build(): return A()\ndef register(app, context): return build()\n",
        "?",
    ),
    "register of a dataclass with arguments": (
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    version: str = '1'\n"
        "def register(app, context): return A(version='2')\n",
        "?",
    ),
    "a base that is called together": ("class A(make()):\n    version = '1'\n", Doubt.UNKNOWN),
    "a base from a package's attribute": (
        "import os.path\nclass A(os.PathLike):\n    version = '1'\n",
        Doubt.UNKNOWN,
    ),
    "a base from an attribute of an attribute": (
        "import os\nclass A(os.path.Base):\n    version = '1'\n",
        Doubt.UNKNOWN,
    ),
    "a base from a library that is imported twice": (
        "import os\nimport os\nclass A(os.PathLike):\n    version = '1'\n",
        Doubt.UNKNOWN,
    ),
    "a base from an attribute of a value": (
        "x = 1\nclass A(x.Base):\n    version = '1'\n",
        Doubt.UNKNOWN,
    ),
    "a base that is a function's": (
        "def Base(): ...\nclass A(Base):\n    version = '1'\n",
        Doubt.UNKNOWN,
    ),
    "two bases of its own": (f"{A}{B}class C(A, B): pass\n", Doubt.UNKNOWN),
    "a base from outside and one of its own": (
        f"from somewhere import Base\n{A}class C(A, Base): pass\n",
        Doubt.UNKNOWN,
    ),
    "a base of itself": ("class A(A):\n    version = '1'\n", Doubt.UNKNOWN),
    "fields that become attributes": (
        "from typing import NamedTuple\nclass A(NamedTuple):\n    version: str = '1'\n",
        Doubt.UNKNOWN,
    ),
    "a decorator from outside": (f"from somewhere import mark\n@mark\n{A}", Doubt.UNKNOWN),
    "a class bound twice": (f"{A}{A}", Doubt.UNKNOWN),
    "a class or something made": (f"import os\nA = os.sep\nA = os.getcwd()\n{B}", Doubt.UNKNOWN),
    "one of two classes of its own": (
        {
            "": "try:\n    from .one import A\nexcept ImportError:\n    from .two import A\n",
            "one": A,
            "two": A,
        },
        Doubt.UNKNOWN,
    ),
}


@pytest.mark.parametrize("case", OPEN)
def test_what_is_left_open(case: str) -> None:
    source, expected = OPEN[case]
    assert chosen(source) == expected

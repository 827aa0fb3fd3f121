"""F13: an import that will fail is told before anything runs, and only what is sure is an error."""

from __future__ import annotations

import hashlib
import importlib.abc
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from hot_reload.source.bindings import Texts
from hot_reload.source.imports import unresolved_imports
from hot_reload.source.snapshot import SourceFile, SourceSnapshot


def told(sources: str | Mapping[str, str]) -> list[tuple[str, bool]]:
    """Each import that cannot be resolved, and whether that is sure."""
    texts = {"": sources} if isinstance(sources, str) else sources
    files = {}
    for name, text in texts.items():
        data = text.encode()
        path = Path("/plugins/counter") / f"{name or '__init__'}.py"
        files[name] = SourceFile(path, data, hashlib.sha256(data).hexdigest())
    inner = frozenset() if isinstance(sources, str) else frozenset({""})
    snapshot = SourceSnapshot("counter", files, inner, files[""].sha256)
    return [(each.text, each.certain) for each in unresolved_imports(Texts(snapshot))]


FOUND: dict[str, str | dict[str, str]] = {
    "caught by a bare except": "try:\n    import nowhere_a\nexcept:\n    pass\n",
    "caught by its name in a library": (
        "import builtins\ntry:\n    import nowhere_a\nexcept builtins.ImportError:\n    pass\n"
    ),
    "caught in a group": "try:\n    import nowhere_a\nexcept* Exception:\n    pass\n",
    "suppressed": "from contextlib import suppress\nwith suppress(ImportError): import nowhere_a\n",
    "a folder without a module of its own": {"": "from .sub import words\n", "sub.words": ""},
    "what every module has": {"": "from .words import __file__, __doc__\n", "words": ""},
    "what a module makes when it is asked": {
        "": "from .words import anything\n",
        "words": "def __getattr__(name): return name\n",
    },
    "a module from itself": {"": "from counter import later\n"},
    "submodules that are there": "import xml.etree.ElementTree, email.mime.text\n",
    "a submodule that a library makes": "import os.path\n",
}


@pytest.mark.parametrize("case", FOUND)
def test_f13_what_can_be_found_or_done_without_is_not_told(case: str) -> None:
    assert told(FOUND[case]) == []


LOST: dict[str, tuple[str | dict[str, str], list[tuple[str, bool]]]] = {
    "in what is always run": (
        "with open('x') as file:\n    import nowhere_a\n"
        "class A:\n    import nowhere_b\nfor each in ():\n    import nowhere_c\n",
        [(f"no module named 'nowhere_{each}'", True) for each in "abc"],
    ),
    "with what does not suppress it": (
        "from contextlib import suppress\nwith suppress(ValueError): import nowhere_a\n",
        [("no module named 'nowhere_a'", True)],
    ),
    "after a try": (
        "try:\n    import json\nexcept ImportError:\n    json = None\n"
        "else:\n    import nowhere_a\nfinally:\n    import nowhere_b\n",
        [(f"no module named 'nowhere_{each}'", True) for each in "ab"],
    ),
    "below what is no package": (
        "import json.decoder.nowhere\n",
        [("no module named 'json.decoder.nowhere', though there is 'json'", False)],
    ),
    "where types are not checked": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nowhere_a\n"
        "else:\n    import nowhere_b\n",
        [("no module named 'nowhere_b'", True)],
    ),
    "a name that a module does not have": (
        {"": "from .words import WORT\n", "words": "WORD = 1\n"},
        [("module 'words' has no 'WORT'", False)],
    ),
}


@pytest.mark.parametrize("case", LOST)
def test_f13_what_cannot_be_found_is_told(case: str) -> None:
    source, expected = LOST[case]
    assert told(source) == expected


def test_f13_below_a_module_that_does_not_say_where_it_is_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such a one is made by hand: ``__main__`` under a debugger is one."""
    monkeypatch.setitem(sys.modules, "made_by_hand", ModuleType("made_by_hand"))
    assert told("import made_by_hand\n") == []
    assert told("import made_by_hand.inner\n") == [
        ("no module named 'made_by_hand.inner', though there is 'made_by_hand'", False)
    ]


class _Refusing(importlib.abc.MetaPathFinder):
    """An import hook that refuses a name instead of passing it on, as guards do."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "nowhere_a":
            raise ImportError("nowhere_a is forbidden here")


def test_f13_what_a_hook_refuses_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [_Refusing(), *sys.meta_path])
    assert told("import nowhere_a\n") == [("no module named 'nowhere_a'", True)]

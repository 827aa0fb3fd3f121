"""F13, F24: what is wrong with a plugin is found in its bytes, by line, and nothing is run."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import hot_reload_fixtures.samples
from hot_reload.errors import ImportRefused, ManifestError, SourceSyntaxError
from hot_reload.outcome import Role
from hot_reload.source.imports import imported_tops
from hot_reload.source.snapshot import DiskFiles, SourceFile, SourceSnapshot, take_snapshot
from hot_reload.source.validate import Rule, Severity, Validation, validate

PLUGIN = "class Counter:\n    version = '1.0'\n    def handle(self, request): ...\n"


def snapshot(source: str | Mapping[str, str]) -> SourceSnapshot:
    texts = {"": source} if isinstance(source, str) else source
    files = {}
    for name, text in texts.items():
        data = text.encode()
        path = Path("/plugins/counter") / f"{name or '__init__'}.py"
        files[name] = SourceFile(path, data, hashlib.sha256(data).hexdigest())
    inner = frozenset() if isinstance(source, str) else frozenset({""})
    return SourceSnapshot("counter", files, inner, files[""].sha256)


GOOD: dict[str, str | dict[str, str]] = {
    "plain": PLUGIN,
    "imports that are there": f"import os.path, json\nfrom xml.etree import ElementTree\n{PLUGIN}",
    "guarded": (
        "try:\n    import nowhere_a\nexcept ImportError:\n    nowhere_a = None\n"
        f"try:\n    import nowhere_b\nexcept (ValueError, ModuleNotFoundError):\n    pass\n{PLUGIN}"
    ),
    "suppressed": (
        "import contextlib\nwith contextlib.suppress(ImportError):\n    import nowhere_a\n" + PLUGIN
    ),
    "for types": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import nowhere_a\n" + PLUGIN
    ),
    "of its own": {
        "": f"from . import words\nfrom .words import WORD\nimport counter.words\n{PLUGIN}",
        "words": "WORD = 1\nfrom . import more\n",
        "more": "",
    },
    "made by a star": {"": f"from .words import WORD\n{PLUGIN}", "words": "from json import *\n"},
    "a declared dependency": f"import base\n{PLUGIN}    dependencies = ['base']\n",
    "a class that a call gives": (
        "Counter = type('Counter', (), {'version': '1.0', '__module__': __name__})\n"
    ),
    "version that is computed": PLUGIN.replace("'1.0'", "str(1)"),
    "version of the instance": (
        "PLUGIN_META = {}\nclass A:\n    def handle(self, r): ...\n"
        "    def __init__(self): self.version = '1'\n"
    ),
    "version of a property": (
        "class A:\n    @property\n    def version(self): return '1'\n    def handle(self, r): ...\n"
    ),
    "metadata that is no literal": "V = '1'\nclass A:\n    metadata = {'version': V}\n",
    "version that a mapping computes": (
        "V = str(1)\nPLUGIN_META = {'version': V}\nclass A:\n    def handle(self, r): ...\n"
    ),
    "version that may be spread in": (
        "MORE = {'version': '1'}\nPLUGIN_META = {**MORE}\nclass A:\n    def handle(self, r): ...\n"
    ),
    "version that is annotated": PLUGIN.replace("version =", "version: str ="),
    "API that is computed": f"HOT_RELOAD_API = '>=' + str(1)\n{PLUGIN}",
    "metadata of a property": (
        "class A:\n    @property\n    def metadata(self): return {'version': '1'}\n"
    ),
    "mapping from elsewhere": (
        "from json import loads\nPLUGIN_META = loads('{}')\n"
        "class A:\n    def handle(self, r): ...\n"
    ),
    "register of what is not known": "def register(app, context):\n    return app.make()\n",
    "API": f"HOT_RELOAD_API = '>=1,<2'\n{PLUGIN}",
    "roles that are no literals": (
        f"from hot_reload.outcome import Role\n{PLUGIN}    roles = (Role.SERVICE,)\n"
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_f13_a_good_plugin_has_no_findings(case: str) -> None:
    assert validate(snapshot(GOOD[case])) == Validation()


SAMPLES = sorted(Path(hot_reload_fixtures.samples.__file__).parent.glob("[a-z]*.py"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_f13_the_samples_have_no_errors(path: Path) -> None:
    found = validate(take_snapshot(path, DiskFiles()))
    assert found.stopping() == ()


BAD: dict[str, tuple[str | dict[str, str], Rule, int | None, str]] = {
    "syntax": ("x = 1\ndef (\n", Rule.SYNTAX, 2, "SyntaxError"),
    "nested": (f"x = 1\ny = {'-' * 100_000}1\n", Rule.SYNTAX, None, "nested too deeply"),
    "missing": (f"\nimport nowhere_a\n{PLUGIN}", Rule.IMPORTS, 2, "no module named 'nowhere_a'"),
    "missing from": (
        f"from nowhere_a.b import c\n{PLUGIN}",
        Rule.IMPORTS,
        1,
        "no module named 'nowhere_a'",
    ),
    "in a try that catches something else": (
        f"try:\n    import nowhere_a\nexcept ValueError:\n    pass\n{PLUGIN}",
        Rule.IMPORTS,
        2,
        "no module named 'nowhere_a'",
    ),
    "relative in a file": (f"from . import a\n{PLUGIN}", Rule.IMPORTS, 1, "that is one file"),
    "own module": ({"": f"from .b import c\n{PLUGIN}"}, Rule.IMPORTS, 1, "has no module 'b'"),
    "above the plugin": ({"": f"from .. import c\n{PLUGIN}"}, Rule.IMPORTS, 1, "goes above"),
    "own absolute": ({"": f"import counter.b\n{PLUGIN}"}, Rule.IMPORTS, 1, "has no module 'b'"),
    "no plugin": ("x = 1\n", Rule.PLUGIN, None, "there is no plugin"),
    "two plugins": (f"{PLUGIN}class B:\n    version = '2'\n", Rule.PLUGIN, None, "more than one"),
    "no version": (
        "PLUGIN_META = {'author': 'me'}\nclass A:\n    def handle(self, r): ...\n",
        Rule.METADATA,
        2,
        "declares no version",
    ),
    "bad version": ("class A:\n    version = 'new'\n", Rule.METADATA, 1, "'new' is not a version"),
    "unknown field": (
        f"PLUGIN_META = {{'verison': '1'}}\n{PLUGIN}",
        Rule.METADATA,
        2,
        "unknown field 'verison'",
    ),
    "role without its method": (
        f"{PLUGIN}    roles = ['sink']\n",
        Rule.METADATA,
        1,
        "has no method 'write'",
    ),
    "bad range": (f"{PLUGIN}    dependencies = ['a>>1']\n", Rule.METADATA, 1, "malformed"),
    "other API": (f"HOT_RELOAD_API = '>=2'\n{PLUGIN}", Rule.API_VERSION, 1, "this engine has 1.0"),
    "API of no sense": (
        f"HOT_RELOAD_API = 1\n{PLUGIN}",
        Rule.API_VERSION,
        1,
        "HOT_RELOAD_API is 1",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_f13_an_error_has_rule_file_line_and_text(case: str) -> None:
    source, rule, line, text = BAD[case]
    found = validate(snapshot(source)).stopping()
    assert [(each.rule, each.line) for each in found] == [(rule, line)]
    assert text in found[0].text
    assert found[0].file == "/plugins/counter/__init__.py"
    assert str(found[0]).startswith(f"{found[0].file}{f':{line}' if line else ''}: error: ")


def test_f13_what_compiles_and_is_too_deep_to_be_read_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The parser's tree takes a level more than the compiler's: there is such a depth."""

    def too_deep(*_: object) -> None:
        raise RecursionError("maximum recursion depth exceeded")

    monkeypatch.setattr(ast, "parse", too_deep)
    (found,) = validate(snapshot(PLUGIN)).stopping(force=True)
    assert (found.rule, found.line) == (Rule.SYNTAX, None)
    assert found.text == "RecursionError: nested too deeply to be read"


def test_f13_f24_force_skips_an_import_but_never_the_syntax() -> None:
    missing = validate(snapshot(f"import nowhere_a\n{PLUGIN}"))
    fault = missing.fault()
    assert type(fault) is ImportRefused
    assert str(fault) == "validation of imports: no module named 'nowhere_a'"
    assert fault.hint == "if it is a distribution of that name: python -m pip install nowhere_a"
    assert missing.fault(force=True) is None
    syntax = validate(snapshot("def ("))
    assert type(syntax.fault(force=True)) is SourceSyntaxError
    metadata = validate(snapshot("class A:\n    version = 'new'\n"))
    assert type(metadata.fault(force=True)) is ManifestError


def test_f13_what_nothing_imports_is_a_warning_and_the_rest_is_looked_at() -> None:
    plugin = f"from . import words\nimport nowhere_b\n{PLUGIN}"
    files = {"": plugin, "words": "", "template": "{{ x }} {\n", "test_it": "import nowhere_a\n"}
    found = validate(snapshot(files))
    told = {(Path(each.file).stem, each.rule, each.severity) for each in found.findings}
    assert told == {
        ("template", Rule.SYNTAX, Severity.WARNING),
        ("test_it", Rule.IMPORTS, Severity.WARNING),
        ("__init__", Rule.IMPORTS, Severity.ERROR),
    }


def test_f13_the_first_finding_leads_and_the_others_are_counted() -> None:
    found = validate(snapshot("import nowhere_a\nimport nowhere_b\n"))
    assert len(found.findings) == 3
    assert "(and 2 more)" in str(found.fault())
    assert "(and" not in str(found.fault(force=True))


def test_f13_what_is_not_certain_is_a_warning() -> None:
    source = (
        f"import os\ndef late():\n    import nowhere_a\nif os.sep == 'x':\n    import b_x\n{PLUGIN}"
    )
    found = validate(snapshot(source))
    assert [(each.severity, each.line) for each in found.findings] == [
        (Severity.WARNING, 3),
        (Severity.WARNING, 5),
    ]
    assert found.fault() is None
    submodule = validate(snapshot(f"import json.nowhere\n{PLUGIN}")).findings
    assert [each.text for each in submodule] == [
        "no module named 'json.nowhere', though there is 'json'"
    ]
    name = {"": f"from .words import WORT\n{PLUGIN}", "words": "WORD = 1\n"}
    assert [each.text for each in validate(snapshot(name)).findings] == [
        "module 'words' has no 'WORT'"
    ]


def test_f13_dependencies_against_the_plugins_that_are_there() -> None:
    taken = snapshot(f"{PLUGIN}    dependencies = ['base>=2', 'gone']\n")
    assert validate(taken).findings == ()
    found = validate(taken, plugins={"base": "1.5"}).stopping(force=True)
    assert [each.text for each in found] == [
        "it needs 'base' in >=2, but it is 1.5",
        "it needs 'gone', which is not there",
    ]
    assert validate(taken, plugins={"base": "2.1", "gone": "1"}).findings == ()


def test_f13_compatibility_with_what_runs() -> None:
    found = validate(snapshot(PLUGIN), roles=[Role.SINK, Role.SERVICE], configured=True)
    assert [(each.rule, each.severity) for each in found.findings] == [
        (Rule.ROLE, Severity.WARNING),
        (Rule.CONFIG_SCHEMA, Severity.WARNING),
    ]
    assert "is a sink too" in found.findings[0].text
    with_schema = snapshot(f"class Options: ...\n{PLUGIN}    config_schema = Options\n")
    assert validate(with_schema, roles=[Role.SERVICE], configured=True).findings == ()


def test_f13_nothing_is_run_or_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "package_of_f13"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('it ran')\n")
    (package / "inner.py").write_text("raise SystemExit('it ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    source = f"import package_of_f13.inner\nraise SystemExit('it ran')\n{PLUGIN}"
    assert validate(snapshot(source)).findings == ()
    assert "package_of_f13" not in sys.modules


def test_what_a_plugin_imports_from_outside_itself() -> None:
    source = {
        "": "import os.path, counter.words\nfrom . import words\nfrom base.more import x\n",
        "words": "def late():\n    import geo\nfrom .. import up\n",
    }
    assert imported_tops(snapshot(source)) == {"os", "base", "geo"}
    assert imported_tops(snapshot("import (")) == frozenset()


def test_f13_a_file_whose_name_is_no_plugins_may_be_given_one_by_who_loads_it() -> None:
    data = PLUGIN.encode()
    path = Path("/plugins/my plugin.py")
    file = SourceFile(path, data, hashlib.sha256(data).hexdigest())
    found = validate(SourceSnapshot("my plugin", {"": file}, frozenset(), file.sha256))
    assert found.findings == ()

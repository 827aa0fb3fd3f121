"""A single-file plugin as a package."""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hot_reload_conformance.adapter import PluginSpec
from hot_reload_conformance.dialect import PACKAGE_HANDLERS, package_files
from hot_reload_conformance.specimens.blue_green import render_class

SPEC = PluginSpec(package=True, handlers=PACKAGE_HANDLERS)


def test_the_version_stands_in_the_own_module_alone() -> None:
    one = package_files(SPEC, render_class(SPEC))
    other = package_files(SPEC.at("v2"), render_class(SPEC.at("v2")))
    assert list(one) == ["alpha/__init__.py", "alpha/part.py"]
    assert one["alpha/__init__.py"] == other["alpha/__init__.py"]
    assert one["alpha/part.py"] != other["alpha/part.py"]
    assert "v1" not in one["alpha/__init__.py"]


@pytest.mark.parametrize("quote", ["'", '"'])
def test_literals_may_have_either_quote(quote: str) -> None:
    text = f"P = probe.attach({quote}alpha{quote},  {quote}v1{quote})\n"
    main = package_files(SPEC, text)["alpha/__init__.py"]
    assert "probe.attach('alpha', _RELATIVE, _WAYS)" in main


def test_future_imports_stay_first() -> None:
    text = "from __future__ import annotations\nP = probe.attach('alpha', 'v1')\n"
    main = package_files(SPEC, text)["alpha/__init__.py"]
    assert main.startswith("from __future__ import annotations\n")
    compile(ast.parse(main), "alpha", "exec")


def test_a_text_without_a_literal_attach_is_refused() -> None:
    with pytest.raises(ValueError, match="0 times, not once"):
        package_files(SPEC, "P = probe.attach(NAME, VERSION)\n")


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import from; what was imported is forgotten."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.mark.parametrize("folder", ["", "one"])
def test_the_text_may_have_a_class_of_the_packages_name(folder: str, importable: Path) -> None:
    """As in hosts that find a plugin by a class called as its package (Limnoria)."""
    spec = PluginSpec(name="dialect_alpha", package=True, directory=folder)
    dotted = spec.ref.replace("/", ".")
    text = (
        "class probe:\n    def attach(name, version, ways): return ways\n"
        "P = probe.attach('dialect_alpha', 'v1')\n"
        "class dialect_alpha: pass\nclass one: pass\n"
    )
    for path, each in package_files(spec, text, import_name=dotted).items():
        (importable / path).parent.mkdir(parents=True, exist_ok=True)
        (importable / path).write_text(each)
    ways = importlib.import_module(dotted).P
    assert ways["absolute"]() == "v1"


def test_a_package_that_is_new_beside_an_old_module_of_its_own_answers_all_the_same(
    importable: Path,
) -> None:
    """As in hosts that take the package alone out of sys.modules (interactions.py): the module
    is still there, so that the import of it binds nothing."""
    spec = PluginSpec(name="dialect_alpha", package=True)
    text = (
        "class probe:\n    def attach(name, version, ways): return ways\n"
        "P = probe.attach('dialect_alpha', 'v1')\n"
    )
    for path, each in package_files(spec, text).items():
        (importable / path).parent.mkdir(parents=True, exist_ok=True)
        (importable / path).write_text(each)
    importlib.import_module("dialect_alpha")
    del sys.modules["dialect_alpha"]
    ways = importlib.import_module("dialect_alpha").P
    said = [ways[each]() for each in PACKAGE_HANDLERS]
    assert said[0] == "v1 but nothing: module 'dialect_alpha' has no attribute 'part'"
    assert said[1] == "v1"

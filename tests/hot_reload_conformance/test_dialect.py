"""A single-file plugin as a package."""

from __future__ import annotations

import ast

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

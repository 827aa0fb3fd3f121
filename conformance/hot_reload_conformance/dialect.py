"""Pieces for an adapter's ``render``: what is the same in the dialects of all Python hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hot_reload_conformance.adapter import PluginSpec

PACKAGE_HANDLERS: tuple[str, ...] = ("absolute", "relative", "late")
"""The handlers of a package that tell by which import they reached the version."""

_IMPORTS = """\
import NAME.part
_TOP = FIRST  # what the import bound; the text below may have a class of that name
from NAME.part import VERSION as _ABSOLUTE
from .part import VERSION as _RELATIVE


def _bound(top):
    try:
        return topREST.part.VERSION
    except AttributeError as error:  # an old module of it is still there, and is not bound
        return f"nothing: {error}"


def _absolute():
    bound = _bound(_TOP)
    return _ABSOLUTE if _ABSOLUTE == bound else f"{_ABSOLUTE} but {bound}"


def _late():
    import NAME.part
    from .part import VERSION

    bound = _bound(FIRST)
    return VERSION if VERSION == bound else f"{VERSION} but {bound}"


_WAYS = {"absolute": _absolute, "relative": lambda: _RELATIVE, "late": _late}
"""


def dependency_lines(spec: PluginSpec) -> list[str]:
    """The lines, behind that with ``probe.attach``, by which a plugin's own code imports the
    plugins that ``spec`` names as its dependencies, and tells the probe ``P`` what it reached."""
    names = [dependency_name(each) for each in spec.dependencies if spec.imports]
    return [
        *(f"import {name}" for name in names),
        *([f"P.needs({', '.join(names)})"] * bool(names)),
    ]


def dependency_name(dependency: str) -> str:
    """``base`` of ``base<2``."""
    return re.split(r"[<>=!~ ]", dependency, maxsplit=1)[0]


def package_files(spec: PluginSpec, text: str, *, import_name: str = "") -> Mapping[str, str]:
    """A plugin of one file as a package: its ``__init__`` and a module ``part`` of its own.

    ``text`` is what ``render`` gives for the same plugin as a single file. In it the
    version stands as a string literal, once in ``probe.attach(name, version)`` and
    wherever else the host wants it; it goes to ``part``, and ``text`` imports it::

        def render(self, spec):
            text = my_single_file(spec)
            return package_files(spec, text) if spec.package else {f"{spec.ref}.py": text}

    ``import_name`` is the dotted name by which the host imports the package, where that
    is not ``spec.name``: ``one.alpha`` in a host that knows folders by dots.

    Raises:
        ValueError: ``text`` has no ``probe.attach(name, version)`` with two literals.
    """
    name = rf"""(['"]){re.escape(spec.name)}\1"""
    version = rf"""(['"]){re.escape(spec.version)}"""
    body, found = re.subn(
        rf"attach\(\s*{name}\s*,\s*{version}\2\s*\)",
        f"attach({spec.name!r}, _RELATIVE, _WAYS)",
        text,
    )
    if found != 1:
        raise ValueError(
            f"the text for {spec.ref!r} calls probe.attach({spec.name!r}, {spec.version!r}) "
            f"{found} times, not once, so it cannot be made a package: write both as literals"
        )
    body = re.sub(rf"{version}\1", "_RELATIVE", body)
    return {
        f"{spec.ref}/__init__.py": _after_future(body, _imports(import_name or spec.name)),
        f"{spec.ref}/part.py": f"VERSION = {spec.version!r}\n",
    }


def _imports(name: str) -> str:
    first, dot, rest = name.partition(".")
    text = _IMPORTS.replace("topREST", f"top{dot}{rest}").replace("FIRST", first)
    return text.replace("NAME", name)


def _after_future(text: str, imports: str) -> str:
    """``imports`` in front of ``text``, but behind its ``from __future__`` lines."""
    lines = text.splitlines(keepends=True)
    place = 0
    for number, line in enumerate(lines, start=1):
        if line.startswith("from __future__"):
            place = number
    return "".join([*lines[:place], imports, *lines[place:]])
